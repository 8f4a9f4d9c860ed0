import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from attnlab.decoding.largest import largest, top_k


def rows(seed, shape, kind):
    rng = np.random.default_rng(seed)
    if kind == "normal":
        return rng.normal(size=shape).astype(np.float32)
    if kind == "ties":
        return rng.integers(0, 4, size=shape).astype(np.float32)
    mostly_banned = rng.normal(size=shape).astype(np.float32)
    return np.where(rng.random(shape) < 0.999, -np.inf, mostly_banned)


@pytest.mark.parametrize("kind", ["normal", "ties", "banned"])
@pytest.mark.parametrize("size", [5, 999, 1000, 1024, 1055, 5000])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_equals_lax(size, k, kind):
    scores = jnp.asarray(rows(size, (3, 4, size), kind))
    for got, expected in zip(top_k(scores, k), lax.top_k(scores, k), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("kind", ["normal", "ties", "banned"])
def test_largest_equals_argmax(kind):
    scores = jnp.asarray(rows(1, (50, 1000), kind))
    best, first = jax.jit(largest)(scores)
    np.testing.assert_array_equal(best, jnp.max(scores, axis=-1))
    np.testing.assert_array_equal(first, jnp.argmax(scores, axis=-1))


def test_not_a_number_stays_inside_the_row():
    best, first = largest(jnp.full((2, 7), jnp.nan))
    assert jnp.isnan(best).all()
    assert ((first >= 0) & (first < 7)).all()
