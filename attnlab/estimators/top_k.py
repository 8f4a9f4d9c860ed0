"""Shankar et al. 2018: the marginal over the most probable positions only."""

import jax

from attnlab.estimators.base import Steps, at_slots
from attnlab.estimators.rule import Context, Rule
from attnlab.masking import distribution


def top_k_joint(steps: Steps, k: int) -> jax.Array:
    """log sum over the k largest p(a), renormalized, of p(a) p(y | a).

    Args:
      steps: [...].
      k: positions; sentences with fewer use all they have, as what has no probability
        adds nothing.

    Returns:
      Nats [...].
    """
    count = min(k, steps.probabilities.shape[-1])
    largest, slots = jax.lax.top_k(steps.probabilities, count)
    likelihoods = at_slots(steps, slots)
    return jax.nn.logsumexp(likelihoods, axis=-1, b=distribution(largest))


def _of_steps(steps: Steps, context: Context) -> tuple[jax.Array, jax.Array]:
    bound = top_k_joint(steps, context.settings.model.k)
    return bound, bound


TOP_K = Rule(reads=("hard",), of_steps=_of_steps, options=("entropy", "k"))
