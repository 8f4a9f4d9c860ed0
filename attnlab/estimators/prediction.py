"""Prediction with a hard read: forced losses, alignments and search, to be compiled."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.attention.alignment import dense
from attnlab.attention.base import Params, SampleSpec
from attnlab.decoding import Decoded, beam, greedy
from attnlab.estimators.decoder_steps import (
    TargetBatch,
    apply,
    forced,
    likelihoods,
    steps_of,
)
from attnlab.estimators.marginal import marginal, posterior
from attnlab.estimators.rules import is_hard
from attnlab.nn.decoder_model import Conditional
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


def losses(
    model: Conditional, prediction: Prediction, params: Params, batch: TargetBatch
) -> jax.Array:
    """The loss of each forced target.

    Args:
      model: the linen module.
      prediction: how words are predicted.
      params: of the model.
      batch: B pairs.

    Returns:
      Nats [B].
    """
    draw = LARGEST if prediction.drawn else None
    unrolled = forced(model, params, batch, draw=draw)
    if prediction.by == "expected" or prediction.drawn:
        logs = likelihoods(model, params, batch, unrolled.readouts)
    else:
        steps = steps_of(model, params, batch, unrolled)
        best = jnp.argmax(steps.probabilities, axis=-1)
        marginally = prediction.by == "marginal"
        logs = marginal(steps) if marginally else steps.log_prob_at(best)
    return -logs.sum(axis=1)


def prior(
    model: Conditional, params: Params, batch: TargetBatch
) -> tuple[jax.Array, jax.Array]:
    """Attention weights while the target is forced: p(position), before its word.

    Args:
      model: the linen module.
      params: of the model.
      batch: B pairs.

    Returns:
      Weights [B, T, S], and centres [B, T] of local windows.
    """
    unrolled = forced(model, params, batch)
    size = unrolled.values.shape[1]
    weights = dense(unrolled.weights, unrolled.positions, size)
    return weights, unrolled.aux["centre"]


def after(
    model: Conditional, params: Params, batch: TargetBatch
) -> tuple[jax.Array, jax.Array]:
    """p(position | target word), proportional to weight * p(word | value there).

    Args:
      model: the linen module.
      params: of the model.
      batch: B pairs.

    Returns:
      Probabilities [B, T, S], and centres [B, T] of local windows.
    """
    unrolled = forced(model, params, batch)
    weights = posterior(steps_of(model, params, batch, unrolled))
    # `Steps` puts all at slot 0 where there is nothing to look at; nothing is there.
    weights = jnp.where(unrolled.weights > 0, weights, 0)
    size = unrolled.values.shape[1]
    return dense(weights, unrolled.positions, size), unrolled.aux["centre"]


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
) -> Decoded:
    """The best hypothesis for each source.

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

    Returns:
      Tokens [B, L], lengths [B], scores [B] and alignments [B, L, S].
    """
    memory, state = apply(model, params, source, lengths, method="start")
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

    searched = greedy
    if how.beams > 1:
        searched = partial(
            beam,
            beams=how.beams,
            length_penalty=how.length_penalty,
            alpha=how.alpha,
            stop="best",
        )
    decoded = searched(
        step,
        memory,
        state,
        batch=lengths.shape[0],
        max_length=longest,
        limits=limits,
        slots=slots,
        banned=(0, 1),  # padding and the start mark
    )
    if how.beams == 1:
        return decoded
    return jax.tree.map(lambda leaf: leaf[:, 0], decoded)
