"""No attention: the same vector in every step, as before Bahdanau et al. 2014."""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Attention, AttentionOutput, Dims, Memory, Params
from attnlab.attention.compose import check_memory
from attnlab.masking import zero_padding
from attnlab.precision import wide_type

CHOICES = ("last", "first", "both", "mean")


def fixed_context(fixed: str = "last") -> Attention:
    """Cho et al. 2014 (RNNencdec): the context is a summary of the sentence.

    Weights are all zero, since the decoder looks at no position. An empty sentence
    reads as zeros. https://arxiv.org/abs/1406.1078

    Args:
      fixed: "last", the last attendable value, where a forward RNN has read everything;
        "first", where a backward RNN has; "both", the first half of the last and the
        second half of the first, for values [forward; backward]; "mean", of all that
        can be attended to, for images.

    Returns:
      The Attention; it has no parameters.

    Raises:
      ValueError: for another summary.
    """
    if fixed not in CHOICES:
        raise ValueError(f"unknown fixed {fixed!r}; choose {', '.join(CHOICES)}")

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng, dims
        return {}

    def summary(values, mask):
        if fixed == "mean":  # of values that are zero elsewhere
            return values.sum(axis=0) / jnp.maximum(mask.sum(), 1)
        # argmax of booleans is the first True; of the reversed ones, the last.
        first = values[jnp.argmax(mask)]
        last = values[mask.shape[0] - 1 - jnp.argmax(mask[::-1])]
        half = values.shape[-1] // 2
        both = jnp.concatenate([last[:half], first[half:]])
        return {"first": first, "last": last, "both": both}[fixed]

    def prepare(params, values, mask, length) -> Memory:
        del params
        check_memory(values, mask, length)
        values = zero_padding(values, mask)
        keys = summary(values, mask)[None, :]  # [1, C]: all that will be read
        return Memory(values, keys, mask, jnp.asarray(length))

    def start(memory: Memory):
        del memory
        return ()

    def apply(
        params, query, memory: Memory, *, step, carry, draw=None
    ) -> AttentionOutput:
        del params, query, step, draw
        size, dtype = memory.mask.shape[0], wide_type(memory.values.dtype)
        positions = jnp.arange(size, dtype=jnp.int32)
        aux = {"centre": jnp.zeros((), dtype)}
        nowhere = jnp.zeros(size, dtype)
        return AttentionOutput(memory.keys[0], nowhere, nowhere, positions, carry, aux)

    def batch_steps(size: int) -> bool:
        del size  # nothing is looked at
        return True

    name = f"fixed-context({fixed})"
    return Attention(init, prepare, start, apply, batch_steps, name)
