"""The blocked cross entropy against the formula in full, in value and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.nn.launches import launching
from attnlab.nn.losses import (
    Sums,
    cross_entropy,
    doubly_stochastic,
    log_likelihoods,
    token_losses,
)

COUNT, WIDTH, SIZE = 12, 3, 7  # rows, readout, vocabulary

random = np.random.default_rng(3)
READOUTS = random.normal(size=(COUNT, WIDTH)).astype(np.float32)
KERNEL = random.normal(size=(WIDTH, SIZE)).astype(np.float32)
BIAS = random.normal(size=SIZE).astype(np.float32)
TARGETS = random.integers(0, SIZE, COUNT)
MASK = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 1], bool)


def in_full(readouts, kernel, bias, targets, mask, smoothing):
    """- sum over real rows and words of q log p, with q written out."""
    log_probs = jax.nn.log_softmax(readouts @ kernel + bias[None])
    q = jnp.full(log_probs.shape, smoothing / SIZE)
    q = q + (1.0 - smoothing) * jax.nn.one_hot(targets, SIZE)
    return -jnp.sum(q * log_probs * mask[:, None])


def with_slopes(loss, mask=MASK, scale=1.0, readouts=READOUTS):
    """Value and the three gradients of `scale * loss`."""

    def scaled(readouts, kernel, bias):
        return scale * loss(readouts, kernel, bias, TARGETS, jnp.asarray(mask))

    both = jax.jit(jax.value_and_grad(scaled, argnums=(0, 1, 2)))
    return jax.tree.leaves(both(readouts, KERNEL, BIAS))


def close(actual, expected, rtol=1e-5):
    for ours, theirs in zip(actual, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("rows", [1, 5, 6, 12, 256])
def test_any_block_size_gives_the_full_formula(rows, smoothing):
    actual = with_slopes(lambda *args: cross_entropy(*args, smoothing, rows))
    expected = with_slopes(lambda *args: in_full(*args, smoothing))
    close(actual, expected)
    assert np.all(actual[1][~MASK] == 0.0)  # exactly


def test_the_gradient_is_scaled_by_what_comes_in():
    actual = with_slopes(lambda *args: cross_entropy(*args, 0.1, 4), scale=-2.5)
    close(actual, with_slopes(lambda *args: in_full(*args, 0.1), scale=-2.5))


@pytest.mark.parametrize("real", [0, 1, 4, 5, COUNT])
def test_any_number_of_real_rows(real):
    mask = np.zeros(COUNT, bool)
    mask[random.permutation(COUNT)[:real]] = True
    actual = with_slopes(lambda *args: cross_entropy(*args, 0.1, 4), mask)
    close(actual, with_slopes(lambda *args: in_full(*args, 0.1), mask))
    if real == 0:
        assert all(np.all(part == 0.0) for part in actual)


def test_blocks_of_padding_are_skipped():
    """Four real rows fill one block of four: the others' NaN is never touched."""
    mask = np.zeros(COUNT, bool)
    mask[[1, 5, 6, 10]] = True
    holes = np.where(mask[:, None], READOUTS, np.nan)
    actual = with_slopes(lambda *args: cross_entropy(*args, 0.0, 4), mask, 1.0, holes)
    close(actual, with_slopes(lambda *args: in_full(*args, 0.0), mask))


def test_the_default_is_no_smoothing_and_the_plain_sum():
    logits = READOUTS @ KERNEL + BIAS
    expected = 0.0
    for row in np.flatnonzero(MASK):
        p = np.exp(logits[row]) / np.exp(logits[row]).sum()
        expected -= np.log(p[TARGETS[row]])
    actual = cross_entropy(READOUTS, KERNEL, BIAS, TARGETS, MASK)
    assert float(actual) == pytest.approx(expected, rel=1e-5)
    assert actual.shape == ()
    compiled = jax.jit(cross_entropy)(READOUTS, KERNEL, BIAS, TARGETS, MASK)
    assert float(compiled) == pytest.approx(float(actual), rel=1e-6)


def test_smoothing_one_asks_for_the_uniform_distribution():
    flat = cross_entropy(0 * READOUTS, KERNEL, 0 * BIAS, TARGETS, MASK, 1.0)
    assert float(flat) == pytest.approx(MASK.sum() * np.log(SIZE), rel=1e-6)
    actual = with_slopes(
        lambda r, k, b, *rest: cross_entropy(0.0 * r, k, 0.0 * b, *rest, 1.0)
    )
    for slope in actual[1:]:
        np.testing.assert_allclose(slope, 0.0, atol=1e-6)


def test_huge_logits_stay_finite():
    for part in with_slopes(
        lambda r, *rest: cross_entropy(1e6 * r, *rest, 0.0, 5), scale=1e-6
    ):
        assert np.all(np.isfinite(part))


def test_the_masked_target_does_not_matter():
    other = np.where(MASK, TARGETS, 0)
    actual = cross_entropy(READOUTS, KERNEL, BIAS, other, MASK, 0.1, 5)
    expected = cross_entropy(READOUTS, KERNEL, BIAS, TARGETS, MASK, 0.1, 5)
    assert float(actual) == float(expected)


def test_token_losses_are_minus_log_softmax_of_any_shape():
    logits = random.normal(size=(2, 3, SIZE)).astype(np.float32)
    targets = random.integers(0, SIZE, (2, 3))
    actual = token_losses(jnp.asarray(logits), jnp.asarray(targets))
    assert actual.shape == (2, 3)
    for place in np.ndindex(2, 3):
        p = np.exp(logits[place]) / np.exp(logits[place]).sum()
        assert float(actual[place]) == pytest.approx(-np.log(p[targets[place]]), 1e-5)


def test_sums_of_parts_are_the_sums_of_the_whole():
    """However a batch is split, the mean per token comes out the same."""

    def sums(rows):
        loss = cross_entropy(
            READOUTS[rows], KERNEL, BIAS, TARGETS[rows], MASK[rows], 0.0, 4
        )
        return Sums(loss, jnp.asarray(MASK[rows].sum()))

    whole = sums(np.arange(COUNT))
    uneven = sums(np.arange(3)) + sums(np.arange(3, COUNT))
    other = sums(np.arange(0, COUNT, 2)) + sums(np.arange(1, COUNT, 2))
    assert isinstance(uneven, Sums)
    assert int(uneven.tokens) == int(other.tokens) == MASK.sum()
    for split in (uneven, other):
        mean = float(split.loss / split.tokens)
        assert mean == pytest.approx(float(whole.loss) / MASK.sum(), rel=1e-5)


def each_in_full(readouts, kernel, bias, mask):
    """log p(target) of every real row, 0 elsewhere."""
    log_probs = jax.nn.log_softmax(readouts @ kernel + bias[None])
    return jnp.where(mask, log_probs[jnp.arange(COUNT), TARGETS], 0.0)


SLOPES = random.normal(size=COUNT).astype(np.float32)  # what the rows' losses weigh


@pytest.mark.parametrize("rows", [1, 5, 12, 256])
def test_log_likelihoods_of_any_block_size_are_those_of_the_full_formula(rows):
    """Each row's own number, and gradients of any weighted sum of them."""

    def ours(readouts, kernel, bias, targets, mask):
        return SLOPES @ log_likelihoods(readouts, kernel, bias, targets, mask, rows)

    def full(readouts, kernel, bias, targets, mask):
        del targets
        return SLOPES @ each_in_full(readouts, kernel, bias, mask)

    actual = with_slopes(ours)
    close(actual, with_slopes(full))
    assert np.all(actual[1][~MASK] == 0.0)  # exactly
    each = log_likelihoods(READOUTS, KERNEL, BIAS, TARGETS, MASK, rows)
    np.testing.assert_allclose(
        each, each_in_full(READOUTS, KERNEL, BIAS, MASK), rtol=1e-5
    )
    assert np.all(np.asarray(each)[~MASK] == 0.0)


def test_log_likelihoods_skip_blocks_of_padding():
    mask = np.zeros(COUNT, bool)
    mask[[1, 5, 6, 10]] = True
    holes = np.where(mask[:, None], READOUTS, np.nan)
    actual = with_slopes(
        lambda *args: log_likelihoods(*args, 4).sum(), mask, 1.0, holes
    )
    expected = with_slopes(lambda *args: -in_full(*args, 0.0), mask)
    close(actual, expected)


def test_log_likelihoods_are_minus_the_cross_entropy():
    both = (READOUTS, KERNEL, BIAS, TARGETS, MASK)
    total = log_likelihoods(*both).sum()
    assert float(total) == pytest.approx(-float(cross_entropy(*both)), rel=1e-5)


def many(rows):
    """Readouts, kernel and bias in bfloat16, and targets and mask, of many rows."""
    draw = np.random.default_rng(5)
    arrays = [draw.normal(size=size) for size in ((rows, 8), (8, SIZE), (SIZE,))]
    targets = jnp.asarray(draw.integers(0, SIZE, rows))
    return [jnp.asarray(a, jnp.bfloat16) for a in arrays], targets, targets >= 0


@pytest.mark.parametrize("loss", [cross_entropy, log_likelihoods])
def test_bfloat16_is_summed_in_float32(loss):
    """Values as of float32 arithmetic, gradients to bfloat16's last of 8 bits."""
    arrays, targets, mask = many(4000)  # bfloat16 sums of 250 blocks would stand still

    @jax.jit
    def both(arrays):
        def total(arrays):
            actual = loss(*arrays, targets, mask, rows=16)
            return actual.sum(), actual

        return jax.value_and_grad(total, has_aux=True)(arrays)

    (total, actual), gradients = both(arrays)
    wide = [array.astype(jnp.float32) for array in arrays]
    (exact, exactly), slopes = both(wide)
    assert actual.dtype == jnp.float32
    np.testing.assert_allclose(total, exact, rtol=1e-5)
    np.testing.assert_allclose(actual, exactly, rtol=1e-4, atol=1e-5)
    for gradient, slope in zip(gradients, slopes, strict=True):
        assert gradient.dtype == jnp.bfloat16
        off = np.linalg.norm(gradient.astype(jnp.float32) - slope)
        assert off < 2**-8 * np.linalg.norm(slope)


def test_the_doubly_stochastic_term_is_equation_14():
    """sum_i (1 - sum_t alpha_ti)^2, padded steps and filler rows left out."""
    random = np.random.default_rng(0)
    weights = random.dirichlet(np.ones(4), size=(3, 5)).astype(np.float32)
    lengths = (5, 2, 0)
    real = np.arange(5) < np.array(lengths)[:, None]
    expected = 0.0
    for row, length in enumerate(lengths):
        if length:
            for i in range(4):
                received = sum(float(weights[row, t, i]) for t in range(length))
                expected += (1.0 - received) ** 2
    actual = jax.jit(doubly_stochastic)(weights, real)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    slope = np.asarray(jax.grad(doubly_stochastic)(jnp.asarray(weights), real))
    assert not slope[~real].any() and slope[real].all()
    padded = np.where(real[..., None], weights, np.nan)
    np.testing.assert_allclose(doubly_stochastic(padded, real), expected, rtol=1e-5)


LOSSES = {
    "cross entropy": lambda *args: cross_entropy(*args, 0.1, 5),
    "log likelihoods": lambda *args: SLOPES @ log_likelihoods(*args, 5),
}


@pytest.mark.parametrize("name", LOSSES)
def test_blocks_of_all_rows_give_what_blocks_of_real_rows_give(name):
    """Where loops must have a known length; what stands in the padding stays out."""
    holes = np.where(MASK[:, None], READOUTS, np.nan)

    def slopes(few):
        with launching("gpu" if few else "cpu"):
            return with_slopes(LOSSES[name], readouts=holes if few else READOUTS)

    close(slopes(True), slopes(False))
