"""Normalizers: scores into weights. The only file that decides what masking means.

Each takes scores [W] and valid [W] and returns weights [W] that are non-negative, sum
to one, and are exactly zero where not valid; all zeros if nothing is valid. No infinity
and no division by zero is formed on the way, so gradients are finite too.
"""

import jax
import jax.numpy as jnp


def softmax(scores: jax.Array, valid: jax.Array) -> jax.Array:
    """exp(z) / sum exp(z): every valid position gets some weight.

    Args:
      scores: [W].
      valid: [W] bool.

    Returns:
      The weights [W].
    """
    exp = jnp.where(valid, jnp.exp(_below_top(scores, valid)), 0)
    total = exp.sum()  # at least 1 where anything is valid: the largest gives exp(0)
    return exp / jnp.where(valid.any(), total, 1)


def sparsemax(scores: jax.Array, valid: jax.Array) -> jax.Array:
    """Martins & Astudillo 2016, algorithm 1: max(z - tau, 0), often exactly zero.

    The nearest point of the simplex to z. Sorting finds the support; on the support the
    weights are linear in z, which is what the gradient follows (their eq. 14).
    https://arxiv.org/abs/1602.02068

    Args:
      scores: [W].
      valid: [W] bool.

    Returns:
      The weights [W].
    """
    z = _clipped(_below_top(scores, valid), valid)
    ranked = -jnp.sort(-jax.lax.stop_gradient(z))
    counts = _counts(z)
    taus = (jnp.cumsum(ranked) - 1) / counts
    tau = taus[jnp.sum(ranked > taus) - 1]
    support = valid & (jax.lax.stop_gradient(z) > tau)
    size = jnp.maximum(support.sum(), 1)
    tau = (jnp.where(support, z, 0).sum() - 1) / size  # as above, but differentiable
    return jnp.where(support, z - tau, 0)


def entmax15(scores: jax.Array, valid: jax.Array) -> jax.Array:
    """Peters et al. 2019, algorithm 2: max(z / 2 - tau, 0)^2, between the other two.

    Sorting finds the support; on the support sum (z / 2 - tau)^2 = 1 is a quadratic
    equation for tau, and the gradient follows its solution.
    https://arxiv.org/abs/1905.05702

    Args:
      scores: [W].
      valid: [W] bool.

    Returns:
      The weights [W].
    """
    z = _clipped(_below_top(scores, valid) / 2, valid)
    ranked = -jnp.sort(-jax.lax.stop_gradient(z))
    counts = _counts(z)
    taus = _quadratic(jnp.cumsum(ranked), jnp.cumsum(ranked**2), counts)
    tau = taus[jnp.sum(ranked >= taus) - 1]
    support = valid & (jax.lax.stop_gradient(z) > tau)
    inside = jnp.where(support, z, 0)
    size = jnp.maximum(support.sum(), 1)
    tau = _quadratic(inside.sum(), (inside**2).sum(), size)
    return jnp.where(support, (z - tau) ** 2, 0)


def _below_top(scores, valid):
    """scores minus the largest valid one, so at most 0; 0 where not valid."""
    lowest = jnp.finfo(scores.dtype).min
    top = jnp.where(valid, jax.lax.stop_gradient(scores), lowest).max()
    return jnp.where(valid, scores - top, 0)


def _clipped(z, valid):
    """z <= 0 with its far tail, and what is not valid, put at -2.

    As the largest weight is at most 1, tau >= -1: whatever lies below has no weight.
    """
    return jnp.where(valid, jnp.maximum(z, -2), -2)


def _counts(z):
    return jnp.arange(1, z.shape[0] + 1, dtype=z.dtype)


def _quadratic(total, squares, count):
    """The smaller tau of: sum over `count` numbers of (z - tau)^2 = 1.

    Positive under the root on the true support; the floor serves candidates too large.
    """
    mean = total / count
    spread = squares - total * mean
    return mean - jnp.sqrt(jnp.maximum((1 - spread) / count, 1e-12))
