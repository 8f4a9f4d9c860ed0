"""Labeled sentences as padded batches of few widths, the same steps for any seed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.tasks.classification.records import LabeledSentence
from attnlab.text.batching import Batch, bucketed, in_order
from attnlab.text.subwords import Codec


class Sentences(NamedTuple):
    """B sentences as words, then EOS, then PAD; a filler row has length 0 and label 0.

    words [B, S], lengths [B] (EOS counted) and labels [B], all int32.
    """

    words: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray


IdPair = tuple[list[int], list[int]]


def encode(
    examples: Sequence[LabeledSentence], codec: Codec, longest: int
) -> tuple[list[IdPair], int]:
    """Ids and label of each example, and how many lost words.

    Of a sentence of more than `longest` words, EOS counted, the first stay.
    """
    if longest < 2:
        raise ValueError(f"longest is {longest}; a word and EOS take 2")
    kept = [codec.encode(one.words[: longest - 1]).ids for one in examples]
    cut = sum(len(one.words) >= longest for one in examples)
    pairs = [(ids, [one.label]) for ids, one in zip(kept, examples, strict=True)]
    return pairs, cut


class SentenceBatches:
    """`at(step)` without end, `len()` an epoch's number, as `attnlab.text.batching`:
    to it a labeled sentence is a pair whose target is one word, the label."""

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
        return _one_sided(self._pairs.at(step))


def all_of(
    pairs: Sequence[IdPair], batch_size: int, widths: Sequence[int]
) -> list[tuple[np.ndarray, Sentences]]:
    """Every sentence once: (indices, batch); rows beyond the indices are fillers."""
    found = in_order(pairs, batch_size, widths)
    return [(indices, _one_sided(batch)) for indices, batch in found]


def _one_sided(batch: Batch) -> Sentences:
    there = batch.source_lengths > 0
    return Sentences(
        batch.source, batch.source_lengths, np.where(there, batch.target[:, 0], 0)
    )
