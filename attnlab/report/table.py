"""The table of a sweep: a row a variant, mean and spread over seeds, significance.

`tabulate` makes it, a record of numbers; `render.py` prints it.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from attnlab.metrics import aer, bleu
from attnlab.metrics.registry import METRICS
from attnlab.metrics.significance import Score, paired_bootstrap, spread
from attnlab.report import notes as legend
from attnlab.report.example_stats import (
    ExampleStats,
    perplexity,
    pooled_alignments,
    pooled_example_counts,
    pooled_losses,
    pooled_texts,
    ratio,
)
from attnlab.report.rows import Row, failure, is_hard, listed, missing, named
from attnlab.runs import Run

MARK = "†"
LEVEL = 0.05


class Column(NamedTuple):
    """A number of result.json, shown times `scale`; there where any run has it.

    better: +1 high, -1 low, 0 neither (never in bold). hard: only for sweeps with a
    hard read.
    """

    key: str
    title: str
    digits: int
    better: int
    scale: float = 1.0
    hard: bool = False


ONLY_HARD = ("aer_posterior", "perplexity_argmax", "attention_entropy")
COLUMNS = (
    *(Column(key, *METRICS[key], hard=key in ONLY_HARD) for key in METRICS),
    Column("parameters", "parameters", 0, 0),
    # Speeds depend on what else the machine did, so none is called the best.
    Column("tokens_per_second", "tokens/s", 0, 0),
    Column("seconds_per_step", "ms/step", 1, 0, scale=1000.0, hard=True),
)


# How the examples of a column are pooled, and how their counts are scored; the counts
# of any other column are looked for in tallies.npz.
TESTED: dict[str, tuple[Any, Score]] = {
    "bleu": (pooled_texts, bleu.score),
    "aer": (pooled_alignments, aer.score),
    "perplexity": (pooled_losses, perplexity),
}


def tested(column: Column) -> tuple[Any, Score]:
    """(evidence -> (examples, counts) or None, counts -> score) of a column."""
    if column.key in TESTED:
        return TESTED[column.key]
    return partial(pooled_example_counts, score=column.key), ratio


class TableCell(NamedTuple):
    """Mean and spread (nan for one seed) over `seeds` values; p of a test, or None."""

    mean: float
    spread: float
    seeds: int
    best: bool = False
    p_value: float | None = None

    @property
    def marked(self) -> bool:
        return self.p_value is not None and self.p_value < LEVEL


class Line(NamedTuple):
    """A row of the table: cells by column, or a `failure` instead of cells."""

    name: str
    cells: dict[str, TableCell]
    failure: str = ""


class Table(NamedTuple):
    """lines, in the sweep's order; legend and missing: sentences to print below."""

    columns: tuple[Column, ...]
    lines: list[Line]
    legend: list[str]
    missing: list[str]


def tabulate(
    rows: Sequence[Row],
    example_stats: Mapping[str, ExampleStats],
    *,
    baseline: str | None = None,
    samples: int = 1000,
) -> Table:
    """The table of rows with their evidence {row name: Evidence}.

    In every score whose counts are kept by example, each row is tested against the row
    `baseline` (name or slug), or by default against the row with the best mean. Failed
    runs follow their row.
    """
    chosen = None if baseline is None else named(rows, baseline, "to compare with").name
    cells: dict[str, dict[str, TableCell]] = {row.name: {} for row in rows}
    tests, columns = [], []
    for column in COLUMNS:
        means = column_means(rows, column)
        if not means or (column.hard and not any(map(is_hard, rows))):
            continue
        columns.append(column)
        best = _best(means, column)
        against = chosen or best
        test = _test(column, against, list(means), example_stats, samples)
        for name, cell in means.items():
            p_value = test.p_values.get(name)
            cells[name][column.key] = cell._replace(best=name == best, p_value=p_value)
        tests.append(test)
    lines = []
    for row in rows:
        if cells[row.name] or not row.failed:
            lines.append(Line(row.name, cells[row.name]))
        for run in row.failed:
            lines.append(Line(f"{row.name}, seed {run.seed}", {}, failure(run)))
    below = [
        legend.spread(rows),
        *legend.signatures(rows),
        *legend.bounds(rows),
        *legend.gold(rows),
        *legend.left_out(rows),
        *legend.columns([column.key for column in columns]),
        *_test_legend(tests, chosen is not None, samples),
        *legend.notes(example_stats),
    ]
    return Table(tuple(columns), lines, below, missing(rows))


def column_means(rows: Sequence[Row], column: Column) -> dict[str, TableCell]:
    """Mean and spread over the finished runs of each row that has the number."""
    means = {}
    for row in rows:
        values = [value(run, column) for run in row.finished]
        numbers = [number for number in values if number is not None]
        if numbers:
            means[row.name] = TableCell(*spread(numbers), len(numbers))
    return means


def value(run: Run, column: Column) -> float | None:
    """The number of one run as the column shows it; None where it has none."""
    found = (run.result or {}).get(column.key)
    return column.scale * found if isinstance(found, int | float) else None


def _best(means: Mapping[str, TableCell], column: Column) -> str | None:
    if not column.better or len(means) < 2:
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
) -> _Test:
    if not column.better or against is None or against not in names:
        return _Test(column, None, 0, {}, [])
    gather, score = tested(column)
    if column.key not in TESTED and not any(
        gather(example_stats[name]) for name in names
    ):
        return _Test(column, None, 0, {}, [])
    reference = gather(example_stats[against])
    p_values, left_out = {}, []
    for name in names:
        system = gather(example_stats[name])
        if reference is None or system is None or system[0] != reference[0]:
            left_out.append(name)
        elif name != against:
            found = paired_bootstrap(reference[1], system[1], score, samples=samples)
            p_values[name] = found.p_value
    return _Test(
        column, against, len(reference[0]) if reference else 0, p_values, left_out
    )


def _test_legend(tests: Sequence[_Test], baseline: bool, samples: int) -> list[str]:
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
