"""What `experiments.estimators` prints, and its CSV file."""

import csv
import io
import math
from collections.abc import Mapping, Sequence

import jax

from experiments.estimators import claims
from experiments.estimators.grids import CompletionGrid
from experiments.estimators.setup import Estimator, Fixed
from experiments.estimators.statistics import Measured

Found = Mapping[Estimator, Measured]
Curves = Mapping[Estimator, Sequence[Estimator]]  # estimator -> the same with each K

LEGEND = (
    "Lengths are relative to the exact gradient, variances to its squared length; ± is "
    "one standard error. biased: by theory. found: whether a bias was found; elsewhere "
    "its column has the length above which one would have been. |mean-exact| is mostly "
    "noise there. The moving average stands at the mean reward. ms: one sampled "
    "gradient of the whole batch, the median over groups."
)
NUMBERS = (
    *("distance", "bias", "bias_error", "limit", "found", "squared", "squared_error"),
    *("variance", "variance_error", "seconds"),
)


def page(
    fixed: Fixed, samples: int, known: Sequence[Estimator], curves: Curves, found: Found
) -> list[str | CompletionGrid]:
    """Everything, for `grids.text` and `grids.markdown`."""
    return [
        _about(fixed, samples),
        _estimators(known, found),
        LEGEND,
        *_over_samples(curves, found),
        *_theory(found),
    ]


def _about(fixed: Fixed, samples: int) -> str:
    number = sum(leaf.size for leaf in jax.tree.leaves(fixed.params))
    sentences, steps = len(fixed.batch.target), fixed.batch.target_lengths.sum()
    return (
        f"A model of {number:,} parameters after {fixed.config['train']['steps']} "
        f"updates, seed {fixed.config['seed']}. On the {sentences} sentences ({steps} "
        f"target words) of its gradients: perplexity {fixed.perplexity:.2f}, with "
        f"{fixed.sizes[1]} words to choose from; entropy of its attention "
        f"{fixed.entropy:.2f} nats a step, at most {fixed.most:.2f}. {samples:,} "
        f"gradients of each estimator, on {jax.devices()[0].device_kind} with jax "
        f"{jax.__version__}."
    )


def _estimators(known: Sequence[Estimator], found: Found) -> CompletionGrid:
    words = ("feed", "learning", "baseline", "credit", "temp.", "biased", "found")
    rows = []
    for one in known:
        this = found[one]
        none = f"< {_rounded(this.limit, this.limit)}"
        rows.append(
            [
                *(one.feed, one.learning, one.baseline or "—", one.credit or "—"),
                "—" if one.temperature is None else f"{one.temperature:g}",
                "yes" if one.biased else "no",
                "yes" if this.found else "no",
                _spread(this.bias, this.bias_error) if this.found else none,
                f"{this.distance:.3f}",
                _spread(this.variance, this.variance_error),
                f"{1000 * this.seconds:.2f}",
            ]
        )
    titles = (*words, "bias", "|mean-exact|", "variance", "ms")
    return CompletionGrid(titles, rows, left=len(words))


def _over_samples(curves: Curves, found: Found) -> list[str | CompletionGrid]:
    """Variance and milliseconds of gradients of K samples, a line a baseline."""
    if not curves:
        return []
    variances, times = [], []
    for one, row in curves.items():
        each = [found[estimator] for estimator in row]
        shown = [_spread(this.variance, this.variance_error) for this in each]
        variances.append([one.baseline, *shown])
        times.append([one.baseline, *(f"{1000 * this.seconds:.2f}" for this in each)])
    first, row = next(iter(curves.items()))
    titles = ["baseline", *(f"K = {estimator.samples}" for estimator in row)]
    kind = f"{first.feed} {first.learning}, credit {first.credit}"
    return [
        f"Variance of a gradient of K samples ({kind}):",
        CompletionGrid(titles, variances),
        "Its milliseconds:",
        CompletionGrid(titles, times),
    ]


def _theory(found: Found) -> list[str | CompletionGrid]:
    said = claims.statements(found)
    if not said:
        return [claims.biases(found)]
    titles = ("theory", "of", "measured", "verdict")
    rows = [[one.claim, one.where, one.shown, one.verdict] for one in said]
    grid = CompletionGrid(titles, rows, left=len(titles))
    return [grid, claims.counted(said), claims.biases(found)]


def table_csv(found: Found) -> str:
    """A line an estimator and K; `biased` is by theory, `found` whether one was."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["name", *Estimator._fields, "biased", *NUMBERS])
    for one, this in found.items():
        numbers = [getattr(this, name) for name in NUMBERS]
        lines.writerow([one.name, *one, one.biased, *numbers])
    return out.getvalue()


def _spread(value: float, error: float) -> str:
    """`1.446 ± 0.024`: two digits of the error."""
    return f"{_rounded(value, error)} ± {_rounded(error, error)}"


def _rounded(value: float, error: float) -> str:
    digits = 1 - math.floor(math.log10(error)) if error > 0 else 3
    return f"{value:.{min(max(digits, 0), 6)}f}"
