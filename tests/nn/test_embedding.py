"""Embeddings' start, and dropout's rates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.nn.embedding import dropout, embed, embedding_init


def test_embedded_words_have_unit_length_on_average(rng):
    table = np.asarray(embedding_init(rng, (500, 64)))
    assert table.shape == (500, 64)
    assert np.mean((table**2).sum(axis=1)) == pytest.approx(1.0, abs=0.02)
    assert table.mean() == pytest.approx(0.0, abs=0.005)


def test_the_places_of_a_frequent_word_are_added_up_in_float32():
    table = jnp.asarray([[1.5, -2.0], [0.25, 3.0]], jnp.bfloat16)
    tokens = jnp.ones((2, 500), jnp.int32)
    embedded, back = jax.vjp(lambda table: embed(table, tokens), table)
    assert embedded.dtype == jnp.bfloat16
    np.testing.assert_array_equal(embedded[1, 7], table[1])
    (slope,) = back(jnp.ones_like(embedded))
    np.testing.assert_array_equal(slope, [[0, 0], [1000, 1000]])  # by ones: 256


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_scales_the_rest(rate, rng):
    actual = np.asarray(dropout(rng, jnp.full((100, 200), 3.0), rate))
    mask = actual != 0.0
    assert 1 - mask.mean() == pytest.approx(rate, abs=0.015)  # 4 deviations
    np.testing.assert_allclose(actual[mask], 3.0 / (1 - rate), rtol=1e-6)


def test_dropout_of_rate_zero_is_the_array_itself(rng):
    array = jnp.arange(6.0)
    assert dropout(rng, array, 0.0) is array


def test_dropout_depends_on_its_rng_alone():
    array = jnp.ones(64)
    once, again, other = (
        np.asarray(dropout(jax.random.key(seed), array, 0.5)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(once, again)
    assert np.any(once != other)


def test_dropped_entries_get_no_gradient(rng):
    slope = jax.grad(lambda array: dropout(rng, array, 0.25).sum())(jnp.ones(50))
    assert set(np.unique(np.asarray(slope))) == {0.0, np.float32(1 / 0.75)}
