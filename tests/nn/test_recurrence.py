"""Length-aware recurrence: padding must not exist for it."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.masking import length_mask
from attnlab.nn.cells import CELLS, cell_named
from attnlab.nn.launches import launching
from attnlab.nn.recurrence import hold, recur, recur_both, time_major
from tests.nn import cells_by_hand

INPUTS, HIDDEN, SIZE = 3, 4, 5
LENGTHS = np.array([5, 3, 1, 0])
WORDS = np.random.default_rng(2).normal(size=(4, SIZE, INPUTS)).astype(np.float32)

by_name = pytest.mark.parametrize("name", CELLS)
both_ways = pytest.mark.parametrize("reverse", [False, True])


def parameters(name):
    init = cell_named(name).init
    shapes = jax.eval_shape(lambda rng: init(rng, INPUTS, HIDDEN), jax.random.key(0))
    return cells_by_hand.random_like(shapes)


@cache
def compiled(name, reverse):
    @jax.jit
    def run(params, words):
        mask = length_mask(LENGTHS, words.shape[1])
        cell = cell_named(name)
        return recur(cell, params, words, mask, hidden=HIDDEN, reverse=reverse)

    return run


def run(name, params, words, reverse):
    return compiled(name, reverse)(params, words)


@by_name
@both_ways
def test_every_sentence_is_a_loop_over_its_own_words(name, reverse):
    params = parameters(name)
    outputs, final = run(name, params, WORDS, reverse)
    for row, length in enumerate(LENGTHS):
        expected, carry = cells_by_hand.run(
            name, params, WORDS[row, :length], HIDDEN, reverse
        )
        actual = np.asarray(outputs[row])
        np.testing.assert_allclose(actual[:length], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(actual[length:], 0.0)
        for ours, theirs in zip(
            jax.tree.leaves(final), jax.tree.leaves(carry), strict=True
        ):
            np.testing.assert_allclose(ours[row], theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name, reverse", [("cho-gru", True), ("gru", False), ("lstm", True)]
)
def test_padding_changes_nothing(name, reverse):
    params = parameters(name)
    outputs, final = run(name, params, WORDS, reverse)
    real = np.asarray(length_mask(LENGTHS, SIZE))[..., None]
    garbage = np.where(real, WORDS, np.float32(1e3))
    same = run(name, params, garbage, reverse)
    jax.tree.map(np.testing.assert_array_equal, same, (outputs, final))
    longer = np.concatenate([garbage, np.full((4, 3, INPUTS), 1e3, "float32")], axis=1)
    more, last = run(name, params, longer, reverse)
    np.testing.assert_array_equal(more[:, SIZE:], 0.0)
    np.testing.assert_allclose(more[:, :SIZE], outputs, rtol=1e-6, atol=1e-7)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), last, final)


@both_ways
def test_padding_gets_no_gradient_and_every_word_gets_some(reverse):
    params = parameters("lstm")
    mask = length_mask(LENGTHS, SIZE)

    @jax.jit
    @jax.grad
    def slope(words):
        outputs, final = recur(
            cell_named("lstm"), params, words, mask, hidden=HIDDEN, reverse=reverse
        )
        return jnp.sin(outputs).sum() + sum(jnp.cos(leaf).sum() for leaf in final)

    actual = np.asarray(slope(jnp.asarray(WORDS)))
    assert np.all(actual[~np.asarray(mask)] == 0.0)
    assert np.all(np.abs(actual[np.asarray(mask)]).max(axis=-1) > 0.0)


def test_backwards_the_first_state_stands_at_the_true_end():
    params, cell = parameters("gru"), cell_named("gru")
    outputs, _ = run("gru", params, WORDS, True)
    for row, length in enumerate(LENGTHS[:3]):
        word = cell.project(params, jnp.asarray(WORDS[row, length - 1]))
        expected = cell.step(params, jnp.zeros(HIDDEN), word)
        np.testing.assert_allclose(
            outputs[row, length - 1], expected, rtol=1e-5, atol=1e-6
        )


def test_backwards_is_forwards_over_reversed_words():
    params = parameters("cho-gru")
    outputs, _ = run("cho-gru", params, WORDS, True)
    turned, _ = run("cho-gru", params, WORDS[:, ::-1], False)
    # Row 0 is as long as the batch is wide.
    np.testing.assert_allclose(outputs[0], turned[0, ::-1], rtol=1e-6, atol=1e-7)


def test_hold_and_time_major():
    keep = jnp.array([True, False])
    new, old = (jnp.ones((2, 3)), 2 * jnp.ones((2, 3))), (jnp.zeros((2, 3)),) * 2
    first, second = hold(keep, new, old)
    np.testing.assert_array_equal(first, [[1, 1, 1], [0, 0, 0]])
    np.testing.assert_array_equal(second, [[2, 2, 2], [0, 0, 0]])
    array = jnp.arange(24).reshape(2, 3, 4)
    assert time_major(array).shape == (3, 2, 4)
    np.testing.assert_array_equal(time_major(time_major(array)), array)


@pytest.mark.parametrize("name", ["cho-gru", "lstm"])
def test_both_directions_in_one_loop_are_two_loops(name):
    params = parameters(name), jax.tree.map(lambda leaf: -leaf, parameters(name))
    mask = length_mask(LENGTHS, SIZE)

    def slopes(few):
        def loss(params, words):
            with launching("gpu" if few else "cpu"):
                runs = recur_both(cell_named(name), params, words, mask, hidden=HIDDEN)
            total = sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(runs))
            return total, runs

        both = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        return jax.jit(both)(params, jnp.asarray(WORDS))

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
        slopes(True),
        slopes(False),
    )
