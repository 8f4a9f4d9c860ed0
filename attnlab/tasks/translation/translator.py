"""A translation model with its vocabularies: words in, words and alignments out."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.base import Params
from attnlab.compilation import jit
from attnlab.decoding import Decoded, replace_unknown
from attnlab.decoding.beam import LENGTH_PENALTIES
from attnlab.estimators import prediction as predicting
from attnlab.estimators.prediction import (
    PREDICTIONS,
    Prediction,
    Search,
)
from attnlab.metrics.alignment_error_rate import words as merge_words
from attnlab.nn.decoder_model import Conditional
from attnlab.text import word_positions
from attnlab.text.batching import Batch, encode_pairs, in_order
from attnlab.text.decode_batches import queues
from attnlab.text.pairs import GoldPair, Pair
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import EOS

ALIGNMENTS = ("prior", "posterior")
# Words of a queue of sentences, for each of the batch size. More would leave fewer
# slots idle at its end, but pad its sentences to a longer one.
TOKENS = 24


class ForcedAlignment(NamedTuple):
    """Where a teacher-forced pass looked, word by word; see `runs.AlignedSentence`.

    weights [T, S]: from before each target word is known. posterior [T, S]: which read
    the target word, too. centres [T]: of local windows, without meaning for global
    ones. samples [T]: a source word drawn by each row of weights, -1 for none. nats:
    minus the log-probability of the target, the end mark among its `units`. heads: of
    several, the weights [T, S] of each.
    """

    weights: np.ndarray
    posterior: np.ndarray
    centres: np.ndarray
    samples: np.ndarray
    nats: float = math.nan
    units: int = 0
    heads: Sequence[np.ndarray] = ()


class Translation(NamedTuple):
    """A sentence, its translation, and the weights [T, S] between their words.

    score: the log-probability, divided by the length penalty where a beam searched.
    log_probability: in nats, of the `units` that were chosen: words or subwords, and
    the end mark where the limit of length did not come first.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: np.ndarray
    score: float
    log_probability: float = math.nan
    units: int = 0


NOTHING = Translation((), (), np.zeros((0, 0), np.float32), 0.0, 0.0)
GREEDY = Search()
Searched = tuple[Decoded, jax.Array]  # the array: log-probabilities [B] or [B, K]


def _of_heads(heads: np.ndarray | None, row: int, owners) -> Sequence[np.ndarray]:
    """The weights [T, S] between words of each head of a row of [B, T, H, S]."""
    if heads is None:
        return ()
    return [merge_words(each, *owners) for each in np.moveaxis(heads[row], 1, 0)]


class Translator:
    """Batches sentences, runs the compiled model, cuts padding, merges subwords.

    Parameters are an argument of every method, so one translator serves a whole
    training run.

    Args:
      model: the model.
      source: the vocabulary of the source.
      target: the vocabulary of the target.
      batch_size: pairs that are scored at once; half as many hypotheses are searched.
      edges: widths that sentences are padded to.
      predict: how a word's probability follows from what may be read, one of
        PREDICTIONS; see `attnlab.estimators.prediction.Prediction`.
      feed: what the states saw in training, "expected" or "sampled".

    Raises:
      ValueError: for another prediction.
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
        self.null = model.null > 0  # whether a target word may be of no source word
        # Compiled when first called, and again for every width.
        pass_of = partial(predicting.teacher_forced, model, Prediction(predict, feed))
        self._forced = jit(pass_of, runs="seldom")
        self._decode: dict[tuple[Search, bool], Callable[..., Searched]] = {}

    def losses(
        self,
        params: Params,
        pairs: Sequence[Pair | GoldPair],
        predict: str | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Score given translations (teacher forcing).

        Args:
          params: of the model.
          pairs: N sentences and their translations.
          predict: one of PREDICTIONS, if other than the translator's own.

        Returns:
          Nats [N] of each target, and its units [N], EOS counted.
        """
        predict = predict or self.predict
        every = predict not in ("expected", self.predict)
        nats, units = np.zeros(len(pairs)), np.zeros(len(pairs), np.int64)
        for rows, batch in self._batches(pairs):
            # The last batch of a width is filled up with empty rows, which are cut.
            done = self._forced(params, batch, np.bool_(every))
            nats[rows] = np.asarray(done.nats[predict])[: len(rows)]
            units[rows] = batch.target_lengths[: len(rows)]
        return nats, units

    def align(
        self, params: Params, pairs: Sequence[Pair | GoldPair], kind: str = "prior"
    ) -> list[np.ndarray]:
        """Align sentences with given translations.

        "prior" are the attention's own weights, from before the target word is known.
        "posterior" reads the target word too: weights times p(word | only that
        position is read), renormalized (Shankar and Sarawagi 2019). Rows and columns
        of EOS are cut; a source word has the sum over its subwords, a target word the
        mean.

        Args:
          params: of the model.
          pairs: sentences and their translations.
          kind: "prior" or "posterior".

        Returns:
          Weights [T, S] between the words of each pair.

        Raises:
          ValueError: for another kind.
        """
        every = is_posterior(kind)
        return [
            alignment.posterior if every else alignment.weights
            for alignment in self.forced_alignments(params, pairs, posterior=every)
        ]

    def forced_alignments(
        self,
        params: Params,
        pairs: Sequence[Pair | GoldPair],
        posterior: bool = True,
    ) -> list[ForcedAlignment]:
        """As `align`, of both kinds, with centres of windows and a draw of each step.

        The chance of a draw follows from the pair's place alone: equal weights of two
        models draw equal positions.

        Args:
          params: of the model.
          pairs: sentences and their translations.
          posterior: whether it is asked; otherwise it costs nothing, and means nothing.

        Returns:
          A ForcedAlignment of each pair.
        """
        alignments: dict[int, ForcedAlignment] = {}
        for rows, batch in self._batches(pairs):
            done = jax.device_get(self._forced(params, batch, np.bool_(posterior)))
            for row, place in enumerate(rows):
                # Encoded again: a batch holds ids and not the words that own them.
                owners = (
                    self.source.encode(pairs[place].source).owner,
                    self.target.encode(pairs[place].target).owner,
                )
                # By the place alone, so that runs can be compared draw by draw.
                rng = np.random.default_rng(place)
                alignments[place] = ForcedAlignment(
                    merge_words(done.weights[row], *owners),
                    merge_words(done.posterior[row], *owners),
                    word_positions.of_words(done.centres[row], *owners),
                    word_positions.drawn(done.weights[row], *owners, rng),
                    float(done.nats[self.predict][row]),
                    int(batch.target_lengths[row]),
                    _of_heads(done.heads, row, owners),
                )
        return [alignments[place] for place in range(len(pairs))]

    def translate(
        self,
        params: Params,
        sources: Sequence[Sequence[str]],
        search: Search = GREEDY,
    ) -> list[Translation]:
        """Translate sentences.

        Args:
          params: of the model.
          sources: the words of each.
          search: how to decode.

        Returns:
          The best translation of each; of a sentence without words one without words.
        """
        return [best for best, *_ in self._search(params, sources, search, 1)]

    def n_best(
        self,
        params: Params,
        sources: Sequence[Sequence[str]],
        search: Search,
        count: int,
    ) -> list[list[Translation]]:
        """The best translations of sentences that a beam search ends with.

        Args:
          params: of the model.
          sources: the words of each.
          search: how to decode.
          count: of each, at most; no more than beams.

        Returns:
          Translations of each, best first, at least one: those that ended, then those
          that were cut at the limit of length. Different subwords may spell the same
          words twice.

        Raises:
          ValueError: for a count that is not from 1 to beams.
        """
        if not 1 <= count <= search.beams:
            raise ValueError(f"count is {count}, of {search.beams} beams")
        return self._search(params, sources, search, count)

    def _search(
        self,
        params: Params,
        sources: Sequence[Sequence[str]],
        search: Search,
        count: int,
    ) -> list[list[Translation]]:
        how = search, count > 1
        if how not in self._decode:
            # By search, as dev and test may be decoded in two ways.
            self._decode[how] = jit(partial(_decode, self, *how), runs="seldom")
        asked = [place for place, words in enumerate(sources) if len(words)]
        ids = [self.source.encode(tuple(sources[place])).ids for place in asked]
        waiting = queues(ids, TOKENS * self.batch_size, self.edges, self.slots(search))
        # All are under way before the first is read: reading takes time as well.
        started = [
            self._decode[how](params, queue.source, queue.source_lengths)
            for queue in waiting
        ]
        translations = {place: [NOTHING] for place in range(len(sources))}
        for queue, done in zip(waiting, started, strict=True):
            decoded, totals = jax.tree.map(np.asarray, done)
            if count == 1:
                decoded, totals = jax.tree.map(lambda a: a[:, None], (decoded, totals))
            for row, member in enumerate(queue.members):
                place = asked[int(member)]
                # A beam may end with fewer hypotheses than it has places.
                real = np.flatnonzero(np.isfinite(decoded.scores[row]))[:count]
                translations[place] = [
                    self._read(
                        sources[place],
                        Decoded(*(leaf[row, n] for leaf in decoded)),
                        totals[row, n],
                        search,
                    )
                    for n in (real if len(real) else [0])
                ]
        return [translations[place] for place in range(len(sources))]

    def slots(self, search: Search) -> int:
        """How many sentences are searched at once.

        Args:
          search: how they are.

        Returns:
          As many as have half of `batch_size` hypotheses together, at least one: the
          other half of a queue comes in where sentences end.
        """
        return max(1, self.batch_size // (2 * search.beams))

    def _read(
        self,
        source: Sequence[str],
        decoded: Decoded,
        total: np.ndarray,
        search: Search,
    ) -> Translation:
        """The words of one hypothesis: tokens [L], alignments [L, S]."""
        units = int(decoded.lengths)
        tokens = decoded.tokens[:units]
        tokens = tokens[tokens != EOS]  # cut at the limit it has none
        words, owner = _words_of(self.target, tokens.tolist())
        source_owner = self.source.encode(tuple(source)).owner
        alignment = merge_words(np.asarray(decoded.alignments), source_owner, owner)
        if search.replace_unknown:
            words = replace_unknown(words, alignment, source)
        score = float(decoded.scores)
        return Translation(
            tuple(source), tuple(words), alignment, score, float(total), units
        )

    def _batches(
        self, pairs: Sequence[Pair | GoldPair]
    ) -> Iterator[tuple[np.ndarray, Batch]]:
        pairs_ids = encode_pairs(pairs, self.source, self.target)
        yield from in_order(pairs_ids, self.batch_size, self.edges)


def is_posterior(kind: str) -> bool:
    """Whether a kind of alignment reads the target word, too.

    Args:
      kind: "prior" or "posterior".

    Returns:
      True for "posterior".

    Raises:
      ValueError: for another kind.
    """
    if kind not in ALIGNMENTS:
        choices = ", ".join(ALIGNMENTS)
        raise ValueError(f"unknown alignment {kind!r}; choose {choices}")
    return kind == "posterior"


def _words_of(codec: Codec, ids: Sequence[int]) -> tuple[list[str], list[int]]:
    """Decoded words, and for each unit the index of the word it belongs to.

    A unit belongs to the last word of the text that ends with it.
    """
    words = codec.decode(ids)
    if len(words) == len(ids):
        return words, list(range(len(ids)))
    if not words:  # a lone word-start piece spells nothing
        return [], []
    # Quadratic, but sentences are short, and only subwords come here.
    ends = [len(codec.decode(ids[: k + 1])) - 1 for k in range(len(ids))]
    return words, [max(end, 0) for end in ends]


def _decode(
    translator: Translator,
    search: Search,
    every: bool,
    params: Params,
    source: jax.Array,
    lengths: jax.Array,
) -> Searched:
    """Best hypotheses: tokens [B, L], lengths [B], scores [B], alignments [B, L, S].

    `every` gives all of the beam, with an axis K after B.
    """
    # A ratio alone would leave short sentences too little room.
    limits = jnp.ceil(search.ratio * lengths).astype(jnp.int32) + 10
    decoded = predicting.search(
        translator.model,
        search,
        Prediction(translator.predict, translator.feed),
        params,
        source,
        lengths,
        limits=jnp.where(lengths > 0, limits, 0),  # a filler row is done at once
        longest=int(np.ceil(search.ratio * source.shape[1])) + 10,
        slots=translator.slots(search),
        every=every,
    )
    if search.beams == 1:  # greedy search divides by nothing
        return decoded, decoded.scores
    penalty = LENGTH_PENALTIES[search.length_penalty](decoded.lengths, search.alpha)
    return decoded, decoded.scores * penalty
