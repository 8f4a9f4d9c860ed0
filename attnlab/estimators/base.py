"""The target steps of a batch, as every estimator sees them."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.masking import safe_log


class Transitions(NamedTuple):
    """How the reads of steps follow one another; see `attnlab.estimators.chain`.

    positions: [B, T, W] int, where the slots of a step stand in the source.
    jumps: [B, S + 1, S], log potentials.
    null: the probability that a step reads nothing.
    null_log_probs: [B, T], log p(y | nothing is read), 0 at padding.
    """

    positions: jax.Array
    jumps: jax.Array
    null: float
    null_log_probs: jax.Array


class Steps(NamedTuple):
    """Target steps whose states are fixed: only what is read differs.

    All that a learning rule sees of a model. Leading axes are any, mostly [B, T]; at
    padded steps every likelihood is log 1.

    probabilities: p(a) [..., W], of sum one, also where there is nothing to look at.
    log_prob_at: slots [...] int -> log p(y | the value at that slot is read) [...].
    log_prob_under: reads [..., W] -> log p(y | values are read with these weights)
      [...].
    log_probs: log p(y | a) [..., W] of all slots, where the model knows them at once.
    transitions: where reads follow one another; None: each step is by itself.
    """

    probabilities: jax.Array
    log_prob_at: Callable[[jax.Array], jax.Array]
    log_prob_under: Callable[[jax.Array], jax.Array]
    log_probs: jax.Array | None = None
    transitions: Transitions | None = None


def at_slots(steps: Steps, slots: jax.Array) -> jax.Array:
    """log p(y | a), one slot after the other: memory does not follow their number K.

    Args:
      steps: [...].
      slots: [..., K] int.

    Returns:
      Nats [..., K]; the gradient computes each anew.
    """
    logs = jax.lax.map(jax.checkpoint(steps.log_prob_at), jnp.moveaxis(slots, -1, 0))
    return jnp.moveaxis(logs, 0, -1)


def at_every(steps: Steps) -> jax.Array:
    """log p(y | a) for every slot.

    Args:
      steps: [...].

    Returns:
      Nats [..., W].
    """
    if steps.log_probs is not None:
        return steps.log_probs
    slots = jnp.arange(steps.probabilities.shape[-1], dtype=jnp.int32)
    return at_slots(steps, jnp.broadcast_to(slots, steps.probabilities.shape))


def expected_likelihood(steps: Steps, q: jax.Array) -> jax.Array:
    """sum_a q(a) log p(y | a), all positions enumerated.

    Args:
      steps: [...].
      q: [..., W], of sum one.

    Returns:
      Nats [...].
    """
    return (q * at_every(steps)).sum(axis=-1)


def sample(rng: jax.Array, probabilities: jax.Array, samples: int) -> jax.Array:
    """Slots drawn independently.

    Args:
      rng: a key.
      probabilities: [..., W], of sum one.
      samples: K.

    Returns:
      Slots [..., K] int, none of probability zero.
    """
    logs = safe_log(jax.lax.stop_gradient(probabilities))
    logs = jnp.where(probabilities > 0, logs, -jnp.inf)
    drawn = jax.random.categorical(rng, logs, shape=(samples, *logs.shape[:-1]))
    return jnp.moveaxis(drawn, 0, -1)
