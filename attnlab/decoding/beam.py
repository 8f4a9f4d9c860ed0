"""Beam search: the K likeliest translations, with the alignment of each."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from attnlab.decoding.base import (
    Decoded,
    PerSentence,
    Step,
    allowed,
    check,
    per_sentence,
)
from attnlab.decoding.largest import top_k

# Divisors of the summed log-probability; none shrinks as a sentence grows.
LENGTH_PENALTIES: dict[str, Callable[[jax.Array, float], jax.Array]] = {
    "none": lambda length, alpha: jnp.ones(length.shape),
    "average": lambda length, alpha: jnp.maximum(length, 1).astype(jnp.float32),
    # Wu et al. 2016, eq. 14
    "gnmt": lambda length, alpha: ((5.0 + length) / 6.0) ** alpha,
}
STOPS = ("all", "best")


class _Search(NamedTuple):
    time: jax.Array  # []
    carry: Any  # leaves [B, K, ...]
    previous: jax.Array  # [B, K]
    totals: jax.Array  # [B, K] summed log-probability; -inf: an empty place
    lengths: jax.Array  # [B, K]
    ended: jax.Array  # [B, K] True after EOS
    closed: jax.Array  # [B, K] True when kept as it is: ended, at its limit, or beaten
    tokens: jax.Array  # [L, B, K], as chosen
    parents: jax.Array  # [L, B, K], the place that was continued
    weights: jax.Array  # [L, B, K, S], in the order of the step's input


def beam(
    step: Step,
    carry,
    *,
    batch: int,
    beams: int,
    max_length: int,
    size: int | None = None,
    limits: PerSentence = None,
    minimums: PerSentence = 0,
    length_penalty: str = "none",
    alpha: float = 0.6,
    stop: str = "all",
    bos: int = 1,
    eos: int = 2,
    pad: int = 0,
    banned: Sequence[int] = (0, 1),
) -> Decoded:
    """K = `beams` translations of each of B = `batch` sentences, best first.

    The search of Bahdanau et al. 2014 (sample.py): the likeliest continuations fill
    the places of the beam, and a hypothesis that ends keeps its place, so that the
    beam of the others shrinks. The paper's setting is limits = 3 x and minimums =
    half the source length with `length_penalty="none"`.

    Arguments as in `greedy`; `carry` has B rows and is repeated inside. `step` is
    vmapped over the beam, so what it closes over (the encoded sentences) is shared
    by the K hypotheses and not copied.

    `length_penalty` divides the summed log-probability of whole hypotheses:

    - "none": by one (Bahdanau's default)
    - "average": by the length, end mark included
    - "gnmt": by ((5 + length) / 6) ** alpha (Wu et al. 2016, eq. 14)

    Hypotheses cut off at their limit rank after all that ended, and places without a
    hypothesis (fewer than K exist) last, with length 0 and score -inf. `stop="all"`
    searches until every hypothesis is complete; `stop="best"` closes a sentence as
    soon as none of its open hypotheses can overtake the best ended one: the same best
    translation in fewer steps, and prefixes in some places after it.
    """
    if beams < 1:
        raise ValueError(f"beams is {beams}, it must be 1 or more")
    if length_penalty not in LENGTH_PENALTIES:
        choices = ", ".join(LENGTH_PENALTIES)
        raise ValueError(f"unknown length penalty {length_penalty!r}; choose {choices}")
    if alpha < 0:
        raise ValueError(f"alpha is {alpha}, it must not be negative")
    if stop not in STOPS:
        raise ValueError(f"unknown stop {stop!r}; choose {', '.join(STOPS)}")
    start = jnp.full((batch,), bos, jnp.int32)
    shapes = check(step, carry, start, size=size, banned=(bos, eos, pad, *banned))
    limit = per_sentence("limits", limits, max_length, batch).clip(0, max_length)
    minimum = per_sentence("minimums", minimums, 0, batch)
    penalty = LENGTH_PENALTIES[length_penalty]
    step_all = jax.vmap(step, in_axes=1, out_axes=1)

    def is_open(search: _Search):
        return ~search.closed & (search.totals > -jnp.inf)

    def unfinished(search: _Search):
        return (search.time < max_length) & jnp.any(is_open(search))

    def advance(search: _Search) -> _Search:
        time, totals = search.time, search.totals
        carry, logits, weights = step_all(search.carry, search.previous)
        logits = logits.astype(shapes.scores)
        early = jnp.broadcast_to((time < minimum)[:, None], totals.shape)
        masked = allowed(logits, early, eos=eos, banned=banned)
        best, words = top_k(masked, min(beams, logits.shape[-1]))  # [B, K, N]
        gains = best - jax.nn.logsumexp(logits, axis=-1, keepdims=True)
        reached = jnp.where(
            is_open(search)[..., None], totals[..., None] + gains, -jnp.inf
        )
        # A closed hypothesis has one continuation, itself, and it comes first.
        keep = search.closed & (totals > -jnp.inf)
        reached = reached.at[..., 0].set(jnp.where(keep, jnp.inf, reached[..., 0]))
        reached, places = lax.top_k(reached.reshape(batch, -1), beams)  # [B, K]
        parents = places // words.shape[-1]
        kept, real = reached == jnp.inf, reached > -jnp.inf

        words = jnp.take_along_axis(words.reshape(batch, -1), places, axis=1)
        words = jnp.where(kept | ~real, pad, words)
        totals = jnp.where(kept, _take(totals, parents), reached)
        lengths = jnp.where(kept, _take(search.lengths, parents), (time + 1) * real)
        ended = jnp.where(kept, _take(search.ended, parents), real & (words == eos))
        closed = kept | ended | (time + 1 >= limit)[:, None]
        if stop == "best":
            scores = totals / penalty(lengths, alpha)
            # Totals only fall, and no penalty is kinder than that of the limit.
            hopes = totals / penalty(limit, alpha)[:, None]
            champion = jnp.max(jnp.where(ended, scores, -jnp.inf), axis=1)
            hope = jnp.max(jnp.where(closed, -jnp.inf, hopes), axis=1)
            closed |= (champion >= hope)[:, None]
        return _Search(
            time=time + 1,
            carry=jax.tree.map(lambda leaf: _take(leaf, parents), carry),
            previous=words,
            totals=totals,
            lengths=lengths,
            ended=ended,
            closed=closed,
            tokens=search.tokens.at[time].set(words),
            parents=search.parents.at[time].set(parents),
            weights=search.weights.at[time].set(weights),
        )

    place = lax.broadcasted_iota(jnp.int32, (batch, beams), 1)
    found = lax.while_loop(
        unfinished,
        advance,
        _Search(
            time=jnp.int32(0),
            carry=jax.tree.map(lambda leaf: _repeat(leaf, beams), carry),
            previous=_repeat(start, beams),
            totals=jnp.where(place == 0, 0.0, -jnp.inf).astype(shapes.scores),
            lengths=jnp.zeros((batch, beams), jnp.int32),
            ended=jnp.zeros((batch, beams), bool),
            closed=_repeat(limit <= 0, beams),
            tokens=jnp.full((max_length, batch, beams), pad, jnp.int32),
            parents=jnp.broadcast_to(place, (max_length, batch, beams)),
            weights=jnp.zeros((max_length, batch, beams, shapes.size), shapes.weights),
        ),
    )
    scores = found.totals / penalty(found.lengths, alpha)
    unended = (~found.ended).astype(jnp.int32)
    order = lax.sort((unended, -scores, place), dimension=1, num_keys=2)[2]
    lengths = _take(found.lengths, order)
    tokens, alignments = _trace(found, order)
    inside = jnp.arange(max_length)[None, None, :] < lengths[..., None]
    return Decoded(
        tokens=jnp.where(inside, tokens, pad),
        lengths=lengths,
        scores=_take(scores, order),
        alignments=jnp.where(inside[..., None], alignments, 0),
    )


def _trace(found: _Search, order):
    """Tokens [B, K, L] and weights [B, K, L, S] of the hypotheses in places `order`.

    The back-pointers are followed once, from the last step; reordering all the weights
    at every step would cost L times as much.
    """

    def back(places, at):
        tokens, parents, weights = at
        origins = _take(parents, places)
        return origins, (_take(tokens, places), _take(weights, origins))

    history = (found.tokens, found.parents, found.weights)
    _, (tokens, weights) = lax.scan(back, order, history, reverse=True)
    return jnp.moveaxis(tokens, 0, 2), jnp.moveaxis(weights, 0, 2)


def _repeat(leaf, beams: int):
    """[B, ...] as [B, K, ...]."""
    leaf = jnp.asarray(leaf)
    return jnp.broadcast_to(leaf[:, None], (leaf.shape[0], beams, *leaf.shape[1:]))


def _take(leaf, places):
    """Entries `places` [B, K] of the second axis of [B, K, ...]."""
    return leaf[jnp.arange(leaf.shape[0])[:, None], places]
