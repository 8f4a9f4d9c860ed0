"""Pooling without a query: every value alike, or the largest of each dimension."""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Attention, AttentionOutput, Dims, Memory, Params
from attnlab.attention.compose import attention, check_memory
from attnlab.attention.normalizers import softmax
from attnlab.attention.scores import uniform
from attnlab.attention.windows import global_window
from attnlab.masking import zero_padding
from attnlab.precision import wide, wide_type


def pooled(kind: str) -> Attention:
    """The mean of the attendable values, or their maximum in each dimension.

    The mean is the attention whose score is `uniform`. A forward RNN's last value is
    `fixed_context("last")`. An empty sentence reads as zeros.

    Args:
      kind: "mean" or "max".

    Returns:
      The Attention; it has no parameters, and any query will do.

    Raises:
      ValueError: for another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; choose {', '.join(KINDS)}")
    return KINDS[kind]()


def mean_pooling() -> Attention:
    """The mean of the attendable values [S, C]; their weights are all the same.

    Returns:
      The Attention.
    """
    composed = attention(uniform(), global_window(), softmax)
    return composed._replace(name="mean-pooling")


def max_pooling() -> Attention:
    """The largest attendable value in each of the C dimensions.

    The weights are the share of the dimensions that a position has the largest value of
    (Conneau et al. 2017, https://arxiv.org/abs/1705.02364, section 4.2, draw them so);
    the context is not the values' mixture by them.

    Returns:
      The Attention.
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng, dims
        return {}

    def prepare(params, values, mask, length) -> Memory:
        del params
        check_memory(values, mask, length)
        values = zero_padding(values, mask)
        return Memory(values, values[:, :0], mask, jnp.asarray(length))  # no keys

    def start(memory: Memory):
        del memory
        return ()

    def apply(
        params, query, memory: Memory, *, step, carry, draw=None
    ) -> AttentionOutput:
        del params, query, step, draw
        values, mask = memory.values, memory.mask
        # Finite, as -inf would turn the gradient of an empty sentence into NaN.
        lowest = jnp.finfo(values.dtype).min
        inside = jnp.where(mask[:, None], values, lowest)
        top = jnp.argmax(jax.lax.stop_gradient(inside), axis=0)  # [C]
        context = jnp.take_along_axis(values, top[None], axis=0)[0]
        shares = jnp.zeros(mask.shape).at[top].add(1 / values.shape[1])
        weights = wide(jnp.where(mask, shares, 0).astype(values.dtype))
        positions = jnp.arange(mask.shape[0], dtype=jnp.int32)
        aux = {"centre": jnp.zeros((), wide_type(values.dtype))}
        return AttentionOutput(context, weights, weights, positions, carry, aux)

    def batch_steps(size: int) -> bool:
        del size  # a step costs nothing of its own
        return True

    return Attention(init, prepare, start, apply, batch_steps, "max-pooling")


KINDS = {"mean": mean_pooling, "max": max_pooling}
