"""Lower bounds by q: below the marginal, equal to it where q is the posterior."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import rel_entr

from attnlab.estimators import (
    divergence,
    elbo,
    expected_likelihood,
    marginal,
    posterior,
)
from tests.estimators.tables import drawn, single, steps_of

P, LOGS = drawn(20, 3, 5)
Q = drawn(20, 3, 5, seed=1)[0]
STEPS = steps_of(single(P), single(LOGS))


def bound(q):
    return elbo(STEPS, q, expected_likelihood(STEPS, q))


def test_the_expected_likelihood_is_a_sum_over_positions():
    result = expected_likelihood(STEPS, single(Q))
    for place in np.ndindex(result.shape):
        expected = sum(Q[place][a] * LOGS[place][a] for a in range(5))
        np.testing.assert_allclose(result[place], expected, rtol=1e-5)


def test_the_divergence_is_scipy_s():
    result = divergence(single(Q), single(P))
    np.testing.assert_allclose(
        result, rel_entr(Q, P).sum(axis=-1), rtol=1e-4, atol=1e-6
    )
    assert not np.any(divergence(single(P), single(P)))


def test_the_bound_is_below_the_marginal():
    assert np.all(bound(single(Q)) < marginal(STEPS))


def test_the_bound_is_the_marginal_where_q_is_the_posterior():
    result = bound(posterior(STEPS))
    np.testing.assert_allclose(result, marginal(STEPS), rtol=1e-5, atol=1e-5)


def test_with_q_the_prior_it_is_jensen_s():
    result = bound(single(P))
    np.testing.assert_allclose(result, (P * LOGS).sum(axis=-1), rtol=1e-5)


def test_the_likelihood_may_come_from_samples():
    result = elbo(STEPS, single(Q), jnp.full((20, 3), -7.0))
    np.testing.assert_allclose(result, -7 - rel_entr(Q, P).sum(-1), rtol=1e-5)


def test_positions_that_neither_gives_a_chance_add_nothing():
    nothing = np.zeros((20, 3, 2))
    q, p = (np.concatenate([a, nothing], axis=-1) for a in (Q, P))
    result = divergence(single(q), single(p))
    np.testing.assert_allclose(result, divergence(single(Q), single(P)), rtol=1e-6)
    slopes = jax.grad(lambda *given: divergence(*given).sum(), argnums=(0, 1))(
        single(q), single(p)
    )
    assert all(np.isfinite(slope).all() for slope in slopes)


def test_q_may_be_zero_where_p_is_not():
    q, p = single([0.0, 1.0, 0.0]), single([0.5, 0.25, 0.25])
    np.testing.assert_allclose(divergence(q, p), np.log(4), rtol=1e-6)
    slopes = jax.grad(divergence, argnums=(0, 1))(q, p)
    assert all(np.isfinite(slope).all() for slope in slopes)
