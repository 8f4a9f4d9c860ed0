"""The marginal against a sum of probabilities, the posterior against Bayes' rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

from attnlab.estimators import marginal, posterior
from tests.estimators.tables import drawn, single, steps_of

P, LOGS = drawn(2, 3, 5)


def test_it_is_the_log_of_a_sum_of_probabilities():
    result = marginal(steps_of(single(P), single(LOGS)))
    expected = np.log((P * np.exp(LOGS)).sum(axis=-1))
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_likelihoods_that_underflow_are_no_log_of_zero():
    """A sum of probabilities would be 0 here, and its log no number (4.24)."""
    for far in (-1000.0, -1e6):
        expected = logsumexp(LOGS + far, b=P, axis=-1)
        result, slopes = jax.value_and_grad(
            lambda p, logs: marginal(steps_of(p, logs)).sum(), argnums=(0, 1)
        )(single(P), single(LOGS + far))
        np.testing.assert_allclose(result, expected.sum(), rtol=1e-6)
        assert all(np.isfinite(slope).all() for slope in slopes)


def test_the_gradient_of_the_likelihoods_is_the_posterior():
    result = jax.grad(lambda logs: marginal(steps_of(single(P), logs)).sum())(
        single(LOGS)
    )
    expected = posterior(steps_of(single(P), single(LOGS)))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-7)


def test_the_posterior_is_bayes_rule():
    result = np.asarray(posterior(steps_of(single(P), single(LOGS))))
    for b, t in np.ndindex(2, 3):
        joint = [P[b, t, a] * np.exp(LOGS[b, t, a]) for a in range(5)]
        np.testing.assert_allclose(result[b, t], joint / sum(joint), rtol=1e-5)
    np.testing.assert_allclose(result.sum(axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize("far", [0.0, -1000.0])
def test_slots_without_probability_add_nothing(far):
    """Not even with a likelihood of log 1, as padding has it."""
    more_p = np.concatenate([0 * P[..., :2], P], axis=-1)
    more_logs = np.concatenate([0 * P[..., :2], LOGS + far], axis=-1)
    few = steps_of(single(P), single(LOGS + far))
    many = steps_of(single(more_p), single(more_logs))
    np.testing.assert_allclose(marginal(many), marginal(few), rtol=1e-6)
    result = posterior(many)
    np.testing.assert_allclose(result[..., 2:], posterior(few), rtol=1e-5)
    assert not np.any(result[..., :2])

    def total(p, logs):
        return marginal(steps_of(p, logs)).sum()

    slopes = jax.grad(total, argnums=(0, 1))(single(more_p), single(more_logs))
    assert not np.any(slopes[1][..., :2])
    assert np.isfinite(slopes[0]).all()


def test_padding_has_the_likelihood_one():
    """All the probability at one slot whose likelihood is log 1: what padding is."""
    steps = steps_of(single([[1, 0, 0]]), jnp.zeros((1, 3)))
    assert marginal(steps) == 0
    np.testing.assert_array_equal(posterior(steps), [[1, 0, 0]])
