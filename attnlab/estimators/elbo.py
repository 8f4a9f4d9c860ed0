"""Lower bounds by a distribution q over positions, enumerated or sampled.

With q from a network that sees the target this is Deng et al. 2018's variational
attention; with q = p it is their hard attention, Jensen's bound.
"""

import jax

from attnlab.estimators.base import Steps, at_every
from attnlab.masking import safe_log


def expected_likelihood(steps: Steps, q: jax.Array) -> jax.Array:
    """sum_a q(a) log p(y | a) [...], all positions enumerated; q [..., W]."""
    return (q * at_every(steps)).sum(axis=-1)


def divergence(q: jax.Array, p: jax.Array) -> jax.Array:
    """KL(q || p) [...] in nats, of q and p [..., W]; q may be zero where p is not."""
    return (q * (safe_log(q) - safe_log(p))).sum(axis=-1)


def elbo(steps: Steps, q: jax.Array, likelihood: jax.Array) -> jax.Array:
    """E_q log p(y | a) - KL(q || p) [...] (Deng et al. 2018, eq. 3).

    `likelihood` [...] is the first term: `expected_likelihood`, or what `reinforce`
    makes of samples of q.
    """
    return likelihood - divergence(q, steps.probabilities)
