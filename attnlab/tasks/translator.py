"""A trained translation model with its vocabularies: words in, words out."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.alignment import dense
from attnlab.attention.base import Draw
from attnlab.data.batching import encode_pairs, in_order
from attnlab.data.queues import queues
from attnlab.data.subwords import Codec
from attnlab.data.vocab import EOS
from attnlab.decoding import beam, greedy, replace_unknown
from attnlab.estimators import marginal, posterior
from attnlab.metrics.aer import words as merge_words
from attnlab.models.seq2seq import Seq2Seq
from attnlab.tasks.steps import apply, forced, likelihoods, steps_of

ALIGNMENTS = ("prior", "posterior")
PREDICTIONS = ("expected", "marginal", "argmax")
LARGEST = Draw(None)
# Words of a queue of sentences, for each of the batch size. More would leave fewer
# slots idle at its end, but pad its sentences to a longer one.
TOKENS = 24


class Translation(NamedTuple):
    """A sentence, its translation, and the weights [T, S] between their words.

    score: the log-probability, divided by the length penalty where a beam searched.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: np.ndarray
    score: float


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


GREEDY = Search()


class Translator:
    """Batches sentences, runs the compiled model, cuts padding, merges subwords.

    Parameters are an argument of every method, so one translator serves a whole
    training run. `edges` are the widths that sentences are padded to. `batch_size` is
    the pairs that are scored, and the hypotheses that are searched, at once.

    `predict` says how a word's probability follows from what may be read:
    "expected"   p(word | the expected value is read): soft attention's own
    "marginal"   sum over positions of p(position) p(word | it is read): a hard read's
    "argmax"     p(word | the likeliest position is read)
    The states between are fed the expected value, but by "argmax" what was read where
    the model learned so (`feed` "sampled"). All three are distributions over words.
    """

    def __init__(
        self,
        model: Seq2Seq,
        source: Codec,
        target: Codec,
        *,
        batch_size: int = 64,
        edges: Sequence[int],
        predict: str = "expected",
        feed: str = "expected",
    ):
        if predict not in PREDICTIONS:
            choices = ", ".join(PREDICTIONS)
            raise ValueError(f"unknown prediction {predict!r}; choose {choices}")
        self.model, self.source, self.target = model, source, target
        self.batch_size, self.edges = batch_size, tuple(edges)
        self.predict, self.feed = predict, feed
        self._losses = {
            name: jax.jit(partial(_losses, model, name, feed)) for name in PREDICTIONS
        }
        self._align = {
            "prior": jax.jit(partial(_prior, model)),
            "posterior": jax.jit(partial(_posterior, model)),
        }
        self._decode: dict[Search, Callable] = {}

    def losses(
        self, params, pairs: Sequence[Any], predict: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Teacher-forced nats [N] and units incl. EOS [N] of each (source, target).

        `predict` other than the translator's own gives what that one would.
        """
        losses = self._losses[predict or self.predict]
        nats, units = np.zeros(len(pairs)), np.zeros(len(pairs), np.int64)
        for rows, batch in self._batches(pairs):
            nats[rows] = np.asarray(losses(params, batch))[: len(rows)]
            units[rows] = batch.target_lengths[: len(rows)]
        return nats, units

    def align(
        self, params, pairs: Sequence[Any], kind: str = "prior"
    ) -> list[np.ndarray]:
        """Alignments [T, S] between the words of each pair, the target being forced.

        "prior" are the attention's own weights, from before the target word is known.
        "posterior" reads the target word too: weights times p(word | only that
        position is read), renormalised (Shankar and Sarawagi 2019). Rows and columns
        of EOS are cut; a source word has the sum over its subwords, a target word the
        mean.
        """
        if kind not in ALIGNMENTS:
            choices = ", ".join(ALIGNMENTS)
            raise ValueError(f"unknown alignment {kind!r}; choose {choices}")
        found: list[Any] = [None] * len(pairs)
        for rows, batch in self._batches(pairs):
            weights = np.asarray(self._align[kind](params, batch))
            for row, place in enumerate(rows):
                source = self.source.encode(pairs[place].source).owner
                target = self.target.encode(pairs[place].target).owner
                found[place] = merge_words(weights[row], source, target)
        return found

    def translate(
        self, params, sources: Sequence[Sequence[str]], search: Search = GREEDY
    ) -> list[Translation]:
        """The best translation of each sentence (a sequence of words)."""
        if search not in self._decode:
            decode = partial(_decode, self, search)
            self._decode[search] = jax.jit(decode)
        found: list[Any] = [None] * len(sources)
        ids = [self.source.encode(tuple(words)).ids for words in sources]
        slots = self.slots(search)
        waiting = queues(ids, TOKENS * self.batch_size, self.edges, slots)
        # All are under way before the first is read: reading takes time as well.
        started = [
            self._decode[search](params, queue.source, queue.source_lengths)
            for queue in waiting
        ]
        for queue, done in zip(waiting, started, strict=True):
            decoded = jax.tree.map(np.asarray, done)
            for row, place in enumerate(queue.members):
                ids = decoded.tokens[row][: decoded.lengths[row]]
                found[place] = self._read(
                    tuple(sources[place]),
                    ids[ids != EOS],
                    decoded.alignments[row],
                    float(decoded.scores[row]),
                    search.replace_unknown,
                )
        return found

    def slots(self, search: Search) -> int:
        """How many sentences are searched at once: `batch_size` hypotheses."""
        return max(1, self.batch_size // search.beams)

    def _read(self, source, ids, weights, score, replace: bool) -> Translation:
        words, owner = _words_of(self.target, ids)
        source_owner = self.source.encode(source).owner
        alignment = merge_words(weights, source_owner, owner)
        if replace:
            words = replace_unknown(words, alignment, source)
        return Translation(source, tuple(words), alignment, score)

    def _batches(self, pairs):
        pairs_ids = encode_pairs(pairs, self.source, self.target)
        return in_order(pairs_ids, self.batch_size, self.edges)


def _words_of(codec: Codec, ids: Sequence[int]) -> tuple[list[str], list[int]]:
    """Decoded words, and for each unit the index of the word it belongs to.

    A unit belongs to the last word of the text that ends with it.
    """
    words = codec.decode(ids)
    if len(words) == len(ids):
        return words, list(range(len(ids)))
    if not words:  # a lone word-start piece spells nothing
        return [], []
    ends = [len(codec.decode(ids[: k + 1])) - 1 for k in range(len(ids))]
    return words, [max(end, 0) for end in ends]


def _losses(model: Seq2Seq, predict: str, feed: str, params, batch: Any) -> jax.Array:
    """Nats [B] of the forced targets."""
    draw = LARGEST if (predict, feed) == ("argmax", "sampled") else None
    unrolled = forced(model, params, batch, draw=draw)
    if predict == "expected" or draw is not None:
        found = likelihoods(model, params, batch, unrolled.readouts)
    else:
        steps = steps_of(model, params, batch, unrolled)
        best = jnp.argmax(steps.probabilities, axis=-1)
        found = marginal(steps) if predict == "marginal" else steps.at(best)
    return -found.sum(axis=1)


def _prior(model: Seq2Seq, params, batch: Any) -> jax.Array:
    """Attention weights [B, T, S] while the target is forced."""
    unrolled = forced(model, params, batch)
    return dense(unrolled.weights, unrolled.positions, batch.source.shape[1])


def _posterior(model: Seq2Seq, params, batch: Any) -> jax.Array:
    """p(position | target word) ~ weight * p(word | value at position), [B, T, S]."""
    unrolled = forced(model, params, batch)
    found = posterior(steps_of(model, params, batch, unrolled))
    found = jnp.where(unrolled.weights > 0, found, 0)  # nothing to look at: nothing
    return dense(found, unrolled.positions, batch.source.shape[1])


def _decode(translator: Translator, search: Search, params, source, lengths):
    """Best hypotheses: tokens [B, L], lengths [B], scores [B], alignments [B, L, S]."""
    model, predict, feed = translator.model, translator.predict, translator.feed
    rows, size = source.shape
    memory, state = apply(model, params, source, lengths, method="start")

    mixed = predict != "expected" and (predict, feed) != ("argmax", "sampled")
    options: dict[str, Any] = {"method": "step"}
    if mixed:
        kept = search.positions if predict == "marginal" else 1
        options = {"method": "step_marginal", "positions": kept}
    elif predict == "argmax":
        options |= {"draw": LARGEST}

    def step(memory, state, tokens):
        state, logits, aligned = apply(model, params, memory, state, tokens, **options)
        return state, logits, dense(aligned.weights, aligned.positions, size)

    limits = jnp.ceil(search.ratio * lengths).astype(jnp.int32) + 10
    limits = jnp.where(lengths > 0, limits, 0)
    shared: dict[str, Any] = dict(
        batch=rows,
        max_length=int(np.ceil(search.ratio * size)) + 10,
        limits=limits,
        slots=translator.slots(search),
        banned=(0, 1),
    )
    if search.beams == 1:
        return greedy(step, memory, state, **shared)
    found = beam(
        step,
        memory,
        state,
        beams=search.beams,
        length_penalty=search.length_penalty,
        alpha=search.alpha,
        stop="best",
        **shared,
    )
    return jax.tree.map(lambda leaf: leaf[:, 0], found)
