"""What theory says about the gradient estimators, and whether measurements agree."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.estimators.setup import Estimator
from experiments.estimators.statistics import Measured

Found = Mapping[Estimator, Measured]
SURE = 3.0  # standard errors that a difference must have


class Statement(NamedTuple):
    """A claim of theory about estimators `where`, and the numbers `shown`.

    certain: what was found is more than the error.
    """

    claim: str
    where: str
    shown: str
    held: bool
    certain: bool

    @property
    def verdict(self) -> str:
        word = "held" if self.held else "did not hold"
        return word if self.certain else f"{word}, but within the error"


def statements(found: Found) -> list[Statement]:
    """All that can be checked with the estimators measured: orders, and 1/K."""
    each = (_baselines, _credits, _temperatures, _samples)
    return [statement for some in each for statement in some(found)]


def counted(said: Sequence[Statement]) -> str:
    """A sentence: how many of the statements held."""
    held = sum(one.held and one.certain for one in said)
    near = sum(not one.certain for one in said)
    return (
        f"Of {len(said)} statements {held} held, {len(said) - held - near} did not and "
        f"{near} could not be told within {SURE:g} standard errors."
    )


def biases(found: Found) -> str:
    """A sentence: is bias where theory has it, and nowhere else?"""
    parts = []
    for biased, right in ((False, "no bias was found"), (True, "bias was found")):
        ours = {e: one for e, one in found.items() if e.biased is biased}
        wrong = [e.name for e, one in ours.items() if one.found is not biased]
        kind = "biased" if biased else "unbiased"
        if ours:
            part = f"{right} in {len(ours) - len(wrong)} of the {len(ours)} estimators "
            but = f" (but see {', '.join(wrong)})" if wrong else ""
            parts.append(f"{part}that theory calls {kind}{but}")
    sentence = "; ".join(parts)
    return sentence[:1].upper() + sentence[1:] + "."


def _baselines(found: Found) -> Iterator[Statement]:
    """The mean reward takes noise away, and what knows the state takes away more.

    The second need not be so: a baseline is best near the rewards of actions with large
    gradients, the unlikely ones, and these stay low when the likely ones have learned.
    """
    for noisy, quiet in (
        ("none", "moving-average"),
        ("moving-average", "soft"),
        ("moving-average", "self-critical"),
    ):
        for first in found:
            if first.baseline == noisy:
                yield from _noisier(
                    found,
                    f"{quiet} is less noisy than {noisy}",
                    f"{first.feed} {first.learning} {first.credit}",
                    first,
                    first._replace(baseline=quiet),
                )


def _credits(found: Found) -> Iterator[Statement]:
    """Rewards that an action cannot change are noise."""
    for noisy, quiet in (("sentence", "to-go"), ("to-go", "step")):
        for first in found:
            second = first._replace(credit=quiet)
            if first.credit == noisy and not second.biased:
                yield from _noisier(
                    found,
                    f"credit {quiet} is less noisy than {noisy}",
                    f"{first.feed} {first.learning} {first.baseline}",
                    first,
                    second,
                )


def _noisier(
    found: Found, claim: str, where: str, noisy: Estimator, quiet: Estimator
) -> Iterator[Statement]:
    """That the variance of `noisy` is the larger, if both were measured at K = 1."""
    if noisy in found and quiet in found and noisy.samples == 1:
        one, two = found[noisy], found[quiet]
        yield _compared(
            claim,
            where,
            f"variance {two.variance:.3g} against {one.variance:.3g}",
            one.variance - two.variance,
            one.variance_error,
            two.variance_error,
        )


def _temperatures(found: Found) -> Iterator[Statement]:
    """A colder relaxed sample is nearer to the hard one, its gradient rarer.

    Straight through, its bias need not fall all the way: at temperature 0 it has the
    mean of the slopes at two positions for the difference of their rewards.
    """
    for feed in ("expected", "sampled"):
        ours = [e for e in found if e.learning == "gumbel" and e.feed == feed]
        ours.sort(key=lambda e: e.temperature or 0.0, reverse=True)
        for warm, cold in zip(ours, ours[1:], strict=False):
            one, two = found[warm], found[cold]
            yield _compared(
                f"gumbel {cold.temperature:g} is less biased than {warm.temperature:g}",
                feed,
                f"bias {two.bias:.3g} against {one.bias:.3g}",
                one.squared - two.squared,
                one.squared_error,
                two.squared_error,
            )
            claim = (
                f"gumbel {warm.temperature:g} is less noisy than {cold.temperature:g}"
            )
            yield from _noisier(found, claim, feed, cold, warm)


def _samples(found: Found) -> Iterator[Statement]:
    """K independent samples have 1/K of the variance: as log K, its log falls by 1."""
    for first in found:
        ours = sorted(
            (e for e in found if e._replace(samples=1) == first),
            key=lambda e: e.samples,
        )
        if first.samples != 1 or len(ours) < 2:
            continue
        variances = np.array([found[e].variance for e in ours])
        errors = np.array([found[e].variance_error for e in ours]) / variances
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
    claim: str, where: str, shown: str, difference: float, *errors: float
) -> Statement:
    """Held where the difference is positive."""
    error = float(np.linalg.norm(errors))
    shown = f"{shown}: {abs(difference) / error:.0f} errors apart"
    return Statement(
        claim, where, shown, difference > 0, abs(difference) > SURE * error
    )
