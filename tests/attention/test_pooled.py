"""Mean and max pooling against NumPy, and what they make of padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import Dims, build
from attnlab.attention.pooled import KINDS, pooled

VALUES = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def read(kind, values, mask):
    look = pooled(kind)
    params = look.init(jax.random.key(0), Dims(1, 4, 1))
    memory = look.prepare(params, jnp.asarray(values), jnp.asarray(mask), mask.sum())
    query, carry = jnp.zeros(1), look.start(memory)
    return look.apply(params, query, memory, step=0, carry=carry)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [6, 4, 1])
def test_context_and_weights_are_numpys(kind, length):
    mask = np.arange(6) < length
    dirty = np.where(mask[:, None], VALUES, np.nan)
    output = read(kind, dirty, mask)
    inside = VALUES[:length]
    context = inside.mean(axis=0) if kind == "mean" else inside.max(axis=0)
    np.testing.assert_allclose(output.context, context, rtol=1e-6)
    weights = np.zeros(6)
    if kind == "mean":
        weights[:length] = 1 / length
    else:
        np.add.at(weights, inside.argmax(axis=0), 1 / 4)
    np.testing.assert_allclose(output.weights, weights, rtol=1e-6)
    np.testing.assert_array_equal(output.positions, np.arange(6))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_what_was_read_alone_and_are_finite(kind):
    def total(values, mask):
        return (read(kind, values, mask).context * jnp.arange(1.0, 5.0)).sum()

    mask = np.arange(6) < 4
    slopes = np.asarray(jax.grad(total)(jnp.asarray(VALUES), mask))
    expected = np.zeros((6, 4))
    if kind == "mean":
        expected[:4] = np.arange(1, 5) / 4
    else:
        expected[VALUES[:4].argmax(axis=0), range(4)] = np.arange(1, 5)
    np.testing.assert_allclose(slopes, expected, rtol=1e-6)
    nothing = np.zeros(6, bool)
    np.testing.assert_array_equal(read(kind, VALUES, nothing).context, 0.0)
    np.testing.assert_array_equal(jax.grad(total)(jnp.asarray(VALUES), nothing), 0.0)


def test_the_mean_is_the_expected_value_under_the_score_uniform():
    mask = np.arange(6) < 4
    look = build("uniform")
    params = look.init(jax.random.key(0), Dims(1, 4, 1))
    assert jax.tree.leaves(params) == []
    memory = look.prepare(params, jnp.asarray(VALUES), jnp.asarray(mask), 4)
    output = look.apply(params, jnp.zeros(1), memory, step=0, carry=())
    mean = read("mean", VALUES, mask)
    np.testing.assert_array_equal(output.context, mean.context)
    np.testing.assert_array_equal(output.weights, mean.weights)


def test_an_unknown_kind_lists_the_choices():
    with pytest.raises(ValueError, match="'sum'.* mean, max"):
        pooled("sum")
