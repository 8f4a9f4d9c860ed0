"""Cross entropy of large vocabularies in blocks, and sums that are divided once.

A loss is a sum with its count (`Sums`), divided after it has been summed over batches
and devices: means of means are wrong on padded data.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.dtypes import float0

from attnlab.masking import zero_padding
from attnlab.nn.launches import launched_by_host
from attnlab.precision import wide, wide_product, wide_type


class Sums(NamedTuple):
    """Totals of a batch, which add up over batches and devices.

    loss []: negative log-likelihood in nats. tokens []: what it is summed over.
    """

    loss: jax.Array
    tokens: jax.Array

    def __add__(self, other: "Sums") -> "Sums":  # type: ignore[override]
        return Sums(self.loss + other.loss, self.tokens + other.tokens)


def token_losses(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-log p(target); label smoothing never enters here.

    Args:
      logits: [..., V].
      targets: [...], in [0, V).

    Returns:
      Nats [...].
    """
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(logits, axis=-1) - chosen


def doubly_stochastic(weights: jax.Array, real: jax.Array) -> jax.Array:
    """Xu et al. 2015, equation 14: sum_i (1 - sum_t alpha_ti)^2, summed over rows.

    Every position shall get a weight of one in all. The sum over positions is the
    paper's; the released code divides it by their number. As sum_ti alpha_ti is the
    number of steps, it asks for sum_i (sum_t alpha_ti)^2 to be small: with fewer steps
    than positions it spreads the weights.

    Args:
      weights: of attention [B, T, S].
      real: [B, T], True at real steps; a row without one adds nothing.

    Returns:
      The penalty [].
    """
    received = zero_padding(weights, real).sum(axis=1)  # [B, S]
    each = jnp.square(1.0 - received).sum(axis=-1)
    return zero_padding(each, real.any(axis=1)).sum()


def _real_first(
    readouts: jax.Array, targets: jax.Array, mask: jax.Array, rows: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Row numbers, real ones first, and readouts and targets in that order.

    With `rows` more at the end, so that a block of the last real ones may reach there.
    """
    if launched_by_host():  # blocks of all rows: 0 * NaN must not enter their products
        readouts = zero_padding(jnp.asarray(readouts), jnp.asarray(mask))
    # Stable, so that sums are added in the same order however rows are padded.
    order = jnp.argsort(jnp.logical_not(mask), stable=True)
    order = jnp.concatenate([order, jnp.zeros((rows,), order.dtype)])
    return order, jnp.asarray(readouts)[order], jnp.asarray(targets)[order]


def _fold(work, carry, count: jax.Array, rows: int, total: int):
    """carry = work(carry, start, size) over blocks that cover rows 0 to count - 1.

    As many blocks of `rows` rows as fit, then blocks of a quarter: the products stay
    large, and few of the rows that are computed are not real. `count` is known only
    when the program runs, and for such a loop an accelerator's host waits in each trip;
    there blocks cover all `total` rows, real or not.
    """

    def large(k, carry):
        return work(carry, k * rows, rows)

    if launched_by_host():
        return jax.lax.fori_loop(0, -(-total // rows), large, carry)
    whole, quarter = count // rows, -(-rows // 4)
    rest = (count - whole * rows + quarter - 1) // quarter

    def small(k, carry):
        return work(carry, whole * rows + k * quarter, quarter)

    carry = jax.lax.fori_loop(0, whole, large, carry)
    return jax.lax.fori_loop(0, rest, small, carry)


def _logits(readouts, kernel, bias):
    return wide_product(readouts, kernel) + wide(bias)[None]


def _hits(logits, targets):
    """1 at each row's target, 0 elsewhere; a comparison, where a scatter would copy."""
    words = jax.lax.broadcasted_iota(jnp.int32, logits.shape, 1)
    return (words == targets[:, None]).astype(logits.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def cross_entropy(
    readouts: jax.Array,
    kernel: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
    mask: jax.Array,
    smoothing: float = 0.0,
    rows: int = 256,
) -> jax.Array:
    """Summed cross entropy of softmax(readouts @ kernel + bias), masked rows left out.

    Works through blocks of real rows, so that cost and memory follow the real tokens
    and [N, V] never exists. The gradient is formed in the forward pass, one block at a
    time. The products read what is given, bfloat16 too; logits, the loss and the sums
    over blocks are float32.

    Args:
      readouts: [N, R].
      kernel: [R, V].
      bias: [V].
      targets: [N], in [0, V).
      mask: [N], True at real rows.
      smoothing: share of the uniform distribution in the target, label smoothing of
        Szegedy et al. 2016, in [0, 1).
      rows: of a block.

    Returns:
      Nats [].
    """
    loss, _ = _forward(readouts, kernel, bias, targets, mask, smoothing, rows)
    return loss


def _forward(readouts, kernel, bias, targets, mask, smoothing, rows):
    order, ordered, golds = _real_first(readouts, targets, mask, rows)
    count = mask.sum()

    def work(sums, start, size):
        loss, *slopes = sums
        block = jax.lax.dynamic_slice_in_dim(ordered, start, size)
        gold = jax.lax.dynamic_slice_in_dim(golds, start, size)
        real = start + jnp.arange(size) < count  # the last block may reach beyond
        logits = _logits(block, kernel, bias)
        norm = jax.nn.logsumexp(logits, axis=-1, keepdims=True)
        chosen = jnp.take_along_axis(logits, gold[:, None], axis=-1)
        nats = norm - (1.0 - smoothing) * chosen
        if smoothing:
            nats = nats - smoothing * logits.mean(axis=-1, keepdims=True)
        # d loss / d logits = softmax - target, the target mixed with the uniform one.
        slope = jnp.exp(logits - norm) - (1.0 - smoothing) * _hits(logits, gold)
        slope = slope - smoothing / logits.shape[-1]
        slope = jnp.where(real[:, None], slope, 0.0)
        loss = loss + jnp.where(real[:, None], nats, 0.0).sum()
        return loss, *_add_slopes(slopes, slope, block, kernel, start)

    nothing = jnp.zeros((), wide_type(readouts.dtype))
    sums = (nothing, *_no_slopes(ordered, kernel, bias))
    loss, *slopes = _fold(work, sums, count, rows, len(readouts))
    return loss, _gradients(slopes, order, readouts, kernel, bias)


def _no_slopes(ordered, kernel, bias):
    return (
        jnp.zeros_like(ordered),
        jnp.zeros_like(wide(kernel)),
        jnp.zeros_like(wide(bias)),
    )


def _add_slopes(sums, slope, block, kernel, start):
    """Gradients after a block [N, R] whose logits have the gradient `slope` [N, V]."""
    d_readouts, d_kernel, d_bias = sums
    # The products run in the model's precision; only their sums are kept in float32.
    factor = slope.astype(kernel.dtype)
    return (
        jax.lax.dynamic_update_slice_in_dim(d_readouts, factor @ kernel.T, start, 0),
        d_kernel + wide_product(block.T, factor),
        d_bias + slope.sum(axis=0),
    )


def _gradients(slopes, order, readouts, kernel, bias):
    d_rows, d_kernel, d_bias = slopes
    d_readouts = jnp.zeros_like(readouts).at[order].add(d_rows)
    return d_readouts, d_kernel.astype(kernel.dtype), d_bias.astype(bias.dtype)


def _backward(smoothing, rows, saved, slope):
    del smoothing, rows  # the gradient is there already, for a slope of one
    gradients, targets_shape, mask_shape = saved
    scaled = tuple((slope * gradient).astype(gradient.dtype) for gradient in gradients)
    # float0: JAX's type for the gradient of what has none, integers and bools.
    none = (np.zeros(targets_shape, float0), np.zeros(mask_shape, float0))
    return scaled + none


def _forward_rule(readouts, kernel, bias, targets, mask, smoothing, rows):
    loss, gradients = _forward(readouts, kernel, bias, targets, mask, smoothing, rows)
    return loss, (gradients, targets.shape, mask.shape)


cross_entropy.defvjp(_forward_rule, _backward)


def _log_likelihoods(readouts, kernel, bias, targets, mask, rows):
    order, ordered, golds = _real_first(readouts, targets, mask, rows)
    count = mask.sum()

    def work(log_probs, start, size):
        block = jax.lax.dynamic_slice_in_dim(ordered, start, size)
        gold = jax.lax.dynamic_slice_in_dim(golds, start, size)
        nats = token_losses(_logits(block, kernel, bias), gold)
        nats = jnp.where(start + jnp.arange(size) < count, nats, 0.0)
        return jax.lax.dynamic_update_slice_in_dim(log_probs, -nats, start, 0)

    nothing = jnp.zeros(ordered.shape[:1], wide_type(readouts.dtype))
    log_probs = _fold(work, nothing, count, rows, len(readouts))
    # Added and not set: the rows at the end of `order` name row 0 once more, with 0.
    return jnp.zeros_like(nothing[: len(readouts)]).at[order].add(log_probs)


@partial(jax.custom_vjp, nondiff_argnums=(5,))
def log_likelihoods(
    readouts: jax.Array,
    kernel: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
    mask: jax.Array,
    rows: int = 256,
) -> jax.Array:
    """log p(target) of each row under softmax(readouts @ kernel + bias).

    Blocks and cost as in `cross_entropy`; the gradient forms the logits of each block
    anew, so nothing of width V is kept.

    Args:
      readouts: [N, R].
      kernel: [R, V].
      bias: [V].
      targets: [N], in [0, V).
      mask: [N], True at real rows.
      rows: of a block.

    Returns:
      Minus nats [N], 0 where masked.
    """
    return _log_likelihoods(readouts, kernel, bias, targets, mask, rows)


def _likelihoods_forward(readouts, kernel, bias, targets, mask, rows):
    log_probs = _log_likelihoods(readouts, kernel, bias, targets, mask, rows)
    return log_probs, (readouts, kernel, bias, targets, mask)


def _likelihoods_backward(rows, saved, slopes):
    readouts, kernel, bias, targets, mask = saved
    order, ordered, golds = _real_first(readouts, targets, mask, rows)
    count = mask.sum()
    ordered_slopes = slopes[order]

    def work(sums, start, size):
        block = jax.lax.dynamic_slice_in_dim(ordered, start, size)
        gold = jax.lax.dynamic_slice_in_dim(golds, start, size)
        scale = jax.lax.dynamic_slice_in_dim(ordered_slopes, start, size)
        scale = jnp.where(start + jnp.arange(size) < count, scale, 0.0)
        logits = _logits(block, kernel, bias)
        slope = (_hits(logits, gold) - jax.nn.softmax(logits)) * scale[:, None]
        return _add_slopes(sums, slope, block, kernel, start)

    start = _no_slopes(ordered, kernel, bias)
    slopes = _fold(work, start, count, rows, len(readouts))
    none = (np.zeros(targets.shape, float0), np.zeros(mask.shape, float0))
    return *_gradients(slopes, order, readouts, kernel, bias), *none


log_likelihoods.defvjp(_likelihoods_forward, _likelihoods_backward)
