"""The learning rule chain: the exact likelihood of reads that follow one another."""

import jax
import jax.numpy as jnp

from attnlab.attention.alignment import dense
from attnlab.estimators.base import Steps, at_every
from attnlab.estimators.chain import Chain, forward
from attnlab.estimators.rule import Context, Rule
from attnlab.precision import wide


def chain_of(steps: Steps, real: jax.Array, log_probs: jax.Array) -> Chain:
    """The chains of a batch, over all positions of the source.

    Args:
      steps: [B, T], with transitions.
      real: [B, T] bool, which steps are no padding.
      log_probs: log p(y | a) [B, T, W] of `at_every`.

    Returns:
      A Chain whose leaves have the leading axis B.

    Raises:
      ValueError: for steps that do not follow one another.
    """
    between = steps.transitions
    if between is None:
        raise ValueError("these steps have no transitions, so they make no chain")
    size = between.jumps.shape[-1]
    weights, emissions = wide(steps.probabilities), wide(log_probs)
    if weights.shape[-1] != size:  # a window, gathered; else slots are positions
        seen = jnp.where(weights > 0, emissions, 0)
        first = jax.nn.one_hot(0, size, dtype=weights.dtype)[None, None]
        gathered = dense(weights, between.positions, size)
        nowhere = gathered.sum(axis=-1, keepdims=True) <= 0
        weights = jnp.where(nowhere, first, gathered)
        emissions = dense(seen, between.positions, size)
        emissions = jnp.where(nowhere, log_probs[..., :1], emissions)
    null = jnp.full(real.shape, between.null, weights.dtype)
    nothing = wide(between.null_log_probs)
    return Chain(weights, between.jumps, emissions, real, null, nothing)


def _of_steps(steps: Steps, context: Context) -> tuple[jax.Array, jax.Array]:
    chain = chain_of(steps, context.real, at_every(steps))
    bound = jax.vmap(forward)(chain).log_probs
    return bound, bound


CHAIN = Rule(reads=("hard",), of_steps=_of_steps, needs_transition=True)
