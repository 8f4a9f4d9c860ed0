"""Normalizers against bisection and closed Jacobians, in float64."""

import math

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from attnlab.attention.normalizers import entmax15, softmax, sparsemax

WIDTH = 6
ALL = [softmax, sparsemax, entmax15]
POWER = {sparsemax: 1, entmax15: 2}  # weights are max(scale z - tau, 0) ** power
SCALE = {sparsemax: 1.0, entmax15: 0.5}


def bisected(normalizer, scores):
    """Weights of a list of valid scores: tau by halving an interval, no sorting."""
    scores = [score - max(scores) for score in scores]
    if normalizer is softmax:
        exps = [math.exp(score) for score in scores]
        return [exp / sum(exps) for exp in exps]
    z = [SCALE[normalizer] * score for score in scores]

    def weights(tau):
        return [max(one - tau, 0.0) ** POWER[normalizer] for one in z]

    low, high = max(z) - 1, max(z)  # sums of at least 1 and of 0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(weights(middle)) > 1 else (low, middle)
    return weights(low)


masked_scores = st.tuples(
    arrays.arrays(
        np.float64,
        WIDTH,
        elements=st.floats(-4, 4) | st.sampled_from([-1e30, -50, 0, 1, 50]),
    ),
    arrays.arrays(bool, WIDTH),
)


@pytest.mark.parametrize("normalizer", ALL)
@settings(max_examples=50)
@given(masked_scores)
def test_weights_are_those_of_the_definition(normalizer, example):
    scores, valid = example
    with jax.enable_x64(True):
        weights = np.asarray(normalizer(jnp.asarray(scores), jnp.asarray(valid)))
    assert (weights[~valid] == 0).all()
    expected = np.zeros(WIDTH)
    if valid.any():
        expected[valid] = bisected(normalizer, scores[valid].tolist())
        np.testing.assert_allclose(weights.sum(), 1, rtol=1e-9)
    np.testing.assert_allclose(weights, expected, atol=1e-9)


@pytest.mark.parametrize("normalizer", ALL)
@settings(max_examples=50)
@given(masked_scores)
def test_gradients_are_finite_and_blind_to_what_is_masked(normalizer, example):
    scores, valid = (jnp.asarray(part) for part in example)
    jacobian = np.asarray(jax.jacobian(normalizer)(scores.astype("float32"), valid))
    assert np.isfinite(jacobian).all()
    assert not jacobian[~valid].any()
    assert not jacobian[:, ~valid].any()
    np.testing.assert_allclose(jacobian.sum(1), 0, atol=1e-5)  # shifts change nothing


def closed_jacobian(normalizer, p):
    """diag(s) - s s' / sum(s), with s = p, [p > 0] or sqrt(p): Peters et al. 2019."""
    s = {softmax: p, sparsemax: (p > 0) * 1.0, entmax15: np.sqrt(p)}[normalizer]
    return np.diag(s) - np.outer(s, s) / s.sum()


@pytest.mark.parametrize("normalizer", ALL)
def test_jacobians_are_the_published_ones(normalizer):
    with jax.enable_x64(True):
        for seed in range(5):
            scores = jnp.asarray(np.random.default_rng(seed).normal(size=WIDTH) * 2)
            valid = jnp.arange(WIDTH) != seed
            p = np.asarray(normalizer(scores, valid))
            got = jax.jacobian(normalizer)(scores, valid)
            expected = closed_jacobian(normalizer, p)
            np.testing.assert_allclose(got, expected, atol=1e-12)
            for i, step in enumerate(1e-6 * np.eye(WIDTH)):
                rise = normalizer(scores + step, valid) - normalizer(
                    scores - step, valid
                )
                np.testing.assert_allclose(got[:, i], rise / 2e-6, atol=1e-8)


def test_by_hand():
    every = jnp.ones(3, bool)
    # sparsemax of (1, .5, -1): tau = (1 + .5 - 1) / 2
    np.testing.assert_allclose(
        sparsemax(jnp.array([1.0, 0.5, -1.0]), every), [0.75, 0.25, 0], rtol=1e-6
    )
    # entmax of (a, 0): sqrt(p) - sqrt(1 - p) = a / 2; p = .8 ** 2 gives a / 2 = .2
    np.testing.assert_allclose(
        entmax15(jnp.array([0.4, 0.0, -9.0]), every), [0.64, 0.36, 0], rtol=1e-5
    )
    np.testing.assert_allclose(
        softmax(jnp.array([math.log(3), 0.0, 7.0]), jnp.array([True, True, False])),
        [0.75, 0.25, 0],
        rtol=1e-6,
    )


@pytest.mark.parametrize("normalizer", ALL)
def test_ties_share_and_sizes_do_not_overflow(normalizer):
    every = jnp.ones(WIDTH, bool)
    for level in (0.0, 1e30, -1e30, 3e38, -3e38):
        weights = normalizer(jnp.full(WIDTH, level), every)
        np.testing.assert_allclose(weights, 1 / WIDTH, rtol=1e-5)
    apart = jnp.array([3e38, -3e38, 0, 0, 0, 0])
    assert normalizer(apart, every).tolist() == [1, 0, 0, 0, 0, 0]
    assert np.isfinite(jax.jacobian(normalizer)(apart, every)).all()
    # one real score far below what is masked must not vanish against it
    low = jnp.array([-1e4, 1e4, 0, 0, 0, 0])
    assert normalizer(low, jnp.arange(WIDTH) == 0).tolist() == [1, 0, 0, 0, 0, 0]


def test_from_dense_to_sparse():
    scores = jnp.asarray(np.random.default_rng(0).normal(size=50) * 2, "float32")
    supports = [int((f(scores, jnp.ones(50, bool)) > 0).sum()) for f in ALL]
    assert supports[0] == 50 > supports[2] > supports[1] > 1


@pytest.mark.parametrize("normalizer", ALL)
def test_long_rows_keep_their_sum_in_single_precision(normalizer):
    for spread in (1e-3, 1.0, 100.0):
        scores = np.random.default_rng(0).normal(size=4000) * spread
        weights = normalizer(jnp.asarray(scores, "float32"), jnp.ones(4000, bool))
        np.testing.assert_allclose(weights.sum(), 1, rtol=1e-4)


@pytest.mark.parametrize("normalizer", ALL)
def test_no_nan_is_formed_on_the_way(normalizer):
    scores = jnp.array([5.0, 1.0, 0.0, -1.0, -2.0, -300.0])
    with jax.debug_nans(True):
        for count in (0, 1, WIDTH):
            jax.jacobian(normalizer)(scores, jnp.arange(WIDTH) < count)
