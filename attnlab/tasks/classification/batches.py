"""Labeled sentences as padded batches of few widths, the same steps for any seed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.tasks.classification.records import LabeledSentence
from attnlab.text.batching import Batch, bucketed, in_order
from attnlab.text.subwords import Codec


class Sentences(NamedTuple):
    """B sentences as words, then EOS, then PAD; a filler row has length 0 and label 0.

    Attributes:
      words: [B, S] int32.
      lengths: [B] int32, EOS counted.
      labels: [B] int32.
    """

    words: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray


IdPair = tuple[list[int], list[int]]


def encode(
    examples: Sequence[LabeledSentence], codec: Codec, longest: int
) -> tuple[list[IdPair], int]:
    """Ids and label of each sentence.

    Args:
      examples: the sentences.
      codec: the vocabulary.
      longest: words that are read, EOS counted, at least 2; of longer sentences the
        first.

    Returns:
      (ids, [label]) of each, and how many sentences lost words.

    Raises:
      ValueError: where not even a word and EOS are read.
    """
    if longest < 2:
        raise ValueError(f"longest is {longest}; a word and EOS take 2")
    pairs = [
        (codec.encode(example.words[: longest - 1]).ids, [example.label])
        for example in examples
    ]
    return pairs, sum(len(example.words) >= longest for example in examples)


class SentenceBatches:
    """Training batches without end: `batches.at(step)`; `len(batches)` are an epoch.

    As `attnlab.text.batching`, to which a labeled sentence is a pair whose target is
    one word, the label.
    """

    def __init__(
        self, pairs: Sequence[IdPair], *, batch_size: int, shapes: int, seed: int
    ):
        longest = max(len(ids) for ids, _ in pairs) + 1
        self._pairs = bucketed(
            pairs,
            batch_size=batch_size,
            shapes=shapes,
            longest=max(longest, 2),
            seed=seed,
        )
        self.widths = [shape.source for shape in self._pairs.shapes]
        self.waste = self._pairs.waste

    def __len__(self) -> int:
        return len(self._pairs)

    def at(self, step: int) -> Sentences:
        """The batch of an update.

        Args:
          step: updates before it.

        Returns:
          B = `batch_size` sentences, of one of `widths`.
        """
        return _one_sided(self._pairs.at(step))


def all_of(
    pairs: Sequence[IdPair], batch_size: int, widths: Sequence[int]
) -> list[tuple[np.ndarray, Sentences]]:
    """Every sentence once, in batches.

    Args:
      pairs: ids and label of each.
      batch_size: rows of a batch.
      widths: that sentences are padded to.

    Returns:
      (indices of the sentences, batch); rows beyond the indices are fillers.
    """
    batches = in_order(pairs, batch_size, widths)
    return [(indices, _one_sided(batch)) for indices, batch in batches]


def _one_sided(batch: Batch) -> Sentences:
    # A filler's target is BOS or EOS, which may be no class.
    real = batch.source_lengths > 0
    return Sentences(
        batch.source, batch.source_lengths, np.where(real, batch.target[:, 0], 0)
    )
