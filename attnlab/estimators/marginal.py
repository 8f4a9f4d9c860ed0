"""The exact marginal over positions, and the posterior that comes with it."""

import jax
import jax.numpy as jnp

from attnlab.estimators.base import Steps, at_every


def marginal(steps: Steps) -> jax.Array:
    """log sum_a p(a) p(y | a) [...] (Deng et al. 2018, eq. 2), never above log 1.

    One position is worked on at a time: [T, S, V] never exists.
    """
    likelihoods = at_every(steps)
    return jax.nn.logsumexp(likelihoods, axis=-1, b=steps.probabilities)


def posterior(steps: Steps) -> jax.Array:
    """p(a | y), proportional to p(a) p(y | a): [..., W], of sum one."""
    there = steps.probabilities > 0
    logs = jnp.log(jnp.where(there, steps.probabilities, 1))
    joint = jnp.where(there, logs, -jnp.inf)
    return jax.nn.softmax(joint + at_every(steps), axis=-1)
