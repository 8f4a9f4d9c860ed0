"""Greedy search: the most probable word at every step."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from attnlab.decoding.base import (
    Decoded,
    PerSentence,
    Step,
    allowed,
    check,
    per_sentence,
)
from attnlab.decoding.largest import largest
from attnlab.decoding.slots import through_slots


class _Rows(NamedTuple):
    """Sentences being searched, R of them."""

    memory: Any
    carry: Any
    previous: jax.Array  # [R]
    time: jax.Array  # [R] words so far
    closed: jax.Array  # [R] True once a sentence takes no more words
    score: jax.Array  # [R]
    limit: jax.Array  # [R]
    minimum: jax.Array  # [R]


def greedy(
    step: Step,
    memory,
    carry,
    *,
    batch: int,
    max_length: int,
    slots: int | None = None,
    size: int | None = None,
    limits: PerSentence = None,
    minimums: PerSentence = 0,
    bos: int = 1,
    eos: int = 2,
    pad: int = 0,
    banned: Sequence[int] = (0, 1),
) -> Decoded:
    """The most probable next word until the end mark, for each of B sentences.

    To be compiled by the caller.

    Args:
      step: see `attnlab.decoding.base`.
      memory: of all sentences, leaves [B, ...].
      carry: of all sentences, leaves [B, ...].
      batch: B.
      max_length: L, the static length of the result.
      slots: sentences searched at once, so that one that ends makes room for the next;
        None is all.
      size: S, checked where given.
      limits: [B] int, tokens that a sentence takes at most, max_length if None; 0
        leaves it empty, for filler rows.
      minimums: [B] int, words before its end mark at least.
      bos: the start mark.
      eos: the end mark.
      pad: what follows it.
      banned: tokens that are never chosen: (0, 1, 3) adds the unknown word to padding
        and start.

    Returns:
      Tokens [B, L], lengths [B], summed log-probabilities [B], alignments [B, L, S].

    Raises:
      ValueError: where shapes do not fit.
    """
    start = jnp.full((batch,), bos, jnp.int32)
    shapes = check(
        step, memory, carry, start, size=size, banned=(bos, eos, pad, *banned)
    )
    limit = per_sentence("limits", limits, max_length, batch).clip(0, max_length)

    def advance(rows: _Rows, sentence, results: Decoded):
        carry, logits, weights = step(rows.memory, rows.carry, rows.previous)
        logits = logits.astype(shapes.scores)
        early = rows.time < rows.minimum
        best, tokens = largest(allowed(logits, early, eos=eos, banned=banned))
        score = rows.score + best - jax.nn.logsumexp(logits, axis=-1)
        sentence = jnp.where(rows.closed, batch, sentence)
        time = rows.time + 1
        results = Decoded(
            tokens=results.tokens.at[sentence, rows.time].set(tokens, mode="drop"),
            lengths=results.lengths.at[sentence].set(time, mode="drop"),
            scores=results.scores.at[sentence].set(score, mode="drop"),
            alignments=results.alignments.at[sentence, rows.time].set(
                weights, mode="drop"
            ),
        )
        rows = rows._replace(
            carry=carry,
            previous=tokens,
            time=time,
            closed=rows.closed | (tokens == eos) | (time >= rows.limit),
            score=score,
        )
        return rows, results

    waiting = _Rows(
        memory=memory,
        carry=carry,
        previous=start,
        time=jnp.zeros((batch,), jnp.int32),
        closed=limit <= 0,
        score=jnp.zeros((batch,), shapes.scores),
        limit=limit,
        minimum=per_sentence("minimums", minimums, 0, batch),
    )
    nothing = Decoded(
        tokens=jnp.full((batch, max_length), pad, jnp.int32),
        lengths=jnp.zeros((batch,), jnp.int32),
        scores=jnp.zeros((batch,), shapes.scores),
        alignments=jnp.zeros((batch, max_length, shapes.size), shapes.weights),
    )
    return through_slots(
        advance,
        lambda rows: ~rows.closed,
        waiting,
        nothing,
        order=jnp.argsort(-limit).astype(jnp.int32),
        slots=slots,
    )
