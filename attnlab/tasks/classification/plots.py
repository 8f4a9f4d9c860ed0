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
    """A sentence, its class, and what a run made of it: weights [S], p(its class)."""

    words: tuple[str, ...]
    label: str
    said: str
    share: float  # the probability of what was said
    weights: np.ndarray
    gold: frozenset[int]

    def text(self, title: str) -> ShadedText:
        verdict = "" if self.said == self.label else f", wrong: {self.label}"
        note = f"{self.said} ({self.share:.2f}){verdict}"
        return ShadedText(title, self.words, self.weights, self.gold, note)


def draw(found: Sequence[Row], known: Mapping[str, ExampleStats], add: Add) -> None:
    """Every figure that the runs so far allow, of each row's first finished seed."""
    seen = {row.name: sentences(row, known[row.name]) for row in found}
    seen = {name: some for name, some in seen.items() if some}
    if not seen:
        return
    first = next(iter(seen.values()))
    shared = [
        n
        for n, one in enumerate(first)
        if all(n < len(some) and some[n].words == one.words for some in seen.values())
    ]
    alike = len(seen) > 1 and bool(shared)
    shared = shared or list(range(len(first)))  # of other corpora: the first row's own
    places = chosen([first[n] for n in shared], max(PANELS, SEVERAL))
    at = [shared[place] for place in places]
    underlined = "; the words that decide are underlined" if first[at[0]].gold else ""
    told = (
        f"The darker a word, the heavier its weight{underlined}. In brackets p(class)"
    )
    if alike:
        for number, place in enumerate(at[:PANELS], 1):
            texts = [some[place].text(name) for name, some in seen.items()]
            caption = (
                f"One sentence under every variant, each row's first finished seed. "
                f"{told}. The sentence was chosen by its length and evidence alone."
            )
            add(shaded(texts), f"sentence-{number}", caption)
    own = {name: some for name, some in seen.items() if alike or some is first}
    looking = [name for name, some in own.items() if some[at[0]].weights.any()]
    if looking:
        some = seen[looking[0]]
        texts = [some[place].text(some[place].label) for place in at[:SEVERAL]]
        add(shaded(texts), "sentences", f"What {looking[0]} looked at. {told}.")


def sentences(row: Row, example_stats: ExampleStats) -> list[Classified]:
    """The kept test sentences of the row's first finished seed."""
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
    """Sentences to show, chosen by words and evidence and never by weights.

    Of at most LONGEST words, those with the most evidence, then the longest; where
    all are longer, the shortest.
    """
    lengths = [len(one.words) for one in some]
    short = [n for n, length in enumerate(lengths) if 0 < length <= LONGEST]
    if not short:
        return sorted(range(len(some)), key=lambda n: lengths[n])[:count]
    return sorted(short, key=lambda n: (-len(some[n].gold), -lengths[n]))[:count]
