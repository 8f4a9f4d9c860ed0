"""The largest entries of long rows, faster than the primitives on CPU.

XLA's CPU argmax and top_k run far below memory speed, its max does not; measured by
`benchmarks/decoding.py`.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

# Rows shorter than this are left to lax.top_k: there is nothing to save.
SHORT = 1000


def largest(scores: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The maximum of each row and its first index, like max and argmax.

    Args:
      scores: [..., V].

    Returns:
      (maxima [...], indices [...]).
    """
    best, first = top_k(scores, 1)
    return best[..., 0], first[..., 0]


def top_k(scores: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """The k largest entries of each row, as `lax.top_k` gives them, ties included.

    Two levels: the row is cut into about sqrt(V) groups, and only the k groups with the
    largest maxima can hold winners. They stay in their order, so that of equal entries
    the one with the lower index wins. What is left of the row is looked at as well.

    Args:
      scores: [..., V].
      k: at most V.

    Returns:
      (entries [..., k] in falling order, indices [..., k]).
    """
    pick = _first if k == 1 else partial(lax.top_k, k=k)
    size = scores.shape[-1]
    width = math.isqrt(size)
    groups = size // width
    if size < SHORT or k * 4 > groups:
        return pick(scores)
    rows, end = scores.reshape(-1, size), groups * width
    maxima = jnp.max(rows[:, :end].reshape(-1, groups, width), axis=-1)
    starts = width * jnp.sort(pick(maxima)[1], axis=-1)  # [N, k]

    def cut(row, start):
        return lax.dynamic_slice(row, (start,), (width,))

    inside = jax.vmap(jax.vmap(cut, (None, 0)))(rows, starts).reshape(-1, k * width)
    candidates = jnp.concatenate([inside, rows[:, end:]], axis=1)
    best, places = pick(candidates)
    group, offset = places // width, places % width
    start = jnp.take_along_axis(starts, jnp.minimum(group, k - 1), axis=1)
    index = jnp.where(places < k * width, start + offset, end + places - k * width)
    return best.reshape(*scores.shape[:-1], k), index.reshape(*scores.shape[:-1], k)


def _first(scores: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`lax.top_k` of one, for rows short enough to be looked at twice."""
    best = jnp.max(scores, axis=-1, keepdims=True)
    places = lax.broadcasted_iota(jnp.int32, scores.shape, scores.ndim - 1)
    last = scores.shape[-1] - 1  # only a row with NaN has no place equal to its maximum
    first = jnp.where(scores == best, places, last)
    return best, jnp.min(first, axis=-1, keepdims=True)
