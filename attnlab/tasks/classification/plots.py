"""What a sweep of classifiers shows: sentences with their words shaded by weight."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from attnlab import runs
from attnlab.report.example_stats import ExampleStats
from attnlab.report.rows import Row
from attnlab.report.shaded import ShadedText, shaded
from attnlab.report.task_plots import Add

PANELS = 2  # sentences shown under every variant
SEVERAL = 6  # sentences shown under one
LONGEST = 60  # words of a sentence that is shown, if there is such a one


class Classified(NamedTuple):
    """A sentence, its class, and what a run made of it.

    Attributes:
      words: as far as it was read, S.
      label: its class.
      predicted: the class that the run gave it.
      probability: of the class that the run gave it.
      weights: [S].
      gold: positions of the words that decide.
    """

    words: tuple[str, ...]
    label: str
    predicted: str
    probability: float
    weights: np.ndarray
    gold: frozenset[int]

    def text(self, title: str) -> ShadedText:
        """The sentence to be drawn.

        Args:
          title: stands above it.

        Returns:
          Its words with their weights, and the class in a note.
        """
        wrong = "" if self.predicted == self.label else f", wrong: {self.label}"
        note = f"{self.predicted} ({self.probability:.2f}){wrong}"
        return ShadedText(title, self.words, self.weights, self.gold, note)


def draw(
    rows: Sequence[Row], example_stats: Mapping[str, ExampleStats], add: Add
) -> None:
    """Draws sentences with their words shaded, of each row's first finished seed.

    Args:
      rows: of the task.
      example_stats: what the runs did with each example, by the row's name.
      add: takes a figure, its file name and its caption.
    """
    by_row = {row.name: sentences(row, example_stats[row.name]) for row in rows}
    by_row = {name: some for name, some in by_row.items() if some}
    if not by_row:
        return
    first = next(iter(by_row.values()))
    shared = [
        n
        for n, sentence in enumerate(first)
        if all(
            n < len(some) and some[n].words == sentence.words
            for some in by_row.values()
        )
    ]
    alike = len(by_row) > 1 and bool(shared)
    shared = shared or list(range(len(first)))  # rows of several corpora: the first's
    places = chosen([first[n] for n in shared], max(PANELS, SEVERAL))
    at = [shared[place] for place in places]
    underlined = "; the words that decide are underlined" if first[at[0]].gold else ""
    legend = (
        f"The darker a word, the heavier its weight{underlined}. In brackets p(class)"
    )
    if alike:
        for number, place in enumerate(at[:PANELS], 1):
            texts = [some[place].text(name) for name, some in by_row.items()]
            caption = (
                f"One sentence under every variant, each row's first finished seed. "
                f"{legend}. The sentence was chosen by its length and evidence alone."
            )
            add(shaded(texts), f"sentence-{number}", caption)
    compared = {name: some for name, some in by_row.items() if alike or some is first}
    looking = [name for name, some in compared.items() if some[at[0]].weights.any()]
    if looking:
        some = by_row[looking[0]]
        texts = [some[place].text(some[place].label) for place in at[:SEVERAL]]
        add(shaded(texts), "sentences", f"What {looking[0]} looked at. {legend}.")


def sentences(row: Row, example_stats: ExampleStats) -> list[Classified]:
    """The test sentences whose weights a row's first finished seed has written.

    Args:
      row: of the task.
      example_stats: of the row.

    Returns:
      The sentences; [] where there are none.
    """
    for run, aligned in zip(row.finished, example_stats.alignments, strict=True):
        path = run.folder / runs.EXAMPLES
        if aligned is None or not path.exists():
            continue
        arrays = runs.read_arrays(path)
        classes = arrays["classes"].tobytes().decode().split("\n")
        shares = arrays["probabilities"]
        if len(shares) == len(aligned.pairs):
            return [
                Classified(
                    pair.source,
                    pair.target[0],
                    classes[int(share.argmax())],
                    float(share.max()),
                    np.asarray(pair.weights)[0],
                    frozenset(s for _, s in pair.possible),
                )
                for pair, share in zip(aligned.pairs, shares, strict=True)
            ]
    return []


def chosen(some: Sequence[Classified], count: int) -> list[int]:
    """Sentences to draw, chosen by words and evidence and never by weights.

    Of at most LONGEST words, those with the most evidence, then the longest; where
    all are longer, the shortest.

    Args:
      some: the sentences.
      count: how many to choose, at most.

    Returns:
      Their indices.
    """
    lengths = [len(sentence.words) for sentence in some]
    short = [n for n, length in enumerate(lengths) if 0 < length <= LONGEST]
    if not short:
        return sorted(range(len(some)), key=lambda n: lengths[n])[:count]
    return sorted(short, key=lambda n: (-len(some[n].gold), -lengths[n]))[:count]
