"""The numbers behind the figures: learning curves, and scores by length and distance.

Bins are the same for every row: they follow from the test set, not from a system.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score as bleu
from attnlab.metrics.registry import METRICS
from attnlab.report.example_stats import Alignments, ExampleStats, Texts
from attnlab.report.figures import Bins, Series
from attnlab.report.rows import Row
from attnlab.runs import Run

T = TypeVar("T")

# Scores of the development set that are drawn, with their titles.
DEVELOPMENT = {key: METRICS[key].title for key in METRICS if METRICS[key].better}
DISTANCES = (1, 2, 3, 5, 8, 12, 20)
FEWEST = 10  # sentences or links in a bin, else it joins the next


def learning(rows: Sequence[Row]) -> dict[str, dict[str, list[Series]]]:
    """Learning curves on the development set.

    Args:
      rows: of a sweep. Of each its finished runs are drawn; while it has none, its
        unfinished ones, and failing that the failed ones.

    Returns:
      {score: {row: [(steps, values) a seed]}}, without scores that no run measured.
    """
    curves: dict[str, dict[str, list[Series]]] = {}
    for row in rows:
        going = [run for run in row.runs if not run.error]
        # Failed runs only where a row has no others: their curves may show why.
        for run in row.finished or going or row.failed:
            lines = _development(run)
            for key, title in DEVELOPMENT.items():
                scale = METRICS[key].scale  # of percents
                points = [
                    (line["step"], scale * line[key])
                    for line in lines
                    if isinstance(line.get(key), int | float) and "step" in line
                ]
                if points:
                    steps, values = zip(*points, strict=True)
                    of_row = curves.setdefault(title, {})
                    of_row.setdefault(row.name, []).append((steps, values))
    return {title: curves[title] for title in DEVELOPMENT.values() if title in curves}


def by_length(example_stats: Mapping[str, ExampleStats]) -> Bins | None:
    """BLEU by words of the source.

    Args:
      example_stats: by row name.

    Returns:
      The curves; None before any run has translated the test set.
    """
    systems = _systems({name: some.texts for name, some in example_stats.items()})
    if not systems:
        return None
    first: Texts = next(iter(systems.values()))[0]
    lengths = np.array(first.lengths)
    edges = length_edges(lengths)
    place = np.searchsorted(edges, lengths)  # bin k: edges[k - 1] < length <= edges[k]
    values = {}
    for name, seeds in systems.items():
        # Seeds with another test set cannot share these bins.
        same = [seed for seed in seeds if seed.lengths == first.lengths]
        totals = [_totals(seed.counts, place, len(edges) + 1) for seed in same]
        if same:
            values[name] = np.array([_scores(total, bleu.score) for total in totals])
    counts = np.bincount(place, minlength=len(edges) + 1).tolist()
    lows = [int(lengths.min()), *(edge + 1 for edge in edges)]
    highs = [*edges, int(lengths.max())]
    labels = [_range(low, high) for low, high in zip(lows, highs, strict=True)]
    return Bins(labels, counts, values)


def by_distance(example_stats: Mapping[str, ExampleStats]) -> Bins | None:
    """Alignment error rate by the distance |t - s| of a sure link.

    Args:
      example_stats: by row name.

    Returns:
      The curves; None before any run has aligned sentences with gold links.
    """
    systems = _systems({name: some.alignments for name, some in example_stats.items()})
    if not systems:
        return None
    first: Alignments = next(iter(systems.values()))[0]
    sure = first.links.distances[:, 1]
    far = np.repeat(np.arange(len(sure)), sure)
    if not far.size:
        return None
    edges = [edge + 1 for edge in _large_enough(far, [edge - 1 for edge in DISTANCES])]
    values = {}
    for name, seeds in systems.items():
        same = [seed for seed in seeds if seed.links.examples == first.links.examples]
        if same:
            values[name] = np.array([_aers(seed, edges) for seed in same])
    # Edges are the lower ends of bins here: a link at an edge belongs above it.
    place = np.searchsorted(edges, far, side="right")
    counts = np.bincount(place, minlength=len(edges) + 1).tolist()
    lows, highs = [0, *edges], [*(edge - 1 for edge in edges), None]
    labels = [_range(low, high) for low, high in zip(lows, highs, strict=True)]
    return Bins(labels, counts, values)


def length_edges(lengths: np.ndarray, bins: int = 8) -> list[int]:
    """Bins of sentence lengths, in round steps.

    Args:
      lengths: in words [N].
      bins: at most so many.

    Returns:
      The upper ends of all bins but the last.
    """
    longest = int(lengths.max())
    steps = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500)
    step = next((step for step in steps if longest <= step * bins), longest)
    return _large_enough(lengths, range(step, longest, step))


def _large_enough(values: np.ndarray, ends: Iterable[int]) -> list[int]:
    """Those upper ends of bins that leave FEWEST values or more in every bin."""
    edges, low = [], values.min() - 1
    for end in ends:
        inside = ((values > low) & (values <= end)).sum()
        if inside >= FEWEST and (values > end).sum() >= FEWEST:
            edges.append(end)
            low = end
    return edges


def _development(run: Run) -> list[dict]:
    try:
        return run.metrics("dev")
    except ValueError:  # a failed run's, if this file is what it failed for
        return []


def _systems(rows: Mapping[str, Sequence[T | None]]) -> dict[str, list[T]]:
    """Rows with the seeds that have the files, without rows that have none."""
    present = {
        name: [seed for seed in seeds if seed is not None]
        for name, seeds in rows.items()
    }
    return {name: seeds for name, seeds in present.items() if seeds}


def _totals(counts: np.ndarray, place: np.ndarray, bins: int) -> np.ndarray:
    """Counts [N, K] summed within bins, [bins, K]."""
    totals = np.zeros((bins, counts.shape[1]))
    np.add.at(totals, place, counts)  # totals[place] += counts would add each bin once
    return totals


def _scores(
    totals: np.ndarray, score: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Scores [bins], NaN for a bin without counts."""
    return np.where(totals.any(axis=1), score(totals), np.nan)


def _aers(seed: Alignments, edges: Sequence[int]) -> np.ndarray:
    counts = seed.links.distances
    place = np.searchsorted(edges, np.arange(len(counts)), side="right")
    return aer.score(_totals(counts, place, len(edges) + 1))


def _range(low: int, high: int | None) -> str:
    if high is None:
        return f"≥ {low}"
    return f"{low}" if low == high else f"{low}–{high}"
