"""The table of a sweep: a row a variant, mean and spread over seeds, significance.

`tabulate` makes it, a record of numbers; `render.py` prints it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from attnlab.metrics import aer, bleu
from attnlab.metrics.significance import Score, paired_bootstrap, spread
from attnlab.report.evidence import Evidence, pooled_alignments, pooled_texts
from attnlab.report.rows import Row, failure, missing
from attnlab.runs import Run

MARK = "†"
LEVEL = 0.05


class Column(NamedTuple):
    """A number of result.json. better: +1 high, -1 low, 0 neither (never in bold)."""

    key: str
    title: str
    digits: int
    better: int


COLUMNS = (
    Column("bleu", "BLEU", 1, +1),
    Column("aer", "AER", 3, -1),
    Column("perplexity", "perplexity", 2, -1),
    Column("parameters", "parameters", 0, 0),
    # Speeds depend on what else the machine did, so none is called the best.
    Column("tokens_per_second", "tokens/s", 0, 0),
)


# How the sentences of a column are pooled, and how their counts are scored.
TESTED: dict[str, tuple[Any, Score]] = {
    "bleu": (pooled_texts, bleu.score),
    "aer": (pooled_alignments, aer.score),
}


class Cell(NamedTuple):
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
    cells: dict[str, Cell]
    failure: str = ""


class Table(NamedTuple):
    """lines, in the sweep's order; legend and missing: sentences to print below."""

    columns: tuple[Column, ...]
    lines: list[Line]
    legend: list[str]
    missing: list[str]


def tabulate(
    rows: Sequence[Row],
    evidence: Mapping[str, Evidence],
    *,
    baseline: str | None = None,
    samples: int = 1000,
) -> Table:
    """The table of rows with their evidence {row name: Evidence}.

    In BLEU and AER every row is tested against the row `baseline` (name or slug), or by
    default against the row with the best mean. Failed runs follow their row.
    """
    named = [row.name for row in rows if baseline in (row.name, row.slug)]
    if baseline is not None and not named:
        choices = ", ".join(row.name for row in rows)
        raise ValueError(f"no row {baseline!r} to compare with; choose {choices}")
    cells: dict[str, dict[str, Cell]] = {row.name: {} for row in rows}
    tests = []
    for column in COLUMNS:
        means = {row.name: _cell(row.finished, column.key) for row in rows}
        means = {name: cell for name, cell in means.items() if cell is not None}
        best = _best(means, column)
        against = named[0] if named else best
        test = _test(column, against, list(means), evidence, samples)
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
    notes = [note for row in rows for note in evidence[row.name].notes]
    tested = _test_legend(tests, bool(named), samples)
    legend = [_spread_legend(rows), *_signatures(rows), *tested, *notes]
    return Table(COLUMNS, lines, legend, missing(rows))


def _cell(runs: Sequence[Run], key: str) -> Cell | None:
    values = [(run.result or {}).get(key) for run in runs]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if not numbers:
        return None
    return Cell(*spread(numbers), len(numbers))


def _best(means: Mapping[str, Cell], column: Column) -> str | None:
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
    evidence: Mapping[str, Evidence],
    samples: int,
) -> _Test:
    if column.key not in TESTED or against is None or against not in names:
        return _Test(column, None, 0, {}, [])
    gather, score = TESTED[column.key]
    reference = gather(evidence[against])
    p_values, left_out = {}, []
    for name in names:
        system = gather(evidence[name])
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
        sizes = " and ".join(f"{t.sentences} for {t.column.title}" for t in done)
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
            names = ", ".join(test.left_out)
            lines.append(
                f"{test.column.title}, not tested for want of the same test sentences "
                f"in every seed: {names}."
            )
    return lines


def _spread_legend(rows: Sequence[Row]) -> str:
    counts = sorted({len(row.finished) for row in rows if row.finished})
    if not counts:
        return "No run has finished."
    if counts == [1]:
        return "One seed a row, so no spread is known and the ranks are not settled."
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"Mean ± standard deviation over seeds ({seeds} a row)."


def _signatures(rows: Sequence[Row]) -> list[str]:
    """The sacrebleu signature; where rows have several, who has which."""
    owners: dict[str, list[str]] = {}
    for row in rows:
        for run in row.finished:
            signature = (run.result or {}).get("bleu_signature")
            if signature and row.name not in owners.setdefault(signature, []):
                owners[signature].append(row.name)
    if len(owners) == 1:
        return [f"BLEU: {next(iter(owners))}"]
    return [f"BLEU of {', '.join(o)}: {s} (not comparable)" for s, o in owners.items()]
