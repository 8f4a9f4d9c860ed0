"""What theory says about the gradient estimators, and whether measurements agree."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.estimators.setup import Estimator
from experiments.estimators.statistics import Measured

Measurements = Mapping[Estimator, Measured]
SURE = 3.0  # standard errors that a difference must have


class Statement(NamedTuple):
    """A claim of theory, and whether measurements agree.

    claim: what theory says.
    where: the estimators that it is about.
    numbers: what was measured.
    held: whether that agrees.
    certain: whether it is more than the error.
    """

    claim: str
    where: str
    numbers: str
    held: bool
    certain: bool

    @property
    def verdict(self) -> str:
        """The result in words.

        Returns:
          "held" or "did not hold", and whether that is within the error.
        """
        word = "held" if self.held else "did not hold"
        return word if self.certain else f"{word}, but within the error"


def statements(measurements: Measurements) -> list[Statement]:
    """All that can be checked with the estimators measured: orders, and 1/K.

    Args:
      measurements: of the estimators.

    Returns:
      A Statement for each pair, or series, of them that theory speaks of.
    """
    checks = (_baselines, _credits, _temperatures, _samples)
    return [statement for check in checks for statement in check(measurements)]


def counted(checked: Sequence[Statement]) -> str:
    """How many statements held.

    Args:
      checked: all of them.

    Returns:
      A sentence.
    """
    held = sum(statement.held and statement.certain for statement in checked)
    near = sum(not statement.certain for statement in checked)
    return (
        f"Of {len(checked)} statements {held} held, {len(checked) - held - near} did "
        f"not and {near} could not be told within {SURE:g} standard errors."
    )


def biases(measurements: Measurements) -> str:
    """Whether there is bias where theory has it, and nowhere else.

    Args:
      measurements: of the estimators.

    Returns:
      A sentence, which names those that disagree.
    """
    parts = []
    for biased, right in ((False, "no bias was found"), (True, "bias was found")):
        ours = {e: item for e, item in measurements.items() if e.biased is biased}
        wrong = [e.name for e, item in ours.items() if item.detected is not biased]
        kind = "biased" if biased else "unbiased"
        if ours:
            part = f"{right} in {len(ours) - len(wrong)} of the {len(ours)} estimators "
            but = f" (but see {', '.join(wrong)})" if wrong else ""
            parts.append(f"{part}that theory calls {kind}{but}")
    sentence = "; ".join(parts)
    return sentence[:1].upper() + sentence[1:] + "."


def _baselines(measurements: Measurements) -> Iterator[Statement]:
    """A baseline of the mean reward is less noisy than none, of the state yet less.

    The second need not be so: a baseline is best near the rewards of actions with large
    gradients, the unlikely ones, and these stay low when the likely ones have learned.
    """
    for noisy, quiet in (
        ("none", "moving-average"),
        ("moving-average", "soft"),
        ("moving-average", "self-critical"),
    ):
        for first in measurements:
            if first.baseline == noisy:
                yield from _noisier(
                    measurements,
                    f"{quiet} is less noisy than {noisy}",
                    f"{first.feed} {first.learning} {first.credit}",
                    first,
                    first._replace(baseline=quiet),
                )


def _credits(measurements: Measurements) -> Iterator[Statement]:
    """Rewards that an action cannot change are noise."""
    for noisy, quiet in (("sentence", "to-go"), ("to-go", "step")):
        for first in measurements:
            second = first._replace(credit=quiet)
            if first.credit == noisy and not second.biased:
                yield from _noisier(
                    measurements,
                    f"credit {quiet} is less noisy than {noisy}",
                    f"{first.feed} {first.learning} {first.baseline}",
                    first,
                    second,
                )


def _noisier(
    measurements: Measurements,
    claim: str,
    where: str,
    noisy: Estimator,
    quiet: Estimator,
) -> Iterator[Statement]:
    """That the variance of `noisy` is the larger, if both were measured at K = 1."""
    if noisy in measurements and quiet in measurements and noisy.samples == 1:
        more, less = measurements[noisy], measurements[quiet]
        yield _compared(
            claim,
            where,
            f"variance {less.variance:.3g} against {more.variance:.3g}",
            more.variance - less.variance,
            more.variance_error,
            less.variance_error,
        )


def _temperatures(measurements: Measurements) -> Iterator[Statement]:
    """A colder relaxed sample is nearer to the hard one, its gradient rarer.

    Straight through, its bias need not fall all the way: at temperature 0 it has the
    mean of the slopes at two positions for the difference of their rewards.
    """
    for feed in ("expected", "sampled"):
        ours = [e for e in measurements if e.learning == "gumbel" and e.feed == feed]
        ours.sort(key=lambda e: e.temperature or 0.0, reverse=True)
        for warm, cold in zip(ours, ours[1:], strict=False):
            first, second = measurements[warm], measurements[cold]
            yield _compared(
                f"gumbel {cold.temperature:g} is less biased than {warm.temperature:g}",
                feed,
                f"bias {second.bias:.3g} against {first.bias:.3g}",
                first.squared - second.squared,
                first.squared_error,
                second.squared_error,
            )
            claim = (
                f"gumbel {warm.temperature:g} is less noisy than {cold.temperature:g}"
            )
            yield from _noisier(measurements, claim, feed, cold, warm)


def _samples(measurements: Measurements) -> Iterator[Statement]:
    """K independent samples have 1/K of the variance: as log K, its log falls by 1."""
    for first in measurements:
        ours = sorted(
            (e for e in measurements if e._replace(samples=1) == first),
            key=lambda e: e.samples,
        )
        if first.samples != 1 or len(ours) < 2:
            continue
        variances = np.array([measurements[e].variance for e in ours])
        errors = np.array([measurements[e].variance_error for e in ours])
        errors /= variances
        counts = np.log([e.samples for e in ours])
        weights = errors**-2
        away = counts - np.average(counts, weights=weights)
        slope = (weights * away * np.log(variances)).sum() / (weights * away**2).sum()
        error = (weights * away**2).sum() ** -0.5
        yield Statement(
            "K samples have 1/K of the variance",
            first.name,
            f"K to the power {slope:.3f} ± {error:.3f}",
            held=bool(abs(slope + 1) <= SURE * error),
            certain=True,
        )


def _compared(
    claim: str, where: str, numbers: str, difference: float, *errors: float
) -> Statement:
    """Held where the difference is positive."""
    error = float(np.linalg.norm(errors))
    numbers = f"{numbers}: {abs(difference) / error:.0f} errors apart"
    return Statement(
        claim, where, numbers, difference > 0, abs(difference) > SURE * error
    )
