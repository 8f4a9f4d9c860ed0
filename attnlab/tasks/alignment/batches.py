"""Batches of an aligner: words, their spellings, and candidates of a normalizer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.tasks.alignment.spelling import spelled
from attnlab.text.batching import Endless
from attnlab.text.vocabulary import SPECIALS, UNK, Vocabulary

FREQUENT = 0.5  # of the candidates: the most frequent words
Word = int | str  # by its number; by itself, where a vocabulary lacks it


class WordList(NamedTuple):
    """U different words of a vocabulary.

    ids: [U] int. spelling: [U, D]. log_weights: [U], of how many words each stands for
      where a normalizer sums over the list, the logarithm; -inf where for none.
    """

    ids: np.ndarray
    spelling: np.ndarray
    log_weights: np.ndarray


class Words(NamedTuple):
    """One side of B pairs, padded.

    places: [B, S] int, of the words in a list. lengths: [B] int, without end marks.
    known: the list.
    """

    places: np.ndarray
    lengths: np.ndarray
    known: WordList


class AlignmentBatch(NamedTuple):
    """B pairs, and the lists of their words, which all rows share.

    Flat, as training divides the rows of each array among devices; see `Words` for what
    they are.
    """

    source: np.ndarray
    source_lengths: np.ndarray
    target: np.ndarray
    target_lengths: np.ndarray
    source_ids: np.ndarray
    source_spelling: np.ndarray
    source_weights: np.ndarray
    target_ids: np.ndarray
    target_spelling: np.ndarray
    target_weights: np.ndarray

    @classmethod
    def of(cls, source: Words, target: Words) -> "AlignmentBatch":
        """A batch of its sides.

        Args:
          source: of B pairs.
          target: of the same pairs.

        Returns:
          The batch.
        """
        return cls(*source[:2], *target[:2], *source.known, *target.known)

    @property
    def sides(self) -> tuple[Words, Words]:
        """Source and target."""
        return (
            Words(*self[:2], WordList(*self[4:7])),
            Words(*self[2:4], WordList(*self[7:])),
        )


SHARED = AlignmentBatch._fields[4:]  # parts without rows


class Side(NamedTuple):
    """A vocabulary with the spellings of its words, [V, D]; zeros for special ones."""

    vocabulary: Vocabulary
    spelling: np.ndarray
    random: bool


def make_side(vocabulary: Vocabulary, width: int, random: bool) -> Side:
    """A vocabulary with its spellings.

    Args:
      vocabulary: of the side.
      width: D, of the features.
      random: whether they say nothing of the letters.

    Returns:
      The Side.
    """
    known = vocabulary.words[len(SPECIALS) :]
    nothing = np.zeros((len(SPECIALS), width), np.float32)
    features = spelled(known, width, random=random)
    return Side(vocabulary, np.concatenate([nothing, features]), random)


class AlignmentBatches:
    """The batches of a training text: a function of (seed, step) alone."""

    def __init__(
        self, batches: Endless, source: Side, target: Side, candidates: int, seed: int
    ):
        """The batches of pairs, to be completed.

        Args:
          batches: of ids, with end marks.
          source: vocabulary and spellings of the source.
          target: those of the target.
          candidates: M, at most as many as a vocabulary has.
          seed: of the candidates that are drawn.
        """
        self.batches, self.source, self.target = batches, source, target
        self.candidates, self.seed = candidates, seed

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str):
        return getattr(self.batches, name)

    def at(self, step: int) -> AlignmentBatch:
        """The batch of a training step.

        Args:
          step: counted from 0 over all epochs.

        Returns:
          The batch.
        """
        rng = np.random.Generator(np.random.Philox([self.seed, step]))
        batch = self.batches.at(step)
        sides = (
            (batch.source, batch.source_lengths, self.source),
            (batch.target, batch.target_lengths, self.target),
        )
        return AlignmentBatch.of(
            *(
                placed(ids, lengths, draw(rng, ids, side, self.candidates))
                for ids, lengths, side in sides
            )
        )


def placed(ids: np.ndarray, lengths: np.ndarray, known: WordList) -> Words:
    """One side of a batch by a list of words; what that lacks counts as unknown.

    Args:
      ids: [B, S], with end marks.
      lengths: [B], with end marks.
      known: the list, UNK in it.

    Returns:
      The Words.
    """
    order = np.argsort(known.ids, kind="stable")
    ordered = known.ids[order]
    at = np.minimum(np.searchsorted(ordered, ids), len(order) - 1)
    unknown = np.searchsorted(ordered, UNK)
    places = order[np.where(ordered[at] == ids, at, unknown)]
    return Words(places.astype(np.int32), np.maximum(lengths - 1, 0), known)


def occurring(
    ids: np.ndarray,
    lengths: np.ndarray,
    texts: Sequence[Sequence[str]],
    side: Side,
) -> tuple[Words, list[Word]]:
    """One side of a batch by the words that occur in it; unknown ones are spelled.

    Args:
      ids: [B, S], with end marks.
      lengths: [B], with end marks.
      texts: the first of these sentences, as words.
      side: the vocabulary and its spellings.

    Returns:
      The Words, whose list has B S + 1 places, and what the first of them are.
    """
    listed: dict[Word, int] = {UNK: 0}
    places = np.zeros(ids.shape, np.int32)
    for row, text in enumerate(texts):
        for column, word in enumerate(text):
            index = int(ids[row, column])
            key = word if index == UNK else index
            places[row, column] = listed.setdefault(key, len(listed))
    known = [key if isinstance(key, int) else UNK for key in listed]
    padded = np.full(ids.size + 1, UNK, np.int32)
    padded[: len(known)] = known
    spelling = side.spelling[padded]
    for key, place in listed.items():
        if isinstance(key, str):
            spelling[place] = spelled([key], spelling.shape[1], random=side.random)[0]
    known = WordList(padded, spelling, np.zeros(len(padded), np.float32))
    return Words(places, np.maximum(lengths - 1, 0), known), [*listed]


def draw(rng: np.random.Generator, ids: np.ndarray, side: Side, count: int) -> WordList:
    """Candidates of a batch: its own words, frequent ones, and a share of the others.

    The sum over them, each times its weight, is the whole vocabulary's sum in
    expectation. A batch of more words than there is room for lacks its rarest.

    Args:
      rng: random numbers.
      ids: of the batch, any shape.
      side: the vocabulary and its spellings.
      count: M.

    Returns:
      M words, or the whole vocabulary where that has no more.
    """
    size = side.vocabulary.size
    if count >= size:
        return everything(side)
    occurs = np.zeros(size, bool)
    occurs[ids] = True
    occurs[:UNK], occurs[UNK] = False, True
    # Vocabularies are in the order of frequency.
    own = np.flatnonzero(occurs)[: count - 1]
    frequent = np.flatnonzero(~occurs[UNK : int(FREQUENT * count)]) + UNK
    certain = np.concatenate([own, frequent[: count - 1 - len(own)]])
    occurs[:UNK] = occurs[certain] = True
    others = np.flatnonzero(~occurs)
    drawn = rng.choice(others, min(count - len(certain), len(others)), replace=False)
    weights = np.full(count, -np.inf, np.float32)
    weights[: len(certain)] = 0
    filled = len(certain) + len(drawn)
    weights[len(certain) : filled] = np.log(max(len(others), 1) / max(len(drawn), 1))
    chosen = np.full(count, UNK)
    chosen[:filled] = np.concatenate([certain, drawn])
    return WordList(chosen.astype(np.int32), side.spelling[chosen], weights)


def everything(side: Side) -> WordList:
    """The whole vocabulary, so that a normalizer is exact.

    Args:
      side: the vocabulary and its spellings.

    Returns:
      All V words; padding and marks stand for none.
    """
    size = side.vocabulary.size
    weights = np.zeros(size, np.float32)
    weights[:UNK] = -np.inf
    return WordList(np.arange(size, dtype=np.int32), side.spelling, weights)
