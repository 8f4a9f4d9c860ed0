"""Pairwise check of an order of rows: exact marginal <= soft <= hard, pair by pair."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from attnlab.metrics.significance import paired_bootstrap
from attnlab.report.example_stats import ExampleStats
from attnlab.report.rows import Row, named
from attnlab.report.table import COLUMNS, LEVEL, column_means, tested

SIGN = "<="


class Step(NamedTuple):
    """Two neighbors of a chain, of which `first <= second` is claimed.

    first, second: names of rows.
    means: over seeds, None where a row has no such number.
    p_value: of the paired bootstrap over sentences pooled over seeds, None where it
      cannot be done.
    agrees: the pooled difference has the sign of the means' difference.
    """

    first: str
    second: str
    means: tuple[float, float] | None
    p_value: float | None = None
    agrees: bool = True

    @property
    def verdict(self) -> str:
        """`held (p = 0.001)` where the difference is significant, and other ways."""
        if self.means is None:
            return "not known, for want of a finished run with that score"
        verdict = "held" if self.means[0] <= self.means[1] else "did not hold"
        if self.p_value is None:
            return f"{verdict}, not tested for want of the same test sentences"
        p = f"(p = {self.p_value:.3f})"
        if not self.agrees:
            return f"{verdict}, but the sentences pooled over seeds say otherwise {p}"
        if self.p_value < LEVEL:
            return f"{verdict} {p}"
        return f"{verdict}, not significantly {p}"


def check(
    rows: Sequence[Row],
    example_stats: Mapping[str, ExampleStats],
    chain: str,
    key: str = "perplexity",
    *,
    samples: int = 1000,
) -> list[Step]:
    """Every neighboring pair of a chain, compared and tested.

    Args:
      rows: of a sweep.
      example_stats: by row name.
      chain: "first <= second <= third", rows by name or slug. Names may have commas and
        blanks; a row with "<=" in its name goes by its slug.
      key: a score of the table.
      samples: of the bootstrap.

    Returns:
      A step for each pair.

    Raises:
      ValueError: for a chain of fewer than two rows, an unknown row, or a score that no
        row has.
    """
    parts = [part.strip() for part in chain.split(SIGN)]
    if len(parts) < 2:
        raise ValueError(f"{chain!r} is no order; write 'ROW {SIGN} ROW {SIGN} ...'")
    names = [named(rows, part, "to put in order").name for part in parts]
    present = [
        column.key for column in COLUMNS if column.better and column_means(rows, column)
    ]
    if key not in present:
        choices = ", ".join(present)
        raise ValueError(f"no order by {key!r}; choose {choices}")
    (column,) = (column for column in COLUMNS if column.key == key)
    means = {name: cell.mean for name, cell in column_means(rows, column).items()}
    gather, score = tested(column)
    steps = []
    for first, second in zip(names, names[1:], strict=False):
        step = Step(first, second, None)
        if first in means and second in means:
            step = step._replace(means=(means[first], means[second]))
            a, b = gather(example_stats[first]), gather(example_stats[second])
            # Paired: the test compares sentence by sentence.
            if a is not None and b is not None and a[0] == b[0]:
                comparison = paired_bootstrap(a[1], b[1], score, samples=samples)
                # The score of pooled counts need not follow the seeds' mean scores.
                agrees = comparison.difference * (means[second] - means[first]) >= 0
                step = step._replace(p_value=comparison.p_value, agrees=agrees)
        steps.append(step)
    return steps


def sentences(steps: Sequence[Step], key: str = "perplexity") -> list[str]:
    """The steps in words.

    Args:
      steps: of `check`.
      key: the score they are about.

    Returns:
      What was asked, and a line a pair with its means, difference and verdict.
    """
    (column,) = (column for column in COLUMNS if column.key == key)
    chain = f" {SIGN} ".join([steps[0].first, *(step.second for step in steps)])
    pairs = sum(step.p_value is not None for step in steps)
    corrected = f", not corrected for {pairs} pairs" if pairs > 1 else ""
    lines = [
        f"Order asked for in {column.title}: {chain}. Means over seeds; two-sided p of "
        f"the paired bootstrap over test sentences, their counts summed over all seeds "
        f"of a row{corrected}."
    ]
    for step in steps:
        if step.means is None:
            pair = f"{step.first} {SIGN} {step.second}"
        else:
            first, second = step.means
            digits = column.digits
            pair = (
                f"{step.first} {first:.{digits}f} {SIGN} {step.second} "
                f"{second:.{digits}f}, difference {second - first:+.{digits}f}"
            )
        lines.append(f"{pair}: {step.verdict}.")
    return lines
