"""What `experiments.estimators` prints, and its CSV file."""

import csv
import io
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
from tabulate import tabulate

from experiments.estimators import claims
from experiments.estimators.claims import Measurements
from experiments.estimators.setup import Estimator, FixedModel

Curves = Mapping[Estimator, Sequence[Estimator]]  # estimator -> the same with each K

LEGEND = (
    "Lengths are relative to the exact gradient, variances to its squared length; ± is "
    "one standard error. biased: by theory. found: whether a bias was found; elsewhere "
    "its column has the length above which one would have been. |mean-exact| is mostly "
    "noise there. The moving average stands at the mean reward. ms: one sampled "
    "gradient of the whole batch, the median over groups."
)
# Columns of the CSV file and what of a Measured they have.
NUMBERS = {
    **{name: name for name in ("distance", "bias", "bias_error", "limit")},
    "found": "detected",
    **{name: name for name in ("squared", "squared_error", "variance")},
    **{name: name for name in ("variance_error", "seconds")},
}


class Grid(NamedTuple):
    """A table of words.

    titles: of the columns.
    rows: of as many cells.
    left: the first columns, which are aligned to the left.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1

    def draw(self, style: str) -> str:
        """The table as text.

        Args:
          style: one of tabulate's formats.

        Returns:
          Lines, as long as the cells need.
        """
        return tabulate(
            self.rows,
            self.titles,
            tablefmt=style,
            colalign=[
                "left" if column < self.left else "right"
                for column in range(len(self.titles))
            ],
            disable_numparse=True,  # digits say how exact a number is
        )


def text(parts: Sequence[str | Grid], width: int = 100) -> str:
    """Paragraphs and tables for a terminal.

    Args:
      parts: in their order.
      width: where paragraphs fold, in characters; tables are as wide as they must.

    Returns:
      The text, ending in a new line.
    """
    blocks = [
        part.draw("simple") if isinstance(part, Grid) else textwrap.fill(part, width)
        for part in parts
    ]
    return "\n\n".join(blocks) + "\n"


def markdown(parts: Sequence[str | Grid]) -> str:
    """Paragraphs and tables in Markdown.

    Args:
      parts: in their order.

    Returns:
      The text, ending in a new line.
    """
    blocks = [
        Grid(
            [_escaped(title) for title in part.titles],
            [[_escaped(cell) for cell in row] for row in part.rows],
            part.left,
        ).draw("pipe")
        if isinstance(part, Grid)
        else _escaped(part)
        for part in parts
    ]
    return "\n\n".join(blocks) + "\n"


def _escaped(words: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", words)


def page(
    fixed: FixedModel,
    samples: int,
    estimators: Sequence[Estimator],
    curves: Curves,
    measurements: Measurements,
) -> list[str | Grid]:
    """All that the program prints, for `text` and `markdown`.

    Args:
      fixed: the model that was measured.
      samples: gradients of each estimator.
      estimators: the rows of the main table.
      curves: of some of them, the same with each number of samples K.
      measurements: of all of them.

    Returns:
      Paragraphs and tables.
    """
    return [
        _about(fixed, samples),
        _estimators(estimators, measurements),
        LEGEND,
        *_over_samples(curves, measurements),
        *_theory(measurements),
    ]


def _about(fixed: FixedModel, samples: int) -> str:
    number = sum(leaf.size for leaf in jax.tree.leaves(fixed.params))
    sentences, steps = len(fixed.batch.target), fixed.batch.target_lengths.sum()
    return (
        f"A model of {number:,} parameters after {fixed.settings.train.steps} updates, "
        f"seed {fixed.settings.seed}. On the {sentences} sentences ({steps} target "
        f"words) of its gradients: perplexity {fixed.perplexity:.2f}, with "
        f"{fixed.sizes[1]} words to choose from; entropy of its attention "
        f"{fixed.entropy:.2f} nats a step, at most {fixed.largest_entropy:.2f}. "
        f"{samples:,} gradients of each estimator, on {jax.devices()[0].device_kind} "
        f"with jax {jax.__version__}."
    )


def _estimators(estimators: Sequence[Estimator], measurements: Measurements) -> Grid:
    words = ("feed", "learning", "baseline", "credit", "temp.", "biased", "found")
    rows = []
    for row in estimators:
        this = measurements[row]
        none = f"< {_rounded(this.limit, this.limit)}"
        rows.append(
            [
                *(row.feed, row.learning, row.baseline or "—", row.credit or "—"),
                "—" if row.temperature is None else f"{row.temperature:g}",
                "yes" if row.biased else "no",
                "yes" if this.detected else "no",
                _spread(this.bias, this.bias_error) if this.detected else none,
                f"{this.distance:.3f}",
                _spread(this.variance, this.variance_error),
                f"{1000 * this.seconds:.2f}",
            ]
        )
    titles = (*words, "bias", "|mean-exact|", "variance", "ms")
    return Grid(titles, rows, left=len(words))


def _over_samples(curves: Curves, measurements: Measurements) -> list[str | Grid]:
    """Variance and milliseconds of gradients of K samples, a line a baseline."""
    if not curves:
        return []
    variances, times = [], []
    for single, row in curves.items():
        each = [measurements[estimator] for estimator in row]
        cells = [_spread(this.variance, this.variance_error) for this in each]
        variances.append([single.baseline, *cells])
        cells = [f"{1000 * this.seconds:.2f}" for this in each]
        times.append([single.baseline, *cells])
    first, row = next(iter(curves.items()))
    titles = ["baseline", *(f"K = {estimator.samples}" for estimator in row)]
    kind = f"{first.feed} {first.learning}, credit {first.credit}"
    return [
        f"Variance of a gradient of K samples ({kind}):",
        Grid(titles, variances),
        "Its milliseconds:",
        Grid(titles, times),
    ]


def _theory(measurements: Measurements) -> list[str | Grid]:
    checked = claims.statements(measurements)
    if not checked:
        return [claims.biases(measurements)]
    titles = ("theory", "of", "measured", "verdict")
    rows = [[item.claim, item.where, item.numbers, item.verdict] for item in checked]
    grid = Grid(titles, rows, left=len(titles))
    return [grid, claims.counted(checked), claims.biases(measurements)]


def table_csv(measurements: Measurements) -> str:
    """All numbers, a line for each estimator and number of samples K.

    Args:
      measurements: of the estimators.

    Returns:
      The text of a CSV file; `biased` is by theory, `found` whether a bias was.
    """
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["name", *Estimator._fields, "biased", *NUMBERS])
    for estimator, this in measurements.items():
        numbers = [getattr(this, name) for name in NUMBERS.values()]
        lines.writerow([estimator.name, *estimator, estimator.biased, *numbers])
    return out.getvalue()


def _spread(value: float, error: float) -> str:
    """`1.446 ± 0.024`: two digits of the error."""
    return f"{_rounded(value, error)} ± {_rounded(error, error)}"


def _rounded(value: float, error: float) -> str:
    digits = 1 - math.floor(math.log10(error)) if error > 0 else 3
    return f"{value:.{min(max(digits, 0), 6)}f}"
