"""Summed losses with their counts: divide once, after summing over batches."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.dtypes import float0

from attnlab.masking import zero_padding
from attnlab.precision import wide, wide_product, wide_type


class Sums(NamedTuple):
    """Totals of a batch: negative log-likelihood in nats, and predicted tokens."""

    loss: jax.Array
    tokens: jax.Array

    def __add__(self, other):
        return Sums(self.loss + other.loss, self.tokens + other.tokens)


def token_losses(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-log p(target), [...], of logits [..., V]; label smoothing never enters here."""
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(logits, axis=-1) - chosen


def doubly_stochastic(weights: jax.Array, real: jax.Array) -> jax.Array:
    """sum_i (1 - sum_t alpha_ti)^2 over positions, summed over rows (Xu et al. 2015).

    Their equation 14 for weights [B, T, S] of the `real` steps [B, T]: every position
    shall get a weight of one in all. A row without a real step adds nothing. The sum
    over positions is the paper's; the released code divides it by their number (4.21).
    As sum_ti alpha_ti is the number of steps, it asks for sum_i (sum_t alpha_ti)^2 to
    be small: fewer steps than positions, and it spreads the weights.
    """
    received = zero_padding(weights, real).sum(axis=1)  # [B, S]
    each = jnp.square(1.0 - received).sum(axis=-1)
    return zero_padding(each, real.any(axis=1)).sum()


def _real_first(readouts, targets, mask, rows: int):
    """Row numbers, real ones first, and readouts and targets in that order.

    With `rows` more at the end, so that a block of the last real ones may reach there.
    """
    order = jnp.argsort(jnp.logical_not(mask), stable=True)
    order = jnp.concatenate([order, jnp.zeros((rows,), order.dtype)])
    return order, jnp.asarray(readouts)[order], jnp.asarray(targets)[order]


def _fold(work, carry, count: jax.Array, rows: int):
    """carry = work(carry, start, size) over blocks that cover rows 0 to count - 1.

    As many blocks of `rows` rows as fit, then blocks of a quarter: the products stay
    large, and few of the rows that are computed are not real.
    """
    whole, quarter = count // rows, -(-rows // 4)
    rest = (count - whole * rows + quarter - 1) // quarter

    def large(k, carry):
        return work(carry, k * rows, rows)

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
def cross_entropy(readouts, kernel, bias, targets, mask, smoothing=0.0, rows=256):
    """Summed cross entropy of softmax(readouts @ kernel + bias), masked rows left out.

    readouts [N, R], kernel [R, V], bias [V], targets [N] int, mask [N] bool; label
    smoothing (Szegedy et al. 2016) mixes `smoothing` of the uniform distribution into
    the target. Works through blocks of `rows` real rows, so cost and memory follow the
    real tokens and [N, V] never exists. The gradient is formed in the forward pass, one
    block at a time. The products read what is given, bfloat16 too; logits, the loss and
    the sums over blocks are float32.
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
        real = start + jnp.arange(size) < count
        logits = _logits(block, kernel, bias)
        norm = jax.nn.logsumexp(logits, axis=-1, keepdims=True)
        chosen = jnp.take_along_axis(logits, gold[:, None], axis=-1)
        nats = norm - (1.0 - smoothing) * chosen
        if smoothing:
            nats = nats - smoothing * logits.mean(axis=-1, keepdims=True)
        slope = jnp.exp(logits - norm) - (1.0 - smoothing) * _hits(logits, gold)
        slope = slope - smoothing / logits.shape[-1]
        slope = jnp.where(real[:, None], slope, 0.0)
        loss = loss + jnp.where(real[:, None], nats, 0.0).sum()
        return loss, *_add_slopes(slopes, slope, block, kernel, start)

    nothing = jnp.zeros((), wide_type(readouts.dtype))
    sums = (nothing, *_no_slopes(ordered, kernel, bias))
    loss, *slopes = _fold(work, sums, count, rows)
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
    del smoothing, rows
    gradients, targets_shape, mask_shape = saved
    scaled = tuple((slope * gradient).astype(gradient.dtype) for gradient in gradients)
    none = (np.zeros(targets_shape, float0), np.zeros(mask_shape, float0))
    return scaled + none


def _forward_rule(readouts, kernel, bias, targets, mask, smoothing, rows):
    loss, gradients = _forward(readouts, kernel, bias, targets, mask, smoothing, rows)
    return loss, (gradients, targets.shape, mask.shape)


cross_entropy.defvjp(_forward_rule, _backward)


def _log_likelihoods(readouts, kernel, bias, targets, mask, rows):
    order, ordered, golds = _real_first(readouts, targets, mask, rows)
    count = mask.sum()

    def work(found, start, size):
        block = jax.lax.dynamic_slice_in_dim(ordered, start, size)
        gold = jax.lax.dynamic_slice_in_dim(golds, start, size)
        nats = token_losses(_logits(block, kernel, bias), gold)
        nats = jnp.where(start + jnp.arange(size) < count, nats, 0.0)
        return jax.lax.dynamic_update_slice_in_dim(found, -nats, start, 0)

    nothing = jnp.zeros(ordered.shape[:1], wide_type(readouts.dtype))
    found = _fold(work, nothing, count, rows)
    return jnp.zeros_like(nothing[: len(readouts)]).at[order].add(found)


@partial(jax.custom_vjp, nondiff_argnums=(5,))
def log_likelihoods(readouts, kernel, bias, targets, mask, rows=256):
    """log p(target) [N] under softmax(readouts @ kernel + bias), 0 where masked.

    Shapes, blocks and cost as in `cross_entropy`; the gradient forms the logits of each
    block anew, so nothing of width V is kept.
    """
    return _log_likelihoods(readouts, kernel, bias, targets, mask, rows)


def _likelihoods_forward(readouts, kernel, bias, targets, mask, rows):
    found = _log_likelihoods(readouts, kernel, bias, targets, mask, rows)
    return found, (readouts, kernel, bias, targets, mask)


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

    slopes = _fold(work, _no_slopes(ordered, kernel, bias), count, rows)
    none = (np.zeros(targets.shape, float0), np.zeros(mask.shape, float0))
    return *_gradients(slopes, order, readouts, kernel, bias), *none


log_likelihoods.defvjp(_likelihoods_forward, _likelihoods_backward)
