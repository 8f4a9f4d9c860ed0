"""Straight-through Gumbel: a sample forward, a relaxed one backward.

Jang et al. 2017, https://arxiv.org/abs/1611.01144. The temperature falls exponentially
over training, from `estimator.temperature` to `estimator.final_temperature`.
"""

import jax
import jax.numpy as jnp

from attnlab.attention.base import SampleSpec
from attnlab.attention.reads import straight_through
from attnlab.estimators.base import Steps
from attnlab.estimators.rule import Context, Passes, Rule
from attnlab.settings import LearningSettings


def temperature_of(settings: LearningSettings, updates: jax.Array) -> jax.Array:
    """The temperature of the relaxed sample after a number of updates.

    Args:
      settings: of the run.
      updates: [] int.

    Returns:
      The temperature [], more than 0.
    """
    chosen = settings.estimator
    first, last = chosen.temperature, chosen.final_temperature
    done = jnp.minimum(updates / max(settings.train.steps, 1), 1.0)
    return first * (last / first) ** done


def _of_steps(steps: Steps, context: Context) -> tuple[jax.Array, jax.Array]:
    p = steps.probabilities
    temperature = temperature_of(context.settings, context.state.updates)
    read = straight_through()
    coins = jnp.broadcast_to(context.coin[:, None], p.shape[:2])

    def read_step(p, rng, coin):
        return read(p, SampleSpec(rng, temperature, coin))

    def sampled(rng):
        keys = jax.random.split(rng, p.shape[:2])
        return steps.log_prob_under(jax.vmap(jax.vmap(read_step))(p, keys, coins))

    keys = jax.random.split(context.rng, context.settings.estimator.samples)
    # One sample after the other, so that memory does not follow their number.
    bound = jax.lax.map(sampled, keys).mean(axis=0)
    return bound, bound


def _of_passes(passes: Passes, context: Context) -> jax.Array:
    del context  # the passes carry the gradient of their relaxed reads
    return passes.rewards.mean(axis=-1)


GUMBEL = Rule(
    reads=("hard", "straight-through"),
    of_steps=_of_steps,
    of_passes=_of_passes,
    options=("samples", "entropy", "coin", "temperature", "final_temperature"),
)
