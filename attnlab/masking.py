"""Padding: which positions are real, and how the others are kept out of sums.

The only file that knows how padding looks: real tokens first, then padding up to a
static size, with the number of real tokens beside it.
"""

import jax
import jax.numpy as jnp


def length_mask(lengths: jax.Array | int, size: int) -> jax.Array:
    """Which positions are real: True at the first `length`.

    `length_mask(2, 4)` is `[True, True, False, False]`.

    Args:
      lengths: [...] int.
      size: S, the padded length.

    Returns:
      Booleans [..., S].
    """
    counts = jnp.asarray(lengths)[..., None]
    shape = (*counts.shape[:-1], size)
    positions = jax.lax.broadcasted_iota(jnp.int32, shape, len(shape) - 1)
    return positions < counts


def zero_padding(values: jax.Array, mask: jax.Array) -> jax.Array:
    """`values` with zeros wherever `mask` is False, and no gradient from there.

    Padding may hold anything, NaN included, since it is selected away rather than
    multiplied.

    Args:
      values: [S, C], or of more leading axes.
      mask: [S] bool, of the leading axes of `values`.

    Returns:
      The values [S, C].

    Raises:
      ValueError: where the mask is not of the leading axes.
    """
    if values.shape[: mask.ndim] != mask.shape:
        raise ValueError(f"mask has shape {mask.shape}, values have {values.shape}")
    trailing = values.ndim - mask.ndim
    mask = jnp.broadcast_to(mask.reshape(mask.shape + (1,) * trailing), values.shape)
    return jnp.where(mask, values, jnp.zeros((), values.dtype))


def distribution(weights: jax.Array) -> jax.Array:
    """`weights` divided by their sum.

    Args:
      weights: [..., W], not negative.

    Returns:
      Weights [..., W] of sum one; all zeros where the sum is zero.
    """
    total = weights.sum(axis=-1, keepdims=True)
    return weights / jnp.where(total > 0, total, 1)


def safe_log(weights: jax.Array) -> jax.Array:
    """The logarithm of weights, finite where they are zero.

    Args:
      weights: [...], not negative.

    Returns:
      Nats [...], about -87 and without a gradient where weights are zero.
    """
    smallest = jnp.finfo(weights.dtype).tiny
    return jnp.log(jnp.where(weights > smallest, weights, smallest))


def masked_sum(
    values: jax.Array, mask: jax.Array, axis: int | tuple[int, ...] | None = None
) -> jax.Array:
    """The sum of `values` without what `mask` leaves out.

    Args:
      values: [..., ...].
      mask: bool, of the leading axes of `values`.
      axis: to sum over; None is all.

    Returns:
      The sum.
    """
    return zero_padding(values, mask).sum(axis)
