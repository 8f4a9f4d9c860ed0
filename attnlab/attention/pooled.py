"""Pooling without a query: every value alike, or the largest of each dimension."""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Attention, AttentionOutput, Dims, Memory, Params
from attnlab.attention.compose import check_memory
from attnlab.masking import zero_padding
from attnlab.precision import wide, wide_type

KINDS = ("mean", "max")


def pooled(kind: str) -> Attention:
    """The mean of the attendable values, or their maximum in each dimension.

    Weights of "mean" are uniform. Those of "max" are the share of the C dimensions that
    a position has the largest value of (Conneau et al. 2017, section 4.2 draw them so);
    the context is not their mixture. The last value is `none("last")`. An empty
    sentence reads as zeros.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; choose {', '.join(KINDS)}")

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

    def mean(values, mask):
        weights = mask / jnp.maximum(mask.sum(), 1)
        return jnp.einsum("s,sc->c", weights.astype(values.dtype), values), weights

    def largest(values, mask):
        lowest = jnp.finfo(values.dtype).min
        inside = jnp.where(mask[:, None], values, lowest)
        top = jnp.argmax(jax.lax.stop_gradient(inside), axis=0)  # [C]
        context = jnp.take_along_axis(values, top[None], axis=0)[0]
        shares = jnp.zeros(mask.shape).at[top].add(1 / values.shape[1])
        return context, jnp.where(mask, shares, 0)

    def apply(
        params, query, memory: Memory, *, step, carry, draw=None
    ) -> AttentionOutput:
        del params, query, step, draw
        read = {"mean": mean, "max": largest}[kind]
        context, weights = read(memory.values, memory.mask)
        weights = wide(weights.astype(memory.values.dtype))
        positions = jnp.arange(memory.mask.shape[0], dtype=jnp.int32)
        aux = {"centre": jnp.zeros((), wide_type(memory.values.dtype))}
        return AttentionOutput(context, weights, weights, positions, carry, aux)

    def batch_steps(size: int) -> bool:
        del size
        return True

    return Attention(init, prepare, start, apply, batch_steps)
