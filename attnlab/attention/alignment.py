"""From weights in a window to an alignment over the sentence."""

import functools

import jax
import jax.numpy as jnp


def dense(weights: jax.Array, positions: jax.Array, size: int) -> jax.Array:
    """Weights at positions, scattered to the whole sentence.

    Once per sentence, after the decoder's loop: `dense(weights [T, W],
    positions [T, W], S)` is the alignment [T, S].

    Args:
      weights: [..., W].
      positions: [..., W] int; those outside [0, size - 1] are dropped.
      size: S.

    Returns:
      The weights [..., S], zero where no position points.

    Raises:
      ValueError: where weights and positions differ in shape.
    """
    if weights.shape != positions.shape:
        raise ValueError(
            f"weights have shape {weights.shape}, positions have {positions.shape}"
        )
    inside = (positions >= 0) & (positions < size)
    slots = jnp.where(inside, positions, size)  # -1 would count from the end

    @functools.partial(jnp.vectorize, signature="(w),(w)->(s)")
    def scatter(weights, slots):
        return jnp.zeros(size, weights.dtype).at[slots].add(weights, mode="drop")

    return scatter(weights, slots)
