"""Prediction with a hard read: forced losses, alignments and search, to be compiled."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.attention.alignment import dense
from attnlab.attention.base import Params, SampleSpec
from attnlab.attention.heads import heads_of
from attnlab.decoding import Decoded, beam, greedy
from attnlab.estimators.base import Steps, at_every
from attnlab.estimators.chain import forward
from attnlab.estimators.chain import posterior as chain_posterior
from attnlab.estimators.chain_rule import chain_of
from attnlab.estimators.chain_search import chain_step
from attnlab.estimators.decoder_steps import (
    TargetBatch,
    apply,
    contexts_at,
    forced,
    likelihoods,
    read,
    real_steps,
    steps_of,
)
from attnlab.estimators.marginal import marginal, posterior
from attnlab.estimators.rules import is_hard
from attnlab.nn.decoder_model import Conditional
from attnlab.nn.decoders import DecoderOutputs
from attnlab.precision import wide_type
from attnlab.settings import PredictingSettings

PREDICTIONS = ("expected", "marginal", "argmax")
LARGEST = SampleSpec(None)


def prediction(settings: PredictingSettings) -> str:
    """How words are predicted: by `evaluate.predict`, or what is usual for the read.

    Args:
      settings: of a run.

    Returns:
      A name in PREDICTIONS; without a setting, "marginal" for hard reads and "expected"
      for the others.
    """
    usual = "marginal" if is_hard(settings.model) else "expected"
    return settings.evaluate.predict or usual


class Search(NamedTuple):
    """How to decode; see `attnlab.decoding.beam`.

    beams: hypotheses; one is greedy search.
    length_penalty, alpha: what divides a hypothesis' log-probability.
    ratio: a translation takes at most this many times the units of its source, plus 10.
    replace_unknown: whether unknown words are copied through the alignment.
    positions: how many a marginal is taken over, the most probable of each step.
    """

    beams: int = 1
    length_penalty: str = "average"
    alpha: float = 0.6
    ratio: float = 1.5
    replace_unknown: bool = False
    positions: int = 5


class Prediction(NamedTuple):
    """How a word's probability follows from what may be read.

    by: "expected", p(word | the expected value is read), soft attention's; "marginal",
      sum over positions of p(position) p(word | it is read), a hard read's; "argmax",
      p(word | the most probable position is read). All are distributions over words.
    feed: what the states between are fed: the expected value, but by "argmax" what was
      read where the model learned so ("sampled").
    """

    by: str = "expected"
    feed: str = "expected"

    @property
    def drawn(self) -> bool:
        """Whether the states see the most probable position, too.

        Returns:
          True by "argmax" where the model learned with sampled feeding.
        """
        return (self.by, self.feed) == ("argmax", "sampled")


class Forced(NamedTuple):
    """What a teacher-forced pass over B pairs comes to.

    nats: the loss [B] of each target, by the name of every prediction.
    weights [B, T, S]: p(position), from before the target word is known.
    centres [B, T]: of local windows.
    posterior [B, T, S]: p(position | target word), proportional to weight * p(word |
      value there); without meaning for several heads, whose values no word sees alone.
    heads [B, T, H, S]: the weights of every head; None where there is one.
    """

    nats: dict[str, jax.Array]
    weights: jax.Array
    centres: jax.Array
    posterior: jax.Array
    heads: jax.Array | None = None


def teacher_forced(
    model: Conditional,
    prediction: Prediction,
    params: Params,
    batch: TargetBatch,
    every: jax.Array,
) -> Forced:
    """Losses, weights and posterior of one pass: one program for all that is asked.

    p(word | what is read) goes through one loop, over the expected value and then over
    each position alone. Those cost S times the vocabulary's product, so that a soft
    read leaves them out unless `every` is set, and what rests on them has no meaning
    then: the posterior, and the nats other than "expected".

    Args:
      model: the linen module.
      prediction: how words are predicted.
      params: of the model.
      batch: B pairs.
      every: [] bool, whether positions are asked, too.

    Returns:
      The Forced.
    """
    unrolled = forced(model, params, batch)
    steps = steps_of(model, params, batch, unrolled)
    if steps.transitions is not None:
        return _chained(model, params, batch, unrolled, steps)
    if model.heads > 1:
        return _of_heads(model, params, batch, unrolled)
    size, width = unrolled.values.shape[1], unrolled.weights.shape[-1]
    real = real_steps(batch)

    def add(k: jax.Array, logs: jax.Array) -> jax.Array:
        slots = jnp.full(batch.target.shape, jnp.maximum(k - 1, 0))
        contexts, seen = contexts_at(batch, unrolled, steps.probabilities, slots)
        contexts = jnp.where(k == 0, unrolled.contexts, contexts)
        seen = jnp.where(k == 0, real, seen)
        return logs.at[k].set(read(model, params, batch, unrolled, contexts, seen))

    if steps.log_probs is None:
        count = jnp.where(every | (prediction.by != "expected"), 1 + width, 1)
        dtype = wide_type(unrolled.readouts.dtype)
        nothing = jnp.zeros((1 + width, *batch.target.shape), dtype)
        softly, *_ = logs = jax.lax.fori_loop(0, count, add, nothing)
        logs = jnp.moveaxis(logs[1:], 0, -1)  # [B, T, W]
    else:  # all positions are known by one product
        logs = steps.log_probs
        softly = read(model, params, batch, unrolled, unrolled.contexts, real)
    if prediction.feed == "sampled":
        # The states, too, see the most probable position, so that it is another pass.
        drawn = forced(model, params, batch, draw=LARGEST)
        greedily = likelihoods(model, params, batch, drawn.readouts)
    else:
        best = jnp.argmax(steps.probabilities, axis=-1)
        greedily = jnp.take_along_axis(logs, best[..., None], axis=-1)[..., 0]
    marginally = marginal(steps, logs)
    log_probs = {"expected": softly, "marginal": marginally, "argmax": greedily}
    # `Steps` puts all at slot 0 where there is nothing to look at; nothing is there.
    after = jnp.where(unrolled.weights > 0, posterior(steps, logs), 0)
    return Forced(
        {name: -each.sum(axis=1) for name, each in log_probs.items()},
        dense(unrolled.weights, unrolled.positions, size),
        unrolled.aux["centre"],
        dense(after, unrolled.positions, size),
    )


def _of_heads(
    model: Conditional, params: Params, batch: TargetBatch, unrolled: DecoderOutputs
) -> Forced:
    """The same of several heads, which predict by their expected values alone."""
    real, size = real_steps(batch), unrolled.values.shape[1]
    nats = -read(model, params, batch, unrolled, unrolled.contexts, real).sum(axis=1)
    weights, positions = (
        heads_of(each, model.heads) for each in (unrolled.weights, unrolled.positions)
    )
    each = dense(weights * model.heads, positions, size)
    mean = each.mean(axis=2)
    return Forced({"expected": nats}, mean, unrolled.aux["centre"], mean, each)


def _chained(
    model: Conditional,
    params: Params,
    batch: TargetBatch,
    unrolled: DecoderOutputs,
    steps: Steps,
) -> Forced:
    """The same of reads that follow one another.

    "marginal" is the likelihood of the chain, and the weights are its priors, p(a_t = s
    | y_<t): the other predictions go by them, too.
    """
    chain = chain_of(steps, real_steps(batch), at_every(steps))
    passed = jax.vmap(forward)(chain)
    priors = passed.priors
    nothing = 1 - priors.sum(axis=-1)  # [B, T]
    contexts = jnp.einsum("bts,bsc->btc", priors, unrolled.values)
    if model.null:
        null = apply(model, params, method="null_context")
        contexts = contexts + nothing[..., None] * null[None, None]
    contexts = contexts.astype(unrolled.contexts.dtype)
    softly = read(model, params, batch, unrolled, contexts, real_steps(batch))
    best = jnp.argmax(priors, axis=-1)[..., None]
    greedily = jnp.take_along_axis(chain.emissions, best, axis=-1)[..., 0]
    likelier = nothing > priors.max(axis=-1)
    greedily = jnp.where(likelier, chain.null_emissions, greedily)
    log_probs = {"expected": softly, "marginal": passed.log_probs, "argmax": greedily}
    return Forced(
        {name: -each.sum(axis=1) for name, each in log_probs.items()},
        priors,
        unrolled.aux["centre"],
        jax.vmap(chain_posterior)(chain).positions,
    )


def search(
    model: Conditional,
    how: Search,
    prediction: Prediction,
    params: Params,
    source: jax.Array,
    lengths: jax.Array,
    *,
    limits: jax.Array,
    longest: int,
    slots: int,
    every: bool = False,
) -> Decoded:
    """The best hypothesis for each source, or all that a beam has at its end.

    Args:
      model: the linen module.
      how: to search.
      prediction: how words are predicted.
      params: of the model.
      source: [B, ...].
      lengths: [B] int, 0 for a filler row.
      limits: [B] int, tokens that a hypothesis takes at most.
      longest: L, the largest limit.
      slots: rows searched at once.
      every: whether all K hypotheses of the beam are asked, best first.

    Returns:
      Tokens [B, L], lengths [B], scores [B] and alignments [B, L, S]; of every
      hypothesis with an axis K after B.
    """
    memory, state = apply(model, params, source, lengths, method="start")
    if model.transition is not None:
        chained = chain_step(model, params, memory, state, how.positions)
        return _searched(how, *chained, limits, longest, slots, every)
    size = memory.mask.shape[1]

    options: dict[str, object] = {"method": "step"}
    if prediction.by != "expected" and not prediction.drawn:
        positions = how.positions if prediction.by == "marginal" else 1
        options = {"method": "step_marginal", "positions": positions}
    elif prediction.drawn:
        options |= {"draw": LARGEST}

    def step(memory, state, tokens):
        state, logits, aligned = apply(model, params, memory, state, tokens, **options)
        return state, logits, dense(aligned.weights, aligned.positions, size)

    return _searched(how, step, memory, state, limits, longest, slots, every)


def _searched(
    how: Search, step, memory, state, limits, longest, slots, every
) -> Decoded:
    """The best hypotheses of a step."""
    searched = greedy
    if how.beams > 1:
        searched = partial(
            beam,
            beams=how.beams,
            length_penalty=how.length_penalty,
            alpha=how.alpha,
            # "best" would leave others than the first unfinished.
            stop="all" if every else "best",
        )
    decoded = searched(
        step,
        memory,
        state,
        batch=limits.shape[0],
        max_length=longest,
        limits=limits,
        slots=slots,
        banned=(0, 1),  # padding and the start mark
    )
    if how.beams == 1:
        return jax.tree.map(lambda leaf: leaf[:, None], decoded) if every else decoded
    return decoded if every else jax.tree.map(lambda leaf: leaf[:, 0], decoded)
