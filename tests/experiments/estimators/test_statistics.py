"""Bias, variance and their errors, of samples whose bias and variance are known."""

import numpy as np
import pytest

from experiments.estimators import statistics
from experiments.estimators.statistics import Groups, Measured, measured

GROUPS, SIZE, SCALE = 40, 25, 3.0


def groups(rng, away, deviations):
    """Normal samples around `away`, both in units of the exact gradient's length."""
    noise = rng.normal(size=(GROUPS, SIZE, len(deviations))) * deviations
    samples = SCALE * (np.asarray(away) + noise)
    squares = (samples**2).sum(axis=-1).mean(axis=-1)
    seconds = np.linspace(1.0, 3.0, GROUPS)
    return Groups(samples.mean(axis=1), squares, SIZE, SCALE, seconds)


def repeated(away, deviations, times=400):
    """{name: [times]} of what is measured in independent repetitions."""
    rng = np.random.default_rng(0)
    rows = [measured(groups(rng, away, deviations)) for _ in range(times)]
    columns = dict(zip(Measured._fields, np.array(rows).T, strict=True))
    return columns | {"detected": np.array([row.detected for row in rows])}


UNEVEN = np.array([2.0, 1.0, 1.0, 0.5, 0.5, 0.5])


@pytest.mark.parametrize("length", [0.0, 0.5])
def test_bias_and_variance_are_recovered_with_their_errors(length):
    columns = repeated([0.0, length, 0.0, 0.0, 0.0, 0.0], UNEVEN)
    for name, truth in (("variance", (UNEVEN**2).sum()), ("squared", length**2)):
        mean, spread = columns[name].mean(), columns[name].std()
        assert abs(mean - truth) < 4 * spread / np.sqrt(len(columns[name]))
        if truth:  # without a bias the jackknife says less; the limit is for that
            typical = np.sqrt((columns[f"{name}_error"] ** 2).mean())
            np.testing.assert_allclose(typical, spread, rtol=0.15)
    assert columns["detected"].mean() == (1.0 if length else 0.0)


@pytest.mark.parametrize("deviations", [np.ones(1), np.ones(50), UNEVEN])
def test_a_bias_is_rarely_detected_where_there_is_none(deviations, monkeypatch):
    monkeypatch.setattr(statistics, "LEVEL", 0.02)
    columns = repeated(np.zeros(len(deviations)), deviations, times=2000)
    assert 0.01 < columns["detected"].mean() < 0.03


def test_a_bias_is_detected_from_its_limit_on():
    """At the limit itself in half of the cases, hardly below, always above."""
    limit = np.sqrt((repeated(np.zeros(6), UNEVEN)["limit"] ** 2).mean())
    shares = [
        repeated([0.0, 0.0, 0.0, times * limit, 0.0, 0.0], UNEVEN)["detected"].mean()
        for times in (0.3, 1.0, 1.8)
    ]
    assert shares[0] < 0.05 and 0.3 < shares[1] < 0.7 and shares[2] > 0.99


def test_lengths_are_relative_and_time_is_the_median():
    same = groups(np.random.default_rng(1), [0.5, 0.0], np.ones(2))
    doubled = same._replace(
        means=2 * same.means, squares=4 * same.squares, scale=2 * same.scale
    )
    result = measured(same)
    np.testing.assert_allclose(result, measured(doubled), rtol=1e-9)
    assert result.seconds == 2.0
    np.testing.assert_allclose(result.distance, 0.5, atol=0.15)
    np.testing.assert_allclose(result.bias**2, result.squared)
    expected = result.squared_error / (2 * result.bias)
    np.testing.assert_allclose(result.bias_error, expected)


def test_less_than_no_bias_is_none():
    result = measured(groups(np.random.default_rng(1), [0.5], [1.0]))
    none = result._replace(squared=-0.1)
    assert none.bias == 0.0 and np.isnan(none.bias_error) and not none.detected
