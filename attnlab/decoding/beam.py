"""Beam search: the K best translations that it meets, with the alignment of each."""

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
from attnlab.decoding.slots import through_slots

# Divisors of the summed log-probability; none shrinks as a sentence grows.
LENGTH_PENALTIES: dict[str, Callable[[jax.Array, float], jax.Array]] = {
    "none": lambda length, alpha: jnp.ones(length.shape),
    "average": lambda length, alpha: jnp.maximum(length, 1).astype(jnp.float32),
    # Wu et al. 2016, eq. 14
    "gnmt": lambda length, alpha: ((5.0 + length) / 6.0) ** alpha,
}
STOPS = ("all", "best")


class _Beams(NamedTuple):
    """Sentences being searched, R of them with K hypotheses each."""

    memory: Any  # leaves [R, ...]
    carry: Any  # leaves [R, K, ...]
    previous: jax.Array  # [R, K]
    time: jax.Array  # [R] words so far
    totals: jax.Array  # [R, K] summed log-probability; -inf: an empty place
    lengths: jax.Array  # [R, K]
    ended: jax.Array  # [R, K] True after EOS
    closed: jax.Array  # [R, K] True when kept as it is: ended, at its limit, or beaten
    limit: jax.Array  # [R]
    minimum: jax.Array  # [R]


class _Results(NamedTuple):
    """Every sentence's steps, and its hypotheses after the last of them."""

    tokens: jax.Array  # [B, L, K], as chosen
    parents: jax.Array  # [B, L, K], the place that was continued
    weights: jax.Array  # [B, L, K, S], in the order of the step's input
    totals: jax.Array  # [B, K]
    lengths: jax.Array  # [B, K]
    ended: jax.Array  # [B, K]


def beam(
    step: Step,
    memory,
    carry,
    *,
    batch: int,
    beams: int,
    max_length: int,
    slots: int | None = None,
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
    """K = `beams` translations of each of B sentences, best first.

    The search of Bahdanau et al. 2014 (sample.py): the most probable continuations fill
    the places of the beam, and a hypothesis that ends keeps its place, so that the
    beam of the others shrinks. The paper's setting is limits = 3 x and minimums =
    half the source length with `length_penalty="none"`. Hypotheses cut off at their
    limit rank after all that ended, and places without a hypothesis (fewer than K
    exist) last, with length 0 and score -inf.

    Args:
      step: see `attnlab.decoding.base`.
      memory: of all sentences, leaves [B, ...].
      carry: of all sentences, leaves [B, ...], repeated K times
        inside: the step is vmapped over the beam, and its K hypotheses share their
        sentence's memory.
      batch: B.
      beams: K.
      max_length: L, the static length of the result.
      slots: sentences searched at once, so that one that ends makes room for the next;
        None is all.
      size: S, checked where given.
      limits: [B] int, tokens that a sentence takes at most, max_length if None; 0
        leaves it empty, for filler rows.
      minimums: [B] int, words before its end mark at least.
      length_penalty: what divides the summed log-probability of whole hypotheses:
        "none", one (Bahdanau's default); "average", the length, end mark included;
        "gnmt", ((5 + length) / 6) ** alpha (Wu et al. 2016, eq. 14).
      alpha: at least 0, of gnmt.
      stop: "all" searches until every hypothesis is complete; "best" closes a sentence
        as soon as none of its open hypotheses can overtake the best ended one: the same
        best translation in fewer steps, and prefixes in some places after it.
      bos: the start mark.
      eos: the end mark.
      pad: what follows it.
      banned: tokens that are never chosen: (0, 1, 3) adds the unknown word to padding
        and start.

    Returns:
      Tokens [B, K, L], lengths [B, K], scores [B, K] and alignments [B, K, L, S].

    Raises:
      ValueError: for a wrong choice, or where shapes do not fit.
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
    shapes = check(
        step, memory, carry, start, size=size, banned=(bos, eos, pad, *banned)
    )
    limit = per_sentence("limits", limits, max_length, batch).clip(0, max_length)
    penalty = LENGTH_PENALTIES[length_penalty]
    step_all = jax.vmap(step, in_axes=(None, 1, 1), out_axes=1)

    def is_open(rows: _Beams):
        return ~rows.closed & (rows.totals > -jnp.inf)

    def advance(rows: _Beams, sentence, results: _Results):
        time, totals = rows.time, rows.totals
        carry, logits, weights = step_all(rows.memory, rows.carry, rows.previous)
        logits = logits.astype(shapes.scores)
        early = jnp.broadcast_to((time < rows.minimum)[:, None], totals.shape)
        masked = allowed(logits, early, eos=eos, banned=banned)
        best, words = top_k(masked, min(beams, logits.shape[-1]))  # [R, K, N]
        gains = best - jax.nn.logsumexp(logits, axis=-1, keepdims=True)
        reached = jnp.where(
            is_open(rows)[..., None], totals[..., None] + gains, -jnp.inf
        )
        # A closed hypothesis has one continuation, itself, and it comes first.
        keep = rows.closed & (totals > -jnp.inf)
        reached = reached.at[..., 0].set(jnp.where(keep, jnp.inf, reached[..., 0]))
        reached, places = lax.top_k(reached.reshape(len(time), -1), beams)  # [R, K]
        parents = places // words.shape[-1]
        kept, real = reached == jnp.inf, reached > -jnp.inf

        words = jnp.take_along_axis(words.reshape(len(time), -1), places, axis=1)
        words = jnp.where(kept | ~real, pad, words)
        totals = jnp.where(kept, _take(totals, parents), reached)
        lengths = (time + 1)[:, None] * real
        lengths = jnp.where(kept, _take(rows.lengths, parents), lengths)
        ended = jnp.where(kept, _take(rows.ended, parents), real & (words == eos))
        closed = kept | ended | (time + 1 >= rows.limit)[:, None]
        if stop == "best":
            scores = totals / penalty(lengths, alpha)
            # Totals only fall, and no penalty is kinder than that of the limit.
            hopes = totals / penalty(rows.limit, alpha)[:, None]
            champion = jnp.max(jnp.where(ended, scores, -jnp.inf), axis=1)
            hope = jnp.max(jnp.where(closed, -jnp.inf, hopes), axis=1)
            closed |= (champion >= hope)[:, None]

        sentence = jnp.where(jnp.any(is_open(rows), axis=1), sentence, batch)

        def write(array, now, *at):
            return array.at[sentence, *at].set(now, mode="drop")

        results = _Results(
            tokens=write(results.tokens, words, time),
            parents=write(results.parents, parents, time),
            weights=write(results.weights, weights, time),
            totals=write(results.totals, totals),
            lengths=write(results.lengths, lengths),
            ended=write(results.ended, ended),
        )
        rows = _Beams(
            memory=rows.memory,
            carry=jax.tree.map(lambda leaf: _take(leaf, parents), carry),
            previous=words,
            time=time + 1,
            totals=totals,
            lengths=lengths,
            ended=ended,
            closed=closed,
            limit=rows.limit,
            minimum=rows.minimum,
        )
        return rows, results

    place = lax.broadcasted_iota(jnp.int32, (batch, beams), 1)
    waiting = _Beams(
        memory=memory,
        carry=jax.tree.map(lambda leaf: _repeat(leaf, beams), carry),
        previous=_repeat(start, beams),
        time=jnp.zeros((batch,), jnp.int32),
        totals=jnp.where(place == 0, 0.0, -jnp.inf).astype(shapes.scores),
        lengths=jnp.zeros((batch, beams), jnp.int32),
        ended=jnp.zeros((batch, beams), bool),
        closed=_repeat(limit <= 0, beams),
        limit=limit,
        minimum=per_sentence("minimums", minimums, 0, batch),
    )
    history = (batch, max_length, beams)
    nothing = _Results(
        tokens=jnp.full(history, pad, jnp.int32),
        parents=jnp.broadcast_to(place[:, None], history),
        weights=jnp.zeros((*history, shapes.size), shapes.weights),
        totals=waiting.totals,
        lengths=waiting.lengths,
        ended=waiting.ended,
    )
    results = through_slots(
        advance,
        lambda rows: jnp.any(is_open(rows), axis=1),
        waiting,
        nothing,
        order=jnp.argsort(-limit).astype(jnp.int32),
        slots=slots,
    )
    scores = results.totals / penalty(results.lengths, alpha)
    unended = (~results.ended).astype(jnp.int32)
    order = lax.sort((unended, -scores, place), dimension=1, num_keys=2)[2]
    lengths = _take(results.lengths, order)
    tokens, alignments = _trace(results, order)
    inside = jnp.arange(max_length)[None, None, :] < lengths[..., None]
    return Decoded(
        tokens=jnp.where(inside, tokens, pad),
        lengths=lengths,
        scores=_take(scores, order),
        alignments=jnp.where(inside[..., None], alignments, 0),
    )


def _trace(results: _Results, order):
    """Tokens [B, K, L] and weights [B, K, L, S] of the hypotheses in places `order`.

    The back-pointers are followed once, from the last step; reordering all the weights
    at every step would cost L times as much.
    """

    def back(places, parents):
        origins = _take(parents, places)
        return origins, (places, origins)

    steps = jnp.swapaxes(results.parents, 0, 1)
    _, (places, origins) = lax.scan(back, order, steps, reverse=True)  # [L, B, K]
    places, origins = jnp.moveaxis(places, 0, 2), jnp.moveaxis(origins, 0, 2)
    batch, _, length = places.shape
    at = jnp.arange(batch)[:, None, None], jnp.arange(length)[None, None, :]
    return results.tokens[*at, places], results.weights[*at, origins]


def _repeat(leaf, beams: int):
    """[B, ...] as [B, K, ...]."""
    leaf = jnp.asarray(leaf)
    return jnp.broadcast_to(leaf[:, None], (leaf.shape[0], beams, *leaf.shape[1:]))


def _take(leaf, places):
    """Entries `places` [B, K] of the second axis of [B, K, ...]."""
    return leaf[jnp.arange(leaf.shape[0])[:, None], places]
