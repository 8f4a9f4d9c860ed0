"""Reads: from the weights of a step to the weights its context is read with.

    soft              the expected value
    top-k             the expected value over the k positions of largest weight
    hard              one sampled position
    straight-through  one sampled position, with the gradient of a relaxed sample

All but `soft` first make a distribution of the weights, which a prior may have left
short of one. Without a `SampleSpec` they read the expected value.
"""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Read, SampleSpec
from attnlab.masking import distribution, safe_log


def soft() -> Read:
    """The expected value (Bahdanau et al. 2014, eq. 5), weights as they are.

    Returns:
      The Read.
    """

    def read(weights: jax.Array, draw: SampleSpec | None) -> jax.Array:
        del draw
        return weights

    return read


def top_k(k: int = 5) -> Read:
    """The expected value over the k positions of largest weight.

    Args:
      k: positions; shorter sentences use all they have.

    Returns:
      The Read.

    Raises:
      ValueError: for a k below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}, must be at least 1")

    def read(weights: jax.Array, draw: SampleSpec | None) -> jax.Array:
        del draw
        slots = jax.lax.top_k(weights, min(k, weights.shape[0]))[1]
        chosen = jnp.zeros(weights.shape, bool).at[slots].set(True)
        return distribution(jnp.where(chosen, weights, 0))

    read.__qualname__ = f"top_k(k={k})"  # that an attention's repr shows
    return read


def hard() -> Read:
    """One position, with the weights as its probabilities (Xu et al. 2015, sec. 4.1).

    It is the largest of log p + Gumbel noise. No gradient reaches the weights: that is
    what `attnlab.estimators` are for. https://arxiv.org/abs/1502.03044

    Returns:
      The Read.
    """

    def read(weights: jax.Array, draw: SampleSpec | None) -> jax.Array:
        if draw is None:
            return distribution(weights)
        sampled = jax.lax.stop_gradient(_largest(_perturbed(weights, draw), weights))
        return jnp.where(draw.expected, distribution(weights), sampled)

    return read


def straight_through() -> Read:
    """As `hard`, with the gradient of a relaxed sample (Jang et al. 2017, sec. 2.2).

    That of softmax((log p + noise) / temperature), which is biased at every temperature
    and the noisier the lower it is. https://arxiv.org/abs/1611.01144

    Returns:
      The Read.
    """

    def read(weights: jax.Array, draw: SampleSpec | None) -> jax.Array:
        if draw is None:
            return distribution(weights)
        scores = _perturbed(weights, draw)
        relaxed = _softmax(scores / draw.temperature, weights)
        # Its value is the sample, its gradient the relaxed one's.
        rest = jax.lax.stop_gradient(_largest(scores, weights) - relaxed)
        return jnp.where(draw.expected, distribution(weights), rest + relaxed)

    return read


def _perturbed(weights: jax.Array, draw: SampleSpec) -> jax.Array:
    scores = safe_log(distribution(weights))
    if draw.rng is not None:
        scores += jax.random.gumbel(draw.rng, weights.shape, weights.dtype)
    return jnp.where(weights > 0, scores, jnp.finfo(weights.dtype).min)


def _largest(scores: jax.Array, weights: jax.Array) -> jax.Array:
    """One at the largest score; nothing where nothing has any weight."""
    top = jax.nn.one_hot(jnp.argmax(scores), weights.shape[0], dtype=weights.dtype)
    return jnp.where(weights > 0, top, 0)


def _softmax(scores: jax.Array, weights: jax.Array) -> jax.Array:
    below = jnp.where(weights > 0, scores - jax.lax.stop_gradient(scores.max()), 0)
    return distribution(jnp.where(weights > 0, jnp.exp(below), 0))
