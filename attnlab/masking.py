"""Padding: which positions are real, and how the others are kept out of sums.

The only file that knows how padding looks: real tokens first, then padding up to a
static size, with the number of real tokens beside it.
"""

import jax
import jax.numpy as jnp


def length_mask(lengths: jax.Array | int, size: int) -> jax.Array:
    """Booleans `[..., size]` for lengths `[...]`: True at the first `length` positions.

    `length_mask(2, 4)` is `[True, True, False, False]`.
    """
    counts = jnp.asarray(lengths)[..., None]
    shape = (*counts.shape[:-1], size)
    positions = jax.lax.broadcasted_iota(jnp.int32, shape, len(shape) - 1)
    return positions < counts


def zero_padding(values: jax.Array, mask: jax.Array) -> jax.Array:
    """`values` with zeros wherever `mask` is False, and no gradient from there.

    The mask covers the leading axes: values `[S, C]` with a mask `[S]`. Padding may
    hold anything, NaN included, since it is selected away rather than multiplied.
    """
    if values.shape[: mask.ndim] != mask.shape:
        raise ValueError(f"mask has shape {mask.shape}, values have {values.shape}")
    trailing = values.ndim - mask.ndim
    mask = jnp.broadcast_to(mask.reshape(mask.shape + (1,) * trailing), values.shape)
    return jnp.where(mask, values, jnp.zeros((), values.dtype))


def distribution(weights: jax.Array) -> jax.Array:
    """`weights` `[..., W]` divided by their sum: all zeros where the sum is zero."""
    total = weights.sum(axis=-1, keepdims=True)
    return weights / jnp.where(total > 0, total, 1)


def safe_log(weights: jax.Array) -> jax.Array:
    """log of `weights`, about -87 and without a gradient where they are zero."""
    smallest = jnp.finfo(weights.dtype).tiny
    return jnp.log(jnp.where(weights > smallest, weights, smallest))


def masked_sum(
    values: jax.Array, mask: jax.Array, axis: int | tuple[int, ...] | None = None
) -> jax.Array:
    """Sum of `values` over `axis` (default: all) without what `mask` leaves out."""
    return zero_padding(values, mask).sum(axis)
