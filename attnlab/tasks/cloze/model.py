"""A reader of cloze questions: embedded words, a way to read, scores of the answers."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform

from attnlab.attention.alignment import dense as put
from attnlab.attention.base import Attention
from attnlab.masking import length_mask, safe_log
from attnlab.nn.cells import Cell, dense
from attnlab.nn.embedding import dropout, embed, embedding_init
from attnlab.tasks.cloze.readers import READERS


class Read(NamedTuple):
    """What a model gives.

    logits: scores of the answers [B, A].
    weights: where each look at the passage went [B, N, S]; see
      `attnlab.tasks.cloze.readers` for N.
    """

    logits: jax.Array
    weights: jax.Array


class Reader(nn.Module):
    """p(answer | passage, query): embedded words, a reader, and W(a) . g for answer a.

    The readout "sum" of an attentive reader needs no W, as Kadlec et al. 2016: the
    probability of a is the weight of all its places, p(a) ~ sum_t s(t) [d(t) = a].

    Attributes:
      words: of the vocabulary.
      first, answers: the answers are `answers` words from id `first` on.
      reader: one of READERS.
      readout: "both", "context" or "sum".
      tied: whether answers are scored by their embeddings, so that g is a word to be
        found; else W is a matrix apart.
      matches: whether a vector is added to the words that passage and query share, the
        exact match of Chen et al. 2017 (DrQA): what a large corpus would have to teach.
    """

    words: int
    first: int
    answers: int
    attention: Attention
    cell: Cell
    reader: str = "attentive"
    readout: str = "both"
    embedding: int = 64
    hidden: int = 64
    attention_hidden: int = 64
    readouts: int = 64
    layers: int = 1
    tied: bool = False
    matches: bool = False
    dropout: float = 0.0

    def setup(self):
        shared = dict(
            cell=self.cell,
            inputs=self.embedding,
            hidden=self.hidden,
            layers=self.layers,
            dropout=self.dropout,
            name="reader",
        )
        sums = self.readout == "sum" and self.reader != "deep-lstm"
        if self.reader != "deep-lstm":
            shared |= dict(
                attention=self.attention,
                attention_hidden=self.attention_hidden,
                readouts=self.readouts,
                readout=self.readout,
            )
        self.reading = READERS[self.reader](**shared)
        size = (self.words, self.embedding)
        self.table = self.param("embedding", embedding_init, size)
        if self.matches:
            self.shared = self.param("match", embedding_init, (1, self.embedding))
        self.sums = sums
        if not sums:
            # Tied, g is first brought to the width of the embeddings.
            size = (self.reading.joint, self.embedding if self.tied else self.answers)
            self.kernel = self.param("answers", glorot_uniform(), size)

    def __call__(
        self,
        passage: jax.Array,
        passage_lengths: jax.Array,
        query: jax.Array,
        query_lengths: jax.Array,
        *,
        train: bool = False,
    ) -> Read:
        """Scores of the answers, and where the reader looked.

        Args:
          passage: token ids [B, S]: words, then EOS, then padding.
          passage_lengths: EOS counted [B].
          query: token ids [B, T], as the passage.
          query_lengths: EOS counted [B].
          train: with dropout.

        Returns:
          Logits and weights.
        """
        embedded = [embed(self.table, passage), embed(self.table, query)]
        if self.matches:
            lengths = passage_lengths, query_lengths
            for n, shared in enumerate(_matching(passage, query, *lengths)):
                # [B, S, 1] and [1, 1, E]
                embedded[n] += jnp.where(shared[..., None], self.shared[None], 0)
        joint, weights = self.reading(
            self._drop(embedded[0], train),
            passage_lengths,
            self._drop(embedded[1], train),
            query_lengths,
            train=train,
        )
        if self.sums:
            # Weights of words that are no answers fall outside [0, A) and are dropped.
            mass = put(weights[:, 0], passage - self.first, self.answers)
            # An answer that is nowhere looked at has mass 0 and a finite, large loss.
            return Read(safe_log(mass), weights)
        logits = dense(self._drop(joint, train), self.kernel)
        # The rows of the answers: of all words, or of the entities' slots.
        if self.tied:
            answers = self.table[self.first : self.first + self.answers]
            logits = logits @ answers.T
        return Read(logits, weights)

    def parameters(self) -> None:
        """Nothing, but `init(rng, method="parameters")` draws all parameters by it."""
        self.reading.parameters()

    def _drop(self, array, train: bool):
        if not (train and self.dropout):
            return array
        return dropout(self.make_rng("dropout"), array, self.dropout)


def _matching(
    passage: jax.Array,
    query: jax.Array,
    passage_lengths: jax.Array,
    query_lengths: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Which words [B, S] of the passage the query has, and [B, T] the other way round.

    The end marks have no part in it.
    """
    # Every passage and query ends alike: the end mark would always match.
    asked = length_mask(jnp.maximum(query_lengths - 1, 0), query.shape[1])
    read = length_mask(jnp.maximum(passage_lengths - 1, 0), passage.shape[1])
    same = passage[:, :, None] == query[:, None, :]  # [B, S, T]
    same &= read[:, :, None] & asked[:, None, :]
    return same.any(axis=2), same.any(axis=1)
