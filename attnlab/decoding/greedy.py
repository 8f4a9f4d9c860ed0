"""Greedy search: the likeliest word at every step."""

from collections.abc import Sequence
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
from attnlab.decoding.largest import largest


class _Search(NamedTuple):
    time: jax.Array  # []
    carry: Any
    previous: jax.Array  # [B]
    closed: jax.Array  # [B] True once a sentence takes no more words
    lengths: jax.Array  # [B]
    scores: jax.Array  # [B]
    tokens: jax.Array  # [L, B]
    alignments: jax.Array  # [L, B, S]


def greedy(
    step: Step,
    carry,
    *,
    batch: int,
    max_length: int,
    size: int | None = None,
    limits: PerSentence = None,
    minimums: PerSentence = 0,
    bos: int = 1,
    eos: int = 2,
    pad: int = 0,
    banned: Sequence[int] = (0, 1),
) -> Decoded:
    """The likeliest next word until the end mark, for B = `batch` sentences at once.

    `step` is described in `attnlab.decoding.base`. A sentence takes at most `limits`
    [B] tokens (at most `max_length`, the static L; 0 leaves it empty, for filler rows),
    and at least `minimums` [B] words before its end mark. `banned` tokens are never
    chosen: (0, 1, 3) adds the unknown word to padding and start. `size` is S, checked
    where given. Scores are summed log-probabilities. Runs until every sentence is
    closed; compile at the caller. Raises ValueError where shapes do not fit.
    """
    start = jnp.full((batch,), bos, jnp.int32)
    shapes = check(step, carry, start, size=size, banned=(bos, eos, pad, *banned))
    limit = per_sentence("limits", limits, max_length, batch).clip(0, max_length)
    minimum = per_sentence("minimums", minimums, 0, batch)

    def unfinished(search: _Search):
        return (search.time < max_length) & ~jnp.all(search.closed)

    def advance(search: _Search) -> _Search:
        time, closed = search.time, search.closed
        carry, logits, weights = step(search.carry, search.previous)
        logits = logits.astype(shapes.scores)
        best, tokens = largest(allowed(logits, time < minimum, eos=eos, banned=banned))
        gained = best - jax.nn.logsumexp(logits, axis=-1)
        tokens = jnp.where(closed, pad, tokens)
        weights = jnp.where(closed[:, None], 0, weights)
        return _Search(
            time=time + 1,
            carry=carry,
            previous=tokens,
            closed=closed | (tokens == eos) | (time + 1 >= limit),
            lengths=search.lengths + ~closed,
            scores=search.scores + jnp.where(closed, 0, gained),
            tokens=search.tokens.at[time].set(tokens),
            alignments=search.alignments.at[time].set(weights),
        )

    found = lax.while_loop(
        unfinished,
        advance,
        _Search(
            time=jnp.int32(0),
            carry=carry,
            previous=start,
            closed=limit <= 0,
            lengths=jnp.zeros((batch,), jnp.int32),
            scores=jnp.zeros((batch,), shapes.scores),
            tokens=jnp.full((max_length, batch), pad, jnp.int32),
            alignments=jnp.zeros((max_length, batch, shapes.size), shapes.weights),
        ),
    )
    return Decoded(
        found.tokens.T,
        found.lengths,
        found.scores,
        jnp.swapaxes(found.alignments, 0, 1),
    )
