"""The table of a sweep: a row a variant, mean and spread over seeds, significance.

`make_table` gives it as a record of numbers; `render.py` prints it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from attnlab.metrics.registry import METRICS
from attnlab.metrics.significance import spread
from attnlab.report import marks, notes
from attnlab.report.example_stats import ExampleStats
from attnlab.report.rows import Row, failure, is_hard, missing, named
from attnlab.report.stored_counts import StoredCounts
from attnlab.runs import Run


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


class TableCell(NamedTuple):
    """A number of the table, and how it compares.

    mean: over the seeds.
    spread: standard deviation over the seeds, nan for one seed.
    seeds: how many values.
    best: whether it is the best of its column.
    p_value: of the test over sentences against the best or the baseline; None where
      there is none.
    p_both: of that over seeds and sentences together; None also for a single seed.
    """

    mean: float
    spread: float
    seeds: int
    best: bool = False
    p_value: float | None = None
    p_both: float | None = None

    @property
    def mark(self) -> str:
        """The sign of significance, "" for none: see `marks`."""
        return marks.mark_of(self.p_value, self.p_both)


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
    `baseline`, or by default against the row with the best mean (`marks`).

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
        having = [row for row in rows if row.name in means]
        test = marks.test_column(
            column.key,
            column.title,
            reference if column.better else None,
            having,
            example_stats,
            samples,
            stored,
        )
        for name, cell in means.items():
            p_values = test.p_values.get(name, (None, None))
            cell = TableCell(*cell[:3], name == best, *p_values)
            cells[name][column.key] = cell
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
        *marks.legend(tests, against is not None, samples),
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
