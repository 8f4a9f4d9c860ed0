"""The target steps of a batch, as every estimator sees them."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.masking import safe_log


class Steps(NamedTuple):
    """Target steps whose states are fixed: only what is read differs.

    Leading axes are any, mostly [B, T]; at padded steps every likelihood is log 1.

    probabilities [..., W]: p(a), of sum one, also where there is nothing to look at
    log_prob_at(slots [...] int) -> log p(y | only the value at that slot is read) [...]
    log_prob_under(reads [..., W]) -> log p(y | the values are read with these weights) [...]
    """

    probabilities: jax.Array
    log_prob_at: Callable[[jax.Array], jax.Array]
    log_prob_under: Callable[[jax.Array], jax.Array]


def at_slots(steps: Steps, slots: jax.Array) -> jax.Array:
    """log p(y | a) for slots [..., K], one after the other: memory does not follow K.

    The gradient computes each anew.
    """
    found = jax.lax.map(jax.checkpoint(steps.log_prob_at), jnp.moveaxis(slots, -1, 0))
    return jnp.moveaxis(found, 0, -1)


def at_every(steps: Steps) -> jax.Array:
    """log p(y | a) for every slot, [..., W]."""
    slots = jnp.arange(steps.probabilities.shape[-1], dtype=jnp.int32)
    return at_slots(steps, jnp.broadcast_to(slots, steps.probabilities.shape))


def sample(rng: jax.Array, probabilities: jax.Array, samples: int) -> jax.Array:
    """`samples` slots [..., K] drawn from probabilities [..., W], independently."""
    logs = safe_log(jax.lax.stop_gradient(probabilities))
    logs = jnp.where(probabilities > 0, logs, -jnp.inf)
    drawn = jax.random.categorical(rng, logs, shape=(samples, *logs.shape[:-1]))
    return jnp.moveaxis(drawn, 0, -1)
