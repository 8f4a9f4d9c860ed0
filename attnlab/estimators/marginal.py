"""The exact marginal over positions, and the posterior that comes with it."""

import jax
import jax.numpy as jnp

from attnlab.estimators.base import Steps, at_every
from attnlab.estimators.rule import Context, Rule


def marginal(steps: Steps, likelihoods: jax.Array | None = None) -> jax.Array:
    """log sum_a p(a) p(y | a) (Deng et al. 2018, eq. 2), never above log 1.

    One position is worked on at a time: [T, S, V] never exists.

    Args:
      steps: [...].
      likelihoods: log p(y | a) [..., W] of `at_every`, where they are at hand.

    Returns:
      Nats [...].
    """
    likelihoods = at_every(steps) if likelihoods is None else likelihoods
    return jax.nn.logsumexp(likelihoods, axis=-1, b=steps.probabilities)


def posterior(steps: Steps, likelihoods: jax.Array | None = None) -> jax.Array:
    """p(a | y), proportional to p(a) p(y | a).

    Args:
      steps: [...].
      likelihoods: log p(y | a) [..., W] of `at_every`, where they are at hand.

    Returns:
      Probabilities [..., W], of sum one.
    """
    there = steps.probabilities > 0
    # log 1 where there is no probability, as the gradient of log 0 would be NaN.
    logs = jnp.log(jnp.where(there, steps.probabilities, 1))
    joint = jnp.where(there, logs, -jnp.inf)
    likelihoods = at_every(steps) if likelihoods is None else likelihoods
    return jax.nn.softmax(joint + likelihoods, axis=-1)


def _of_steps(steps: Steps, context: Context) -> tuple[jax.Array, jax.Array]:
    del context
    bound = marginal(steps)
    return bound, bound


MARGINAL = Rule(reads=("hard",), of_steps=_of_steps, options=("entropy",))
