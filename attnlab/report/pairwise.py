"""Pairwise check of an order of rows: exact marginal <= soft <= hard, pair by pair."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from attnlab.metrics.seed_significance import crossed_bootstrap
from attnlab.report.example_stats import ExampleStats
from attnlab.report.marks import DAGGER, RING, PValues, mark_of, p_values_of, tested
from attnlab.report.rows import Row, named
from attnlab.report.table import COLUMNS, column_means

SIGN = "<="


class Step(NamedTuple):
    """Two neighbors of a chain, of which `first <= second` is claimed.

    first, second: names of rows.
    means: over seeds, None where a row has no such number.
    p_values: of both tests of the table, None where they cannot be done.
    agrees: the difference of counts pooled over seeds has the sign of the means'.
    """

    first: str
    second: str
    means: tuple[float, float] | None
    p_values: PValues | None = None
    agrees: bool = True

    @property
    def verdict(self) -> str:
        """`held (p = 0.001 over seeds and sentences)`, or what else there is to say."""
        if self.means is None:
            return "not known, for want of a finished run with that score"
        verdict = "held" if self.means[0] <= self.means[1] else "did not hold"
        if self.p_values is None:
            return f"{verdict}, not tested for want of the same test sentences"
        sentences, both = self.p_values
        mark = mark_of(sentences, both)
        if mark == DAGGER:
            return f"{verdict} (p = {both:.3f} over seeds and sentences)"
        if not self.agrees:
            otherwise = "but the sentences pooled over seeds say otherwise"
            return f"{verdict}, {otherwise} (p = {sentences:.3f})"
        seeds = "one seed" if both is None else f"over seeds, too, p = {both:.3f}"
        if mark == RING:
            return f"{verdict} over sentences alone (p = {sentences:.3f}; {seeds})"
        return f"{verdict}, not significantly (p = {sentences:.3f}; {seeds})"


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
    gather, score = tested(column.key)
    steps = []
    for first, second in zip(names, names[1:], strict=False):
        step = Step(first, second, None)
        if first in means and second in means:
            step = step._replace(means=(means[first], means[second]))
            a, b = gather(example_stats[first]), gather(example_stats[second])
            # Paired: the test compares sentence by sentence.
            if a is not None and b is not None and a[0] == b[0]:
                result = crossed_bootstrap(a[1], b[1], score, samples=samples)
                # The score of pooled counts need not follow the seeds' mean scores.
                agrees = result.sentences.difference * result.difference >= 0
                step = step._replace(p_values=p_values_of(result), agrees=agrees)
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
    pairs = sum(step.p_values is not None for step in steps)
    corrected = f", not corrected for {pairs} pairs" if pairs > 1 else ""
    lines = [
        f"Order asked for in {column.title}: {chain}. Means over seeds; two-sided p of "
        "the paired bootstrap over test sentences, their counts summed over all seeds "
        f"of a row, and over seeds and sentences together{corrected}."
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
