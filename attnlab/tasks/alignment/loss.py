"""What an aligner learns by: two likelihoods, and that their posteriors agree.

Liang, Taskar and Klein 2006, "Alignment by Agreement", as a gradient: with gamma the
posterior of one direction and delta that of the other, on the same pair,

    sum_ts gamma_t(s) delta_s(t) d log p(y_t | s)
    + sum_t gamma_t(NULL) prod_s (1 - delta_s(t)) d log p(y_t | NULL) + d_jumps log p(y)

A link that the other direction does not have teaches nothing. Jumps learn by their own
likelihood. No likelihood has this gradient. https://aclanthology.org/N06-1014
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.attention.base import Params
from attnlab.estimators.chain import Chain, Posterior, log_likelihood
from attnlab.nn.losses import Sums
from attnlab.tasks.alignment.batches import AlignmentBatch
from attnlab.tasks.alignment.model import Aligner

DIRECTIONS = ("forward", "backward")


class Pass(NamedTuple):
    """A direction over a batch.

    chain: of B pairs. nats: [B] of each target. posterior: [B, T, S] and [B, T].
    jumps: [B, S + 1, S], the gradient of log p(y) by the log potentials.
    """

    chain: Chain
    nats: jax.Array
    posterior: Posterior
    jumps: jax.Array


def follow(chain: Chain) -> Pass:
    """The forward and backward recursion over a batch, each once.

    Args:
      chain: of B pairs.

    Returns:
      The Pass.
    """

    def total(emissions, null_emissions, jumps):
        seen = chain._replace(
            emissions=emissions, null_emissions=null_emissions, jumps=jumps
        )
        return jax.vmap(log_likelihood)(seen)

    value, back = jax.vjp(total, chain.emissions, chain.null_emissions, chain.jumps)
    positions, null, jumps = back(jnp.ones_like(value))
    return Pass(chain, -value, Posterior(positions, null), jumps)


def passes(
    aligner: Aligner,
    params: Params,
    batch: AlignmentBatch,
    norms: tuple[jax.Array | None, jax.Array | None] = (None, None),
    rng: jax.Array | None = None,
) -> tuple[Pass, Pass]:
    """Both directions over a batch.

    Args:
      aligner: of one direction, and of the other.
      params: "forward" and "backward", of each.
      batch: B pairs.
      norms: of both directions; None: over the lists of the batch.
      rng: a key, of dropout; None drops nothing.

    Returns:
      Forward, which reads the source, and backward, which reads the target.
    """
    keys = (None, None) if rng is None else [*jax.random.split(rng)]
    source, target = batch.sides
    forward, backward = params["forward"], params["backward"]
    return (
        follow(aligner.chains(forward, source, target, norms[0], keys[0])),
        follow(aligner.chains(backward, target, source, norms[1], keys[1])),
    )


def make_loss(aligner: Aligner, agree_from: float):
    """The loss of both directions.

    Args:
      aligner: of one direction, and of the other.
      agree_from: updates after which they learn to agree.

    Returns:
      loss(params, batch, rng, updates) -> (to minimize [], (Sums, updates)). The Sums
      are nats of the words of both sides; what is minimized has the gradient above.
    """

    def loss(params: Params, batch: AlignmentBatch, rng: jax.Array, updates: jax.Array):
        forward, backward = passes(aligner, params, batch, rng=rng)
        agree = updates >= agree_from
        learned = taught(forward, backward.posterior, agree)
        learned += taught(backward, forward.posterior, agree)
        words = forward.chain.real.sum() + backward.chain.real.sum()
        sums = Sums(jax.lax.stop_gradient((forward.nats + backward.nats).sum()), words)
        return -learned, (sums, updates + 1)

    return loss


def taught(own: Pass, other: Posterior, agree: jax.Array) -> jax.Array:
    """A number whose gradient is that of a direction.

    Args:
      own: the direction that learns.
      other: posterior of the other one, [B, S, T].
      agree: [] bool, whether what the other one does not have counts.

    Returns:
      The number [], which means nothing by itself.
    """
    theirs = jnp.swapaxes(other.positions, 1, 2)
    nowhere = jnp.prod(1 - theirs, axis=2)
    positions = own.posterior.positions * jnp.where(agree, theirs, 1)
    null = own.posterior.null * jnp.where(agree, nowhere, 1)
    positions, null, jumps = jax.lax.stop_gradient((positions, null, own.jumps))
    ways = jnp.where(jumps == 0, 0, own.chain.jumps)  # as 0 times -inf is no number
    return (
        (positions * own.chain.emissions).sum()
        + (null * own.chain.null_emissions).sum()
        + (jumps * ways).sum()
    )
