"""Figures of readers: passages under every variant, a shade a word by its weight."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attnlab import runs
from attnlab.report.example_stats import ExampleStats
from attnlab.report.rows import Row
from attnlab.report.shaded import ShadedText, shaded
from attnlab.report.task_plots import Add

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAVY = 10  # times an equal share is dark, so that uniform weights are pale
QUESTIONS = 4  # drawn, where their passages are short
SHORT, LONG = 90, 600  # words of a passage drawn under all variants at once; or at all


class ClozeWeights(NamedTuple):
    """A passage as one reader saw it.

    passage: S words. query: words. answer: the right entity, "" where it is unknown.
    said: the reader's answer, "" where that is no entity.
    weights: [S], of its last look.
    support: positions of the sentence that tells the answer, where it is known.
    names: of entities, where they are known.
    """

    passage: tuple[str, ...]
    query: tuple[str, ...]
    answer: str
    said: str
    weights: np.ndarray
    support: frozenset[int] = frozenset()
    names: Mapping[str, str] = {}


def draw(
    rows: Sequence[Row], example_stats: Mapping[str, ExampleStats], add: Add
) -> None:
    """Every figure that the runs so far allow, of each row's first finished seed.

    Args:
      rows: of the sweep.
      example_stats: by the row's name.
      add: takes a figure, its file name and its caption.
    """
    looks = {row.name: looks_of(row, example_stats[row.name]) for row in rows}
    looks = {name: some for name, some in looks.items() if some}
    if not looks:
        return
    slugs = {row.name: row.slug for row in rows}
    first = next(iter(looks.values()))
    # Rows may have other questions, such as those of another fold.
    shared = [
        n
        for n, look in enumerate(first)
        if all(same(look, some[n : n + 1]) for some in looks.values())
    ]
    legend = "The darker a word, the heavier its weight in the reader's last look"
    if any(first[n].support for n in shared):
        legend += "; the sentence that tells the answer is underlined"
    for count, place in enumerate(chosen([first[n] for n in shared]), 1):
        versions = {name: some[shared[place]] for name, some in looks.items()}
        if len(first[shared[place]].passage) <= SHORT:
            caption = f"One passage under every variant. {legend}."
            name = "passage" if count == 1 else f"passage-{count}"
            add(passages(versions), name, caption)
            continue
        for name, look in versions.items():
            caption = f"What {name} looked at. {legend}."
            add(passages({name: look}), f"passage-{slugs[name]}", caption)


def looks_of(row: Row, example_stats: ExampleStats) -> list[ClozeWeights]:
    """The test questions of a row's first finished seed.

    Args:
      row: of the sweep.
      example_stats: of the row.

    Returns:
      A look for each question; [] if the reader has no attention.
    """
    for run, aligned in zip(row.finished, example_stats.alignments, strict=True):
        looks = [] if aligned is None else read_looks(run, aligned.pairs)
        if looks:
            return looks
    return []


def read_looks(
    run: runs.Run, pairs: Sequence[runs.AlignedSentence]
) -> list[ClozeWeights]:
    """The test questions of one run.

    Args:
      run: finished.
      pairs: its alignments.

    Returns:
      A look for each; [] where examples.npz is not of these questions.
    """
    path = run.folder / runs.EXAMPLES
    if not path.exists():
        return []
    texts = json.loads(runs.read_arrays(path)["questions"].tobytes())
    if len(texts) != len(pairs):
        return []
    return [_look(*pair) for pair in zip(pairs, texts, strict=True)]


def _look(pair: runs.AlignedSentence, text: Mapping) -> ClozeWeights:
    """The last look at a passage; `text` is what examples.npz has of its question."""
    return ClozeWeights(
        pair.source,
        tuple(text["query"]),
        text["answer"],
        text["said"],
        np.asarray(pair.weights)[-1],
        frozenset(s for _, s in pair.possible),
        text["names"],
    )


def darkest(look: ClozeWeights) -> float:
    """The weight of full color.

    Args:
      look: at a passage.

    Returns:
      The heaviest weight, or HEAVY times an equal share where that is more.
    """
    return max(float(look.weights.max()), HEAVY / max(len(look.passage), HEAVY))


def same(look: ClozeWeights, others: Sequence[ClozeWeights]) -> bool:
    """Whether there is one other look, of the same passage and query.

    Args:
      look: of a variant.
      others: of another variant.

    Returns:
      True where there is exactly one and its question is the same.
    """
    questions = [(other.passage, other.query) for other in others]
    return questions == [(look.passage, look.query)]


def chosen(looks: Sequence[ClozeWeights]) -> list[int]:
    """The questions to draw, by their words alone: the longest of at most SHORT words.

    Args:
      looks: of one variant.

    Returns:
      Their numbers, the longest passage first, QUESTIONS at most. Where all are longer
      that of the shortest; none where that has more than LONG words.
    """
    lengths = [len(look.passage) for look in looks]
    short = [n for n, length in enumerate(lengths) if length <= SHORT]
    if short:
        return sorted(short, key=lambda n: -lengths[n])[:QUESTIONS]
    if not lengths or min(lengths) > LONG:
        return []
    return [int(np.argmin(lengths))]


def passages(looks: Mapping[str, ClozeWeights]) -> "Figure":
    """One question under each variant: the query, then the passage with its shades.

    Args:
      looks: by title; all of one passage and one query.

    Returns:
      A matplotlib figure; an underlined sentence tells the answer.
    """
    first = next(iter(looks.values()))
    # Weights of zero: the query is written in plain black.
    texts = [ShadedText("query", first.query, np.zeros(len(first.query)))]
    texts += [
        ShadedText(title, look.passage, look.weights, look.support, _verdict(look))
        for title, look in looks.items()
    ]
    # One scale for all variants, or an even look would be as dark as a sharp one.
    return shaded(texts, max(map(darkest, looks.values())))


def _verdict(look: ClozeWeights) -> str:
    said = f"→ {_named(look, look.said) or 'no entity'}"
    if not look.answer:  # nobody knows
        return said
    right = look.said == look.answer
    return f"{said}, {'right' if right else f'not {_named(look, look.answer)}'}"


def _named(look: ClozeWeights, entity: str) -> str:
    name = look.names.get(entity, "")
    return f"{entity} ({name})" if name else entity
