"""The score-function estimator against loops over sentences, steps and samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.estimators import CREDITS, reinforce
from tests.estimators.tables import single

B, T, K = 2, 4, 3
random = np.random.default_rng(0)
LOG_PROBS = single(-random.gamma(1.0, size=(B, T, K)))
REWARDS = single(-random.gamma(2.0, size=(B, T, K)))
BASELINES = single(random.normal(size=(B, T, 1)))


def credited(rewards, credit):
    """What each action is credited with, of rewards [B, T, K]."""
    result = np.zeros(rewards.shape)
    for b, t, k in np.ndindex(rewards.shape):
        last = t + 1 if credit == "step" else rewards.shape[1]
        first = 0 if credit == "sentence" else t
        for other in range(first, last):
            result[b, t, k] += rewards[b, other, k]
    return result


def slopes(log_probs, rewards, baselines, **options):
    """Gradients of the sum with respect to all three."""

    def total(*arrays):
        return reinforce(*arrays, **options).sum()

    return jax.grad(total, argnums=(0, 1, 2))(log_probs, rewards, baselines)


@pytest.mark.parametrize("credit", CREDITS)
def test_credit_is_the_sum_of_the_rewards_it_names(credit):
    result = CREDITS[credit](jnp.asarray(REWARDS))
    np.testing.assert_allclose(result, credited(REWARDS, credit), rtol=1e-5)


@pytest.mark.parametrize("credit", CREDITS)
@pytest.mark.parametrize("weight", [1.0, 0.1])
def test_the_gradient_is_credit_less_baselines(credit, weight):
    given = (LOG_PROBS, REWARDS, BASELINES)
    actions, rewards, baselines = slopes(*given, credit=credit, weight=weight)
    expected = weight * credited(REWARDS - BASELINES, credit) / K
    np.testing.assert_allclose(actions, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rewards, np.full((B, T, K), 1 / K), rtol=1e-6)
    assert not np.any(baselines)  # what foretells a reward doesn't learn from it


@pytest.mark.parametrize("credit", CREDITS)
def test_the_value_is_the_mean_reward_of_each_step(credit):
    result = reinforce(LOG_PROBS, REWARDS, BASELINES, credit=credit, weight=0.3)
    np.testing.assert_allclose(result, REWARDS.mean(axis=-1), rtol=1e-5)


@pytest.mark.parametrize("credit", CREDITS)
def test_a_reward_foretold_exactly_moves_no_action(credit):
    actions, _, _ = slopes(LOG_PROBS, REWARDS, REWARDS, credit=credit)
    assert not np.any(actions)


def test_no_baseline_is_a_baseline_of_zero():
    def gradient(*baselines):
        def total(log_probs):
            return reinforce(log_probs, REWARDS, *baselines).sum()

        return jax.grad(total)(LOG_PROBS)

    np.testing.assert_array_equal(gradient(), gradient(0 * BASELINES))
    np.testing.assert_array_equal(gradient(), gradient(0.0))


@pytest.mark.parametrize("credit", CREDITS)
def test_padded_steps_change_nothing(credit):
    given = (LOG_PROBS, REWARDS, BASELINES)
    longer = [np.concatenate([a, 0 * a[:, :2]], axis=1) for a in given]
    result = slopes(*longer, credit=credit)[0]
    expected = slopes(*given, credit=credit)[0]
    np.testing.assert_allclose(result[:, :T], expected, rtol=1e-6)
    values = reinforce(*longer, credit=credit)
    np.testing.assert_allclose(values[:, :T], reinforce(*given, credit=credit))
    assert not np.any(values[:, T:])
