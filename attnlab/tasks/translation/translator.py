"""A trained translation model with its vocabularies: words in, words out."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.decoding import replace_unknown
from attnlab.estimators import prediction as predicting
from attnlab.estimators.prediction import PREDICTIONS, Prediction, Search
from attnlab.metrics.aer import words as merge_words
from attnlab.nn.decoder_model import Conditional
from attnlab.text import word_positions
from attnlab.text.batching import encode_pairs, in_order
from attnlab.text.decode_batches import queues
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import EOS

ALIGNMENTS = ("prior", "posterior")
# Words of a queue of sentences, for each of the batch size. More would leave fewer
# slots idle at its end, but pad its sentences to a longer one.
TOKENS = 24


class Look(NamedTuple):
    """Where a forced pass looked, between words: see `runs.AlignedSentence`.

    weights [T, S], centres [T] (of no meaning without a window), samples [T].
    """

    weights: np.ndarray
    centres: np.ndarray
    samples: np.ndarray


class Translation(NamedTuple):
    """A sentence, its translation, and the weights [T, S] between their words.

    score: the log-probability, divided by the length penalty where a beam searched.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: np.ndarray
    score: float


GREEDY = Search()


class Translator:
    """Batches sentences, runs the compiled model, cuts padding, merges subwords.

    Parameters are an argument of every method, so one translator serves a whole
    training run. `edges` are the widths that sentences are padded to. `batch_size` is
    the pairs that are scored, and the hypotheses that are searched, at once.

    `predict` and `feed` say how a word's probability follows from what may be read: see
    `attnlab.estimators.prediction.Prediction`.
    """

    def __init__(
        self,
        model: Conditional,
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
            name: jax.jit(partial(predicting.losses, model, Prediction(name, feed)))
            for name in PREDICTIONS
        }
        self._align = {
            "prior": jax.jit(partial(predicting.prior, model)),
            "posterior": jax.jit(partial(predicting.after, model)),
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
        position is read), renormalized (Shankar and Sarawagi 2019). Rows and columns
        of EOS are cut; a source word has the sum over its subwords, a target word the
        mean.
        """
        return [look.weights for look in self.looks(params, pairs, kind)]

    def looks(self, params, pairs: Sequence[Any], kind: str = "prior") -> list[Look]:
        """`align`, with where windows stood, and a draw of each step by its weights.

        The chance of a draw follows from the pair's place alone: equal weights of two
        models draw equal positions.
        """
        if kind not in ALIGNMENTS:
            choices = ", ".join(ALIGNMENTS)
            raise ValueError(f"unknown alignment {kind!r}; choose {choices}")
        found: list[Any] = [None] * len(pairs)
        for rows, batch in self._batches(pairs):
            weights, centres = map(np.asarray, self._align[kind](params, batch))
            for row, place in enumerate(rows):
                source = self.source.encode(pairs[place].source).owner
                target = self.target.encode(pairs[place].target).owner
                owners = source, target
                found[place] = Look(
                    merge_words(weights[row], *owners),
                    word_positions.of_words(centres[row], *owners),
                    word_positions.drawn(
                        weights[row], *owners, np.random.default_rng(place)
                    ),
                )
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


def _decode(translator: Translator, search: Search, params, source, lengths):
    """Best hypotheses: tokens [B, L], lengths [B], scores [B], alignments [B, L, S]."""
    limits = jnp.ceil(search.ratio * lengths).astype(jnp.int32) + 10
    return predicting.search(
        translator.model,
        search,
        Prediction(translator.predict, translator.feed),
        params,
        source,
        lengths,
        limits=jnp.where(lengths > 0, limits, 0),
        longest=int(np.ceil(search.ratio * source.shape[1])) + 10,
        slots=translator.slots(search),
    )
