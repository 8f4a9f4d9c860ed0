"""The moving average of rewards, update by update."""

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.estimators import MovingAverage

REAL = np.array([[True, True, True], [True, False, False]])


def rewards(samples, seed):
    result = np.random.default_rng(seed).normal(size=(2, 3, samples))
    return np.where(REAL[..., None], result, 0)


def test_it_decays_towards_the_mean_reward_of_a_real_step():
    average, expected = MovingAverage(jnp.zeros(())), 0.0
    for seed in range(4):
        given = rewards(5, seed)
        average = average.after(jnp.asarray(given, "float32"), REAL, 0.9)
        mean = np.mean([given[b, t] for b, t in np.argwhere(REAL)])
        expected = 0.9 * expected + 0.1 * mean
        np.testing.assert_allclose(average.mean, expected, rtol=1e-5)


def test_copies_of_a_sample_change_nothing():
    start, given = MovingAverage(jnp.float32(-2.0)), jnp.asarray(rewards(1, 0))
    once = start.after(given, REAL, 0.5).mean
    thrice = start.after(jnp.repeat(given, 3, axis=-1), REAL, 0.5).mean
    np.testing.assert_allclose(once, thrice, rtol=1e-6)


def test_a_batch_of_nothing_is_finite():
    start = MovingAverage(jnp.float32(-2.0))
    after = start.after(jnp.zeros((2, 3, 1)), jnp.zeros((2, 3), bool), 0.9)
    np.testing.assert_allclose(after.mean, -1.8, rtol=1e-6)


def test_no_gradient_flows_through_it():
    def after(rewards):
        return MovingAverage(jnp.zeros(())).after(rewards, REAL, 0.9).mean

    assert not np.any(jax.grad(after)(jnp.asarray(rewards(2, 0), "float32")))
