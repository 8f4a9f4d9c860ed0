"""How a model's words are predicted, forced or searched: what tasks compile once."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from attnlab.attention.alignment import dense
from attnlab.attention.base import SampleSpec
from attnlab.decoding import Decoded, beam, greedy
from attnlab.estimators import marginal, posterior
from attnlab.estimators.decoder_steps import apply, forced, likelihoods, steps_of
from attnlab.estimators.objective import is_hard
from attnlab.nn.decoder_model import Conditional

PREDICTIONS = ("expected", "marginal", "argmax")
LARGEST = SampleSpec(None)


def prediction(config: Mapping[str, Any]) -> str:
    """How words are predicted: as told, or by the marginal where the read is hard."""
    usual = "marginal" if is_hard(config) else "expected"
    return config["evaluate"]["predict"] or usual


class Search(NamedTuple):
    """How to decode; see `attnlab.decoding.beam`. One beam is greedy search.

    A translation takes at most `ratio` times as many units as its source has, plus 10.
    `positions`: how many a marginal is taken over, the likeliest of each step.
    """

    beams: int = 1
    length_penalty: str = "average"
    alpha: float = 0.6
    ratio: float = 1.5
    replace_unknown: bool = False
    positions: int = 5


class Prediction(NamedTuple):
    """How a word's probability follows from what may be read.

    "expected"   p(word | the expected value is read): soft attention's own
    "marginal"   sum over positions of p(position) p(word | it is read): a hard read's
    "argmax"     p(word | the likeliest position is read)

    The states between are fed the expected value, but by "argmax" what was read where
    the model learned so (`feed` "sampled"). All three are distributions over words.
    """

    by: str = "expected"
    feed: str = "expected"

    @property
    def drawn(self) -> bool:
        """Do the states see the likeliest position, too?"""
        return (self.by, self.feed) == ("argmax", "sampled")


def losses(model: Conditional, prediction: Prediction, params, batch: Any) -> jax.Array:
    """Nats [B] of the forced targets."""
    draw = LARGEST if prediction.drawn else None
    unrolled = forced(model, params, batch, draw=draw)
    if prediction.by == "expected" or prediction.drawn:
        found = likelihoods(model, params, batch, unrolled.readouts)
    else:
        steps = steps_of(model, params, batch, unrolled)
        best = jnp.argmax(steps.probabilities, axis=-1)
        marginally = prediction.by == "marginal"
        found = marginal(steps) if marginally else steps.log_prob_at(best)
    return -found.sum(axis=1)


def prior(model: Conditional, params, batch: Any) -> tuple[jax.Array, jax.Array]:
    """Attention weights [B, T, S] while the target is forced, and centres [B, T]."""
    unrolled = forced(model, params, batch)
    size = unrolled.values.shape[1]
    weights = dense(unrolled.weights, unrolled.positions, size)
    return weights, unrolled.aux["centre"]


def after(model: Conditional, params, batch: Any) -> tuple[jax.Array, jax.Array]:
    """p(position | target word) ~ weight * p(word | value at position), as `prior`."""
    unrolled = forced(model, params, batch)
    found = posterior(steps_of(model, params, batch, unrolled))
    found = jnp.where(unrolled.weights > 0, found, 0)  # nothing to look at: nothing
    size = unrolled.values.shape[1]
    return dense(found, unrolled.positions, size), unrolled.aux["centre"]


def search(
    model: Conditional,
    how: Search,
    prediction: Prediction,
    params,
    source,
    lengths,
    *,
    limits,
    longest: int,
    slots: int,
) -> Decoded:
    """Best hypotheses: tokens [B, L], lengths [B], scores [B], alignments [B, L, S].

    Each takes at most `limits` [B] tokens, L = `longest`; `slots` rows are searched at
    once.
    """
    memory, state = apply(model, params, source, lengths, method="start")
    size = memory.mask.shape[1]

    options: dict[str, Any] = {"method": "step"}
    if prediction.by != "expected" and not prediction.drawn:
        kept = how.positions if prediction.by == "marginal" else 1
        options = {"method": "step_marginal", "positions": kept}
    elif prediction.drawn:
        options |= {"draw": LARGEST}

    def step(memory, state, tokens):
        state, logits, aligned = apply(model, params, memory, state, tokens, **options)
        return state, logits, dense(aligned.weights, aligned.positions, size)

    shared: dict[str, Any] = dict(
        batch=lengths.shape[0],
        max_length=longest,
        limits=limits,
        slots=slots,
        banned=(0, 1),
    )
    if how.beams == 1:
        return greedy(step, memory, state, **shared)
    found = beam(
        step,
        memory,
        state,
        beams=how.beams,
        length_penalty=how.length_penalty,
        alpha=how.alpha,
        stop="best",
        **shared,
    )
    return jax.tree.map(lambda leaf: leaf[:, 0], found)
