"""Variational attention: a lower bound by an inference network's q over positions.

Deng et al. 2018, https://arxiv.org/abs/1807.03756. With q = p it is their hard
attention, Jensen's bound, which `reinforce` learns by.
"""

import jax

from attnlab.estimators.base import Steps
from attnlab.estimators.reinforce import likelihood_under
from attnlab.estimators.rule import Context, Rule
from attnlab.masking import safe_log


def divergence(q: jax.Array, p: jax.Array) -> jax.Array:
    """KL(q || p).

    Args:
      q: [..., W]; it may be zero where p is not.
      p: [..., W].

    Returns:
      Nats [...].
    """
    return (q * (safe_log(q) - safe_log(p))).sum(axis=-1)


def elbo(steps: Steps, q: jax.Array, likelihood: jax.Array) -> jax.Array:
    """E_q log p(y | a) - KL(q || p) (Deng et al. 2018, eq. 3).

    Args:
      steps: [...].
      q: [..., W], of the inference network.
      likelihood: [...], the first term: `expected_likelihood`, or what `reinforce`
        makes of samples of q.

    Returns:
      Nats [...].
    """
    return likelihood - divergence(q, steps.probabilities)


def _of_steps(steps: Steps, context: Context) -> tuple[jax.Array, jax.Array]:
    if context.q is None:
        raise ValueError("the ELBO needs the distribution q of an inference network")
    # The divergence is no reward: it is not estimated.
    reward = likelihood_under(steps, context.q, context)
    return elbo(steps, context.q, reward), reward


ELBO = Rule(
    reads=("hard",),
    of_steps=_of_steps,
    options=("samples", "baseline", "decay", "credit", "reward_weight", "entropy"),
    needs_q=True,
    enumerates=True,
)
