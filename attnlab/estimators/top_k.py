"""Shankar et al. 2018: the marginal over the likeliest positions only."""

import jax

from attnlab.estimators.base import Steps, at_slots
from attnlab.masking import distribution


def top_k_joint(steps: Steps, k: int) -> jax.Array:
    """log sum over the k largest p(a), renormalized, of p(a) p(y | a): [...].

    Sentences with fewer positions use all they have (4.25): what has no probability
    adds nothing.
    """
    kept = min(k, steps.probabilities.shape[-1])
    largest, slots = jax.lax.top_k(steps.probabilities, kept)
    likelihoods = at_slots(steps, slots)
    return jax.nn.logsumexp(likelihoods, axis=-1, b=distribution(largest))
