"""The table of a sweep: a row a variant, mean and spread over seeds, significance.

`make_table` gives it as a record of numbers; `render.py` prints it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score as bleu
from attnlab.metrics.registry import METRICS
from attnlab.metrics.significance import Score, paired_bootstraps, spread
from attnlab.report import notes
from attnlab.report.example_stats import (
    ExampleStats,
    Pooled,
    perplexity,
    pooled_alignments,
    pooled_example_counts,
    pooled_losses,
    pooled_texts,
    ratio,
)
from attnlab.report.rows import Row, failure, is_hard, listed, missing, named
from attnlab.report.stored_counts import StoredCounts
from attnlab.runs import Run

MARK = "†"
LEVEL = 0.05


class Column(NamedTuple):
    """A column of the table; it is there where any finished run has the number.

    key: of the number in result.json.
    title: the heading.
    digits: after the point.
    better: +1 high, -1 low, 0 neither (never in bold).
    scale: the number is shown times this.
    hard: only for sweeps with a hard read, unless it is asked for.
    latex: whether it is in the LaTeX table, which is for papers, unasked.
    """

    key: str
    title: str
    digits: int
    better: int
    scale: float = 1.0
    hard: bool = False
    latex: bool = True


# To add a column: write the number into result.json in the task's `finish`, and give it
# one entry: in METRICS of attnlab/metrics/registry.py if it is a score (then learning
# curves, progress lines and `train.stop_on` know it, too), else here.
ONLY_HARD = ("aer_posterior", "perplexity_argmax", "attention_entropy")
COLUMNS = (
    *(Column(key, *METRICS[key], hard=key in ONLY_HARD) for key in METRICS),
    Column("parameters", "parameters", 0, 0),
    # Speeds depend on what else the machine did, so none is called the best.
    Column("tokens_per_second", "tokens/s", 0, 0, latex=False),
    Column("seconds_per_step", "ms/step", 1, 0, scale=1000.0, hard=True),
)

Gather = Callable[[ExampleStats], Pooled | None]
# How the examples of a column are pooled, and how their counts are scored. A column
# that is not here needs no entry: its counts are looked for in tallies.npz.
TESTED: dict[str, tuple[Gather, Score]] = {
    "bleu": (pooled_texts, bleu.score),
    "aer": (pooled_alignments, aer.score),
    "perplexity": (pooled_losses, perplexity),
}


def tested(column: Column) -> tuple[Gather, Score]:
    """How a column's number is tested for significance.

    Args:
      column: one of COLUMNS.

    Returns:
      example_stats -> (examples, counts [N, K]) or None, and counts [..., K] -> scores.
    """
    if column.key in TESTED:
        return TESTED[column.key]
    return partial(pooled_example_counts, score=column.key), ratio


class TableCell(NamedTuple):
    """A number of the table, and how it compares.

    mean: over the seeds.
    spread: standard deviation over the seeds, nan for one seed.
    seeds: how many values.
    best: whether it is the best of its column.
    p_value: of the test against the best or the baseline; None where there is none.
    """

    mean: float
    spread: float
    seeds: int
    best: bool = False
    p_value: float | None = None

    @property
    def marked(self) -> bool:
        """Whether the difference is significant at LEVEL."""
        return self.p_value is not None and self.p_value < LEVEL


class TableLine(NamedTuple):
    """A line of the table.

    name: of the row, or of a failed run.
    cells: by the column's key.
    failure: why the run failed, instead of cells; "" for a row.
    """

    name: str
    cells: dict[str, TableCell]
    failure: str = ""


class Table(NamedTuple):
    """What is printed.

    columns: those that any row has a number for.
    lines: in the sweep's order; failed runs follow their row.
    notes: sentences to print below.
    missing: what a complete sweep would have, to print below the notes.
    """

    columns: tuple[Column, ...]
    lines: list[TableLine]
    notes: list[str]
    missing: list[str]


def make_table(
    rows: Sequence[Row],
    example_stats: Mapping[str, ExampleStats],
    *,
    baseline: str | None = None,
    columns: Sequence[str] | None = None,
    samples: int = 1000,
    stored: StoredCounts | None = None,
) -> Table:
    """The table of a sweep.

    In every score whose counts are kept by example, each row is tested against the row
    `baseline`, or by default against the row with the best mean.

    Args:
      rows: of a sweep.
      example_stats: by row name.
      baseline: name or slug of the row to compare with.
      columns: titles or keys of those to show, in their order; None: all that rows have
        numbers for.
      samples: of the bootstrap.
      stored: p-values of earlier reports; by default all tests are done.

    Returns:
      The table.

    Raises:
      ValueError: for a baseline that is no row, and for a column that no row has.
    """
    against = None if baseline is None else named(rows, baseline, "to compare with")
    cells: dict[str, dict[str, TableCell]] = {row.name: {} for row in rows}
    tests = []
    stored = stored or StoredCounts()
    shown = _usual(rows) if columns is None else _chosen(rows, columns)
    for column in shown:
        means = column_means(rows, column)
        best = _best(means, column)
        reference = against.name if against else best
        test = _test(column, reference, list(means), example_stats, samples, stored)
        for name, cell in means.items():
            p_value = test.p_values.get(name)
            cells[name][column.key] = cell._replace(best=name == best, p_value=p_value)
        tests.append(test)
    lines = []
    for row in rows:
        if row.finished or not row.failed:
            lines.append(TableLine(row.name, cells[row.name]))
        for run in row.failed:
            lines.append(TableLine(f"{row.name}, seed {run.seed}", {}, failure(run)))
    below = [
        notes.spread(rows),
        *_score_notes(rows, None if columns is None else shown),
        *notes.left_out(rows),
        *notes.copies(rows),
        *notes.mixed(rows),
        *notes.columns([column.key for column in shown]),
        *_test_notes(tests, against is not None, samples),
        *notes.unusable(example_stats),
    ]
    return Table(shown, lines, below, missing(rows))


def _usual(rows: Sequence[Row]) -> tuple[Column, ...]:
    """The columns that any row has a number for."""
    # Soft reads may have some numbers, too; only hard ones are compared by them.
    hard = any(map(is_hard, rows))
    usual = [column for column in COLUMNS if hard or not column.hard]
    return tuple(column for column in usual if column_means(rows, column))


def _chosen(rows: Sequence[Row], names: Sequence[str]) -> tuple[Column, ...]:
    """The columns of these titles or keys, in this order, in LaTeX too."""
    # Before a run has finished nobody has any number, and no choice is wrong.
    there = [column for column in COLUMNS if column_means(rows, column)] or COLUMNS
    by_name = {column.key.casefold(): column for column in there}
    by_name |= {column.title.casefold(): column for column in there}
    chosen: dict[str, Column] = {}
    for name in names:
        column = by_name.get(name.casefold())
        if column is None:
            choices = ", ".join(column.title for column in there)
            raise ValueError(f"no column {name!r}; choose {choices}")
        chosen[column.key] = column._replace(latex=True)
    return tuple(chosen.values())


def _score_notes(rows: Sequence[Row], chosen: Sequence[Column] | None) -> list[str]:
    """What the scores are; with chosen columns of those alone."""
    keys = METRICS if chosen is None else [column.key for column in chosen]
    perplexities = any(key.startswith("perplexity") for key in keys)
    return [
        *notes.signatures(rows, keys),
        *notes.unknown(rows),
        *(notes.bounds(rows) if perplexities else []),
        *(notes.gold(rows) if any(key.startswith("aer") for key in keys) else []),
    ]


def column_means(rows: Sequence[Row], column: Column) -> dict[str, TableCell]:
    """Mean and spread over the finished runs of each row that has the number.

    Args:
      rows: of a sweep.
      column: one of COLUMNS.

    Returns:
      {row name: its cell}, without rows that have no such number.
    """
    means = {}
    for row in rows:
        values = [value(run, column) for run in row.finished]
        numbers = [number for number in values if number is not None]
        if numbers:
            means[row.name] = TableCell(*spread(numbers), len(numbers))
    return means


def value(run: Run, column: Column) -> float | None:
    """The number of one run as the column shows it.

    Args:
      run: any run.
      column: one of COLUMNS.

    Returns:
      The number of result.json times the column's scale; None where there is none.
    """
    number = (run.result or {}).get(column.key)
    return column.scale * number if isinstance(number, int | float) else None


def _best(means: Mapping[str, TableCell], column: Column) -> str | None:
    if not column.better or len(means) < 2:  # the only row is not the best of anything
        return None
    return max(means, key=lambda name: column.better * means[name].mean)


class _Test(NamedTuple):
    """A column's tests against one row; left_out: rows without the same sentences."""

    column: Column
    against: str | None
    sentences: int
    p_values: dict[str, float]
    left_out: list[str]


def _test(
    column: Column,
    against: str | None,
    names: Sequence[str],
    example_stats: Mapping[str, ExampleStats],
    samples: int,
    stored: StoredCounts,
) -> _Test:
    untested = _Test(column, None, 0, {}, [])
    if not column.better or against is None or against not in names:
        return untested
    gather, score = tested(column)
    systems = {name: gather(example_stats[name]) for name in names}
    if column.key not in TESTED and not any(systems.values()):
        return untested  # a score that its task keeps no counts of
    reference = systems[against]
    same = {
        name: system[1]
        for name, system in systems.items()
        if reference and system and system[0] == reference[0]
    }
    left_out = [name for name in systems if name not in same]
    p_values = {}
    if reference:
        others = [name for name in same if name != against]
        counts = [same[name] for name in others]

        def test(systems: list[np.ndarray]) -> list[float]:
            compared = paired_bootstraps(reference[1], systems, score, samples=samples)
            return [comparison.p_value for comparison in compared]

        values = stored.p_values(column.key, reference[1], counts, samples, test)
        p_values = dict(zip(others, values, strict=True))
    sentences = len(reference[1]) if reference else 0
    return _Test(column, against, sentences, p_values, left_out)


def _test_notes(tests: Sequence[_Test], baseline: bool, samples: int) -> list[str]:
    """What was tested, to the word; and which rows could not be."""
    done = [test for test in tests if test.p_values]
    lines = []
    if done:
        which = "the baseline" if baseline else "the best row of its column"
        against = "; ".join(f"{test.column.title}: {test.against}" for test in done)
        if len({test.against for test in done}) == 1:
            against = f"{done[0].against}"
        sizes = ", ".join(f"{t.sentences} for {t.column.title}" for t in done)
        sizes = " and ".join(sizes.rsplit(", ", 1))
        comparisons = max(len(test.p_values) for test in done)
        corrected = f", not corrected for {comparisons} comparisons a column"
        lines.append(
            f"{MARK} differs from {which} ({against}) at p < {LEVEL}: two-sided paired "
            f"bootstrap over test sentences ({samples} samples; {sizes}), the counts "
            "of a sentence summed over all seeds of its row"
            f"{corrected if comparisons > 1 else ''}. It says nothing of other seeds."
        )
    for test in tests:
        if test.left_out:
            lines.append(
                f"{test.column.title}, not tested for want of the same test sentences "
                f"in every seed: {listed(test.left_out)}."
            )
    return lines
