"""Summed losses with their counts: divide once, after summing over batches."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.dtypes import float0


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


def _block(readouts, kernel, bias, targets, mask, smoothing):
    """Loss of one block of rows, and its gradient with respect to the logits."""
    logits = readouts @ kernel + bias[None]
    log_probs = jax.nn.log_softmax(logits)
    chosen = jnp.take_along_axis(log_probs, targets[:, None], axis=-1)[:, 0]
    loss = -(1.0 - smoothing) * chosen - smoothing * log_probs.mean(axis=-1)
    rows = jnp.arange(targets.shape[0])
    size = logits.shape[-1]
    slope = jnp.exp(log_probs) - smoothing / size
    slope = slope.at[rows, targets].add(smoothing - 1.0)
    return jnp.sum(jnp.where(mask, loss, 0.0)), jnp.where(mask[:, None], slope, 0.0)


def _blocks(readouts, targets, mask, rows):
    """Real rows first, cut into blocks of `rows`: [N, R] -> [N / rows, rows, R]."""
    order = jnp.argsort(jnp.logical_not(mask), stable=True)
    extra = -mask.shape[0] % rows
    order = jnp.concatenate([order, jnp.zeros((extra,), order.dtype)])
    real = jnp.arange(order.shape[0]) < mask.sum()
    blocks = (jnp.asarray(readouts)[order], jnp.asarray(targets)[order], real)
    return order, jax.tree.map(lambda a: a.reshape(-1, rows, *a.shape[1:]), blocks)


@partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def cross_entropy(readouts, kernel, bias, targets, mask, smoothing=0.0, rows=256):
    """Summed cross entropy of softmax(readouts @ kernel + bias), masked rows left out.

    readouts [N, R], kernel [R, V], bias [V], targets [N] int, mask [N] bool; label
    smoothing (Szegedy et al. 2016) mixes `smoothing` of the uniform distribution into
    the target. Works through blocks of `rows` rows, real rows first, and skips blocks
    that hold only padding, so cost and memory follow the real tokens and [N, V] never
    exists. The gradient is formed in the forward pass, one block at a time.
    """
    loss, _ = _forward(readouts, kernel, bias, targets, mask, smoothing, rows)
    return loss


def _forward(readouts, kernel, bias, targets, mask, smoothing, rows):
    order, blocks = _blocks(readouts, targets, mask, rows)

    def work(sums, block):
        loss, d_kernel, d_bias = sums
        block_readouts, block_targets, real = block
        more, slope = _block(
            block_readouts, kernel, bias, block_targets, real, smoothing
        )
        d_kernel = d_kernel + block_readouts.T @ slope
        sums = (loss + more, d_kernel, d_bias + slope.sum(axis=0))
        return sums, slope @ kernel.T

    def skip(sums, block):
        return sums, jnp.zeros_like(block[0])

    def body(sums, block):
        return jax.lax.cond(block[2][0], work, skip, sums, block)

    zero = jnp.zeros((), readouts.dtype)
    start = (zero, jnp.zeros_like(kernel), jnp.zeros_like(bias))
    (loss, d_kernel, d_bias), d_blocks = jax.lax.scan(body, start, blocks)
    d_rows = d_blocks.reshape(-1, readouts.shape[-1])
    d_readouts = jnp.zeros_like(readouts).at[order].add(d_rows)
    return loss, (d_readouts, d_kernel, d_bias)


def _backward(smoothing, rows, saved, slope):
    del smoothing, rows
    gradients, targets_shape, mask_shape = saved
    scaled = tuple(slope * gradient for gradient in gradients)
    none = (np.zeros(targets_shape, float0), np.zeros(mask_shape, float0))
    return scaled + none


def _forward_rule(readouts, kernel, bias, targets, mask, smoothing, rows):
    loss, gradients = _forward(readouts, kernel, bias, targets, mask, smoothing, rows)
    return loss, (gradients, targets.shape, mask.shape)


cross_entropy.defvjp(_forward_rule, _backward)


def _log_likelihoods(readouts, kernel, bias, targets, mask, rows):
    order, blocks = _blocks(readouts, targets, mask, rows)

    def work(block):
        readouts, targets, real = block
        nats = token_losses(readouts @ kernel + bias[None], targets)
        return jnp.where(real, -nats, 0.0)

    def skip(block):
        return jnp.zeros_like(block[0][:, 0])

    found = jax.lax.map(lambda b: jax.lax.cond(b[2][0], work, skip, b), blocks)
    return jnp.zeros_like(readouts[:, 0]).at[order].add(found.reshape(-1))


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
    order, blocks = _blocks(readouts, targets, mask, rows)
    slopes = slopes[order].reshape(-1, rows)

    def work(sums, block):
        (readouts, targets, real), slopes = block
        slope = -jax.nn.softmax(readouts @ kernel + bias[None])
        slope = slope.at[jnp.arange(rows), targets].add(1.0)
        slope = slope * jnp.where(real, slopes, 0.0)[:, None]
        d_kernel, d_bias = sums
        sums = (d_kernel + readouts.T @ slope, d_bias + slope.sum(axis=0))
        return sums, slope @ kernel.T

    def skip(sums, block):
        return sums, jnp.zeros_like(block[0][0])

    def body(sums, block):
        return jax.lax.cond(block[0][2][0], work, skip, sums, block)

    start = (jnp.zeros_like(kernel), jnp.zeros_like(bias))
    (d_kernel, d_bias), d_blocks = jax.lax.scan(body, start, (blocks, slopes))
    d_rows = d_blocks.reshape(-1, readouts.shape[-1])
    d_readouts = jnp.zeros_like(readouts).at[order].add(d_rows)
    none = (np.zeros(targets.shape, float0), np.zeros(mask.shape, float0))
    return d_readouts, d_kernel, d_bias, *none


log_likelihoods.defvjp(_likelihoods_forward, _likelihoods_backward)
