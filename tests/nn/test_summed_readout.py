"""All positions at once, against a softmax for each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.nn.summed_readout import position_log_probs


def drawn(pairs=3, spread=1.0, dtype=np.float32):
    """B pairs of 5 positions and 4 steps, R = 3, 7 words."""
    random = np.random.default_rng(0)
    shapes = ((pairs, 5, 3), (pairs, 4, 3), (3, 7), (7,))
    arrays = [spread * random.normal(size=shape) for shape in shapes]
    return [jnp.asarray(a, dtype) for a in arrays], random.integers(7, size=(pairs, 4))


def one_by_one(read, heard, kernel, bias, targets):
    """log p by the equation, a softmax for every pair, step and position."""
    rows = []
    for b in range(len(targets)):
        for t in range(targets.shape[1]):
            for g in read[b]:
                r = g if heard is None else g + heard[b, t]
                logits = r @ kernel + bias
                rows.append(jax.nn.log_softmax(logits)[targets[b, t]])
    return jnp.stack(rows).reshape(*targets.shape, read.shape[1])


@pytest.mark.parametrize("lexical", [False, True])
@pytest.mark.parametrize("pairs", [3, 8])
def test_values_and_gradients_are_those_of_each_alone(pairs, lexical):
    (read, heard, *layer), targets = drawn(pairs)
    heard = None if lexical else heard
    slopes = np.random.default_rng(1).normal(size=(pairs, 4, 5)).astype(np.float32)

    def both(function):
        def summed(read, heard, kernel, bias):
            logs = function(read, heard, kernel, bias, targets)
            return (logs * slopes).sum(), logs

        run = jax.grad(summed, argnums=(0, 2, 3), has_aux=True)
        return jax.jit(run)(read, heard, *layer)

    actual, expected = both(position_log_probs), both(one_by_one)
    for ours, theirs in zip(*map(jax.tree.leaves, (actual, expected)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_parts_that_want_other_words_stay_finite_and_no_probability_is_above_one():
    (read, heard, kernel, bias), targets = drawn(spread=40.0)
    logs, slopes = jax.value_and_grad(
        lambda read: position_log_probs(read, heard, kernel, bias, targets).sum()
    )(read)
    each = position_log_probs(read, heard, kernel, bias, targets)
    assert np.isfinite(logs) and np.isfinite(slopes).all() and (each <= 0).all()


def test_bfloat16_is_summed_wide():
    given, targets = drawn()
    wide = position_log_probs(*given, targets)
    narrow = position_log_probs(*(a.astype(jnp.bfloat16) for a in given), targets)
    assert narrow.dtype == jnp.float32
    np.testing.assert_allclose(narrow, wide, atol=0.1)
