"""Marks of significance: how rows are tested against one, and what is said of it.

† a difference that holds over seeds and test sentences together, ° one that holds over
test sentences alone. Tables in every form, the page and table.csv have the same marks.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score as bleu
from attnlab.metrics.seed_significance import CrossedComparison, crossed_bootstraps
from attnlab.metrics.significance import Score
from attnlab.report import meanings
from attnlab.report.example_stats import (
    ExampleStats,
    SeedCounts,
    alignments_by_seed,
    losses_by_seed,
    perplexity,
    ratio,
    score_by_seed,
    texts_by_seed,
)
from attnlab.report.rows import Row, listed
from attnlab.report.stored_counts import StoredCounts

DAGGER = "†"  # over seeds and sentences together
RING = "°"  # over sentences alone
LEVEL = 0.05

Gather = Callable[[ExampleStats], SeedCounts | None]
# How the examples of a score are gathered, and how their counts are scored. A score
# that is not here needs no entry: its counts are looked for in tallies.npz.
TESTED: dict[str, tuple[Gather, Score]] = {
    "bleu": (texts_by_seed, bleu.score),
    "aer": (alignments_by_seed, aer.score),
    "perplexity": (losses_by_seed, perplexity),
}


class PValues(NamedTuple):
    """Of a row against another, two-sided.

    sentences: by the paired bootstrap over sentences, the seeds' counts summed.
    both: over seeds and sentences together; None where a row has one seed.
    """

    sentences: float
    both: float | None


class ColumnTest(NamedTuple):
    """The tests of a column's rows against one row.

    title: of the column.
    against: the row; None where nothing is tested.
    sentences: how many each row was tested on.
    p_values: by row.
    left_out: rows without the same sentences in every seed.
    seeds: of the rows in `p_values` and of `against`.
    """

    title: str
    against: str | None
    sentences: int
    p_values: Mapping[str, PValues]
    left_out: Sequence[str]
    seeds: Mapping[str, Sequence[int]]


def mark_of(sentences: float | None, both: float | None) -> str:
    """The mark of a difference.

    Args:
      sentences: p over sentences; None where it was not tested.
      both: p over seeds and sentences together; None where it was not tested.

    Returns:
      DAGGER, RING or "".
    """
    if both is not None and both < LEVEL:
        return DAGGER
    return RING if sentences is not None and sentences < LEVEL else ""


def tested(key: str) -> tuple[Gather, Score]:
    """How a score is tested for significance.

    Args:
      key: of a score in result.json.

    Returns:
      example_stats -> (examples, counts [seeds, N, K]) or None, and counts [..., K] ->
      scores.
    """
    if key in TESTED:
        return TESTED[key]
    return partial(score_by_seed, score=key), ratio


def p_values_of(comparison: CrossedComparison) -> PValues:
    """The p-values of a comparison.

    Args:
      comparison: of two rows.

    Returns:
      Both.
    """
    both = comparison.p_value
    return PValues(comparison.sentences.p_value, None if math.isnan(both) else both)


def test_column(
    key: str,
    title: str,
    against: str | None,
    rows: Sequence[Row],
    example_stats: Mapping[str, ExampleStats],
    samples: int,
    stored: StoredCounts,
) -> ColumnTest:
    """A column's tests.

    Args:
      key: of the score in result.json.
      title: of the column.
      against: the row that the others are tested against; None for no test.
      rows: those that have the score.
      example_stats: by row name.
      samples: of the bootstrap.
      stored: p-values of earlier reports.

    Returns:
      The tests, none of them where the row that all are tested against lacks the score
      or its counts.
    """
    untested = ColumnTest(title, None, 0, {}, [], {})
    seeds = {row.name: [run.seed for run in row.finished] for row in rows}
    if against is None or against not in seeds:
        return untested
    gather, score = tested(key)
    systems = {name: gather(example_stats[name]) for name in seeds}
    if key not in TESTED and not any(systems.values()):
        return untested  # a score that its task keeps no counts of
    reference = systems[against]
    same = {
        name: system[1]
        for name, system in systems.items()
        if reference and system and system[0] == reference[0]
    }
    left_out = [name for name in systems if name not in same]
    if not reference:
        return ColumnTest(title, against, 0, {}, left_out, {})
    against_counts = reference[1]
    others = [name for name in same if name != against]
    counts = [same[name] for name in others]

    def test(systems: list[np.ndarray]) -> list[PValues]:
        compared = crossed_bootstraps(against_counts, systems, score, samples=samples)
        return [p_values_of(comparison) for comparison in compared]

    pairs = stored.p_values(key, against_counts, counts, samples, test)
    p_values = {name: PValues(*pair) for name, pair in zip(others, pairs, strict=True)}
    of_tested = {name: seeds[name] for name in same}
    sentences = against_counts.shape[1]
    return ColumnTest(title, against, sentences, p_values, left_out, of_tested)


def legend(tests: Sequence[ColumnTest], baseline: bool, samples: int) -> list[str]:
    """What the marks below a table mean, how it was tested, and which rows were not.

    Args:
      tests: of the table's columns.
      baseline: whether all are tested against a row that somebody named.
      samples: of the bootstrap.

    Returns:
      Sentences, a line each.
    """
    done = [test for test in tests if test.p_values]
    lines = []
    if done:
        which = "the baseline" if baseline else "the best row of its column"
        against = "; ".join(f"{test.title}: {test.against}" for test in done)
        if len({test.against for test in done}) == 1:
            against = f"{done[0].against}"
        sizes = ", ".join(f"{test.sentences} for {test.title}" for test in done)
        sizes = " and ".join(sizes.rsplit(", ", 1))
        comparisons = max(len(test.p_values) for test in done)
        corrected = f", not corrected for {comparisons} comparisons a column"
        lines = [
            f"{DAGGER} differs from {which} ({against}) {meanings.DIFFERS[DAGGER]}",
            f"{RING} differs from it {meanings.DIFFERS[RING]}",
            f"Both at p < {LEVEL}, two-sided, by a paired bootstrap ({samples} samples "
            f"of test sentences; {sizes}){corrected if comparisons > 1 else ''}. "
            f"{DAGGER}: mean scores over drawn seeds, by a t distribution; {RING}: the "
            "counts of a sentence summed over all seeds of its row.",
            *_seed_lines(done),
        ]
    for test in tests:
        if test.left_out:
            lines.append(
                f"{test.title}, not tested for want of the same test sentences "
                f"in every seed: {listed(test.left_out)}."
            )
    return lines


def _seed_lines(tests: Sequence[ColumnTest]) -> list[str]:
    """Which rows have one seed, and which have other seeds than their reference."""
    single: dict[str, None] = {}
    others: dict[tuple[str, tuple[int, ...]], dict[tuple[int, ...], list[str]]] = {}
    for test in tests:
        reference = tuple(test.seeds[str(test.against)])
        for name in (test.against, *test.p_values):
            seeds = tuple(test.seeds[str(name)])
            if len(seeds) == 1:
                single[str(name)] = None
            if seeds != reference:
                of_reference = others.setdefault((str(test.against), reference), {})
                names = of_reference.setdefault(seeds, [])
                if name not in names:
                    names.append(str(name))
    lines = []
    if single:
        lines.append(
            f"One seed, so no {DAGGER} for it nor for what is compared with it: "
            f"{listed(single)}."
        )
    for (against, reference), by_seeds in others.items():
        groups = "; ".join(
            f"{listed(names)} ({_numbers(seeds)})" for seeds, names in by_seeds.items()
        )
        lines.append(
            f"Other seeds than those of {against} ({_numbers(reference)}), and tested "
            f"with those that there are: {groups}."
        )
    return lines


def _numbers(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
