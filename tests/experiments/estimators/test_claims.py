"""Verdicts on measurements made up to agree with theory, or not to."""

import re

import pytest

from experiments.estimators import claims
from experiments.estimators.setup import ESTIMATORS, Estimator
from experiments.estimators.statistics import Measured


def measurement(variance=1.0, error=0.01, squared=0.0, squared_error=0.01):
    return Measured(0.1, squared, squared_error, 0.2, variance, error, 0.001)


def baseline(name, samples=1):
    return Estimator("reinforce", "expected", name, "step", samples=samples)


def verdicts(measurements):
    return {item.claim: item.verdict for item in claims.statements(measurements)}


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
    measurements = {
        baseline("none"): measurement(1.0),
        baseline("moving-average"): measurement(variance),
    }
    assert verdicts(measurements) == {"moving-average is less noisy than none": verdict}


def test_credits_are_compared_where_none_is_biased():
    def measurements(feed):
        return {
            Estimator("reinforce", feed, "soft", credit): measurement(variance)
            for credit, variance in (("sentence", 3.0), ("to-go", 2.0), ("step", 1.0))
        }

    orders = ["credit to-go is less noisy than sentence"]
    assert list(verdicts(measurements("sampled"))) == orders
    orders.append("credit step is less noisy than to-go")
    assert verdicts(measurements("expected")) == dict.fromkeys(orders, "held")


def test_a_lower_temperature_has_less_bias_and_more_variance():
    measurements = {
        Estimator("gumbel", "sampled", temperature=0.1): measurement(9.0, squared=0.1),
        Estimator("gumbel", "sampled", temperature=1.0): measurement(1.0, squared=0.5),
        Estimator("gumbel", "expected", temperature=0.5): measurement(1.0, squared=0.5),
    }
    less, more = claims.statements(measurements)
    assert less.claim == "gumbel 0.1 is less biased than 1" and less.where == "sampled"
    assert more.claim == "gumbel 1 is less noisy than 0.1"
    assert less.verdict == more.verdict == "held"
    assert less.numbers == "bias 0.316 against 0.707: 28 errors apart"


@pytest.mark.parametrize(("power", "verdict"), [(-1.0, "held"), (-0.9, "did not hold")])
def test_variance_falls_as_the_samples_say(power, verdict):
    measurements = {
        baseline("soft", samples): measurement(
            3.0 * samples**power, 0.03 * samples**power
        )
        for samples in (4, 1, 2, 16)
    }
    (statement,) = claims.statements(measurements)
    assert statement.verdict == verdict
    assert statement.numbers.startswith(f"K to the power {power:.3f} ± 0.00")


def test_statements_about_all_estimators_are_made_and_counted():
    measurements = {
        estimator: measurement(1.0 + place, squared=0.5 if estimator.biased else 0.0)
        for place, estimator in enumerate(ESTIMATORS)
    }
    checked = claims.statements(measurements)
    assert len(checked) == 3 * 3 + 3 + 2 * 2 * 2
    first = [statement.claim for statement in checked[:3]]
    assert first == ["moving-average is less noisy than none"] * 3
    assert len({(item.claim, item.where) for item in checked}) == len(checked)
    made_up = [
        checked[0]._replace(held=held, certain=certain)
        for held, certain in ((True, True), (True, False), (False, True))
    ]
    counts = re.findall(r"\d+", claims.counted(made_up))
    assert counts == ["3", "1", "1", "1", "3"]  # the last: standard errors


def test_biases_are_where_theory_has_them():
    gumbel = Estimator("gumbel", "expected", temperature=0.5)
    measurements = {baseline("soft"): measurement(), gumbel: measurement(squared=0.5)}
    sentence = claims.biases(measurements)
    assert sentence.count("in 1 of the 1 estimators") == 2
    assert "but see" not in sentence
    measurements[baseline("none")] = measurement(squared=0.5)
    assert "1 of the 2 estimators" in claims.biases(measurements)
    assert "(but see expected reinforce none step)" in claims.biases(measurements)
    del measurements[gumbel]
    assert "calls biased" not in claims.biases(measurements)
