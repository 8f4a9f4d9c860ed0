"""Verdicts on measurements made up to agree with theory, or not to."""

import pytest

from experiments.estimators import claims as theory
from experiments.estimators.setup import ESTIMATORS, Estimator
from experiments.estimators.statistics import Measured


def one(variance=1.0, error=0.01, squared=0.0, squared_error=0.01):
    return Measured(0.1, squared, squared_error, 0.2, variance, error, 0.001)


def baseline(name, samples=1):
    return Estimator("reinforce", "expected", name, "step", samples=samples)


def verdicts(found):
    return {said.claim: said.verdict for said in theory.statements(found)}


@pytest.mark.parametrize(
    ("variance", "verdict"),
    [
        (0.9, "held"),
        (0.99, "held, but within the error"),
        (1.01, "did not hold, but within the error"),
        (1.1, "did not hold"),
    ],
)
def test_an_order_is_held_by_more_than_the_error_or_less(variance, verdict):
    found = {baseline("none"): one(1.0), baseline("moving-average"): one(variance)}
    assert verdicts(found) == {"moving-average is less noisy than none": verdict}


def test_credits_are_compared_where_none_is_biased():
    def found(feed):
        return {
            Estimator("reinforce", feed, "soft", credit): one(variance)
            for credit, variance in (("sentence", 3.0), ("to-go", 2.0), ("step", 1.0))
        }

    claims = [f"credit {a} is less noisy than {b}" for a, b in (("to-go", "sentence"),)]
    assert list(verdicts(found("sampled"))) == claims
    claims.append("credit step is less noisy than to-go")
    assert verdicts(found("expected")) == dict.fromkeys(claims, "held")


def test_a_lower_temperature_has_less_bias_and_more_variance():
    found = {
        Estimator("gumbel", "sampled", temperature=0.1): one(9.0, squared=0.1),
        Estimator("gumbel", "sampled", temperature=1.0): one(1.0, squared=0.5),
        Estimator("gumbel", "expected", temperature=0.5): one(1.0, squared=0.5),
    }
    less, more = theory.statements(found)
    assert less.claim == "gumbel 0.1 is less biased than 1" and less.where == "sampled"
    assert more.claim == "gumbel 1 is less noisy than 0.1"
    assert less.verdict == more.verdict == "held"
    assert less.shown == "bias 0.316 against 0.707: 28 errors apart"


@pytest.mark.parametrize(("power", "verdict"), [(-1.0, "held"), (-0.9, "did not hold")])
def test_variance_falls_as_the_samples_say(power, verdict):
    found = {
        baseline("soft", samples): one(3.0 * samples**power, 0.03 * samples**power)
        for samples in (4, 1, 2, 16)
    }
    (said,) = theory.statements(found)
    assert said.verdict == verdict
    assert said.shown.startswith(f"K to the power {power:.3f} ± 0.00")


def test_everything_is_said_of_all_estimators_and_counted():
    found = {
        estimator: one(1.0 + place, squared=0.5 if estimator.biased else 0.0)
        for place, estimator in enumerate(ESTIMATORS)
    }
    said = theory.statements(found)
    claims = [statement.claim for statement in said]
    assert len(said) == 3 * 3 + 3 + 2 * 2 * 2
    assert claims[:3] == ["moving-average is less noisy than none"] * 3
    assert len(set(zip(claims, [one.where for one in said], strict=True))) == len(said)
    made_up = [
        said[0]._replace(held=held, certain=certain)
        for held, certain in ((True, True), (True, False), (False, True))
    ]
    assert theory.counted(made_up) == (
        "Of 3 statements 1 held, 1 did not and 1 could not be told within 3 standard "
        "errors."
    )


def test_biases_are_where_theory_has_them():
    gumbel = Estimator("gumbel", "expected", temperature=0.5)
    found = {baseline("soft"): one(), gumbel: one(squared=0.5)}
    assert theory.biases(found) == (
        "No bias was found in 1 of the 1 estimators that theory calls unbiased; bias "
        "was found in 1 of the 1 estimators that theory calls biased."
    )
    found[baseline("none")] = one(squared=0.5)
    assert "1 of the 2 estimators" in theory.biases(found)
    assert "(but see expected reinforce none step)" in theory.biases(found)
    del found[gumbel]
    assert "calls biased" not in theory.biases(found)
