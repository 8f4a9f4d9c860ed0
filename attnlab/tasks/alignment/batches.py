"""Batches of an aligner: words, their spellings, and candidates of a normalizer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.tasks.alignment.spelling import spelled
from attnlab.text.batching import Batch, Endless
from attnlab.text.vocabulary import SPECIALS, UNK, Vocabulary

FREQUENT = 0.5  # of the candidates: the most frequent words


class Words(NamedTuple):
    """One side of B pairs, padded.

    ids: [B, S] int. lengths: [B] int, words without an end mark. spelling: [B, S, D].
    """

    ids: np.ndarray
    lengths: np.ndarray
    spelling: np.ndarray


class Candidates(NamedTuple):
    """The words that a normalizer sums over.

    ids: [M] int. spelling: [M, D]. log_weights: [M], of how many words each stands for,
    the logarithm; -inf where it stands for none.
    """

    ids: np.ndarray
    spelling: np.ndarray
    log_weights: np.ndarray


class AlignmentBatch(NamedTuple):
    """B pairs, and the candidates of both vocabularies, which all rows share.

    Flat, as training divides the rows of each array among devices; see `Words` and
    `Candidates` for what they are.
    """

    source: np.ndarray
    source_lengths: np.ndarray
    source_spelling: np.ndarray
    target: np.ndarray
    target_lengths: np.ndarray
    target_spelling: np.ndarray
    source_candidates: np.ndarray
    source_candidate_spelling: np.ndarray
    source_candidate_weights: np.ndarray
    target_candidates: np.ndarray
    target_candidate_spelling: np.ndarray
    target_candidate_weights: np.ndarray

    @classmethod
    def of(
        cls,
        source: Words,
        target: Words,
        source_candidates: Candidates,
        target_candidates: Candidates,
    ) -> "AlignmentBatch":
        """A batch of its parts.

        Args:
          source: of B pairs.
          target: of the same pairs.
          source_candidates: words of the source's vocabulary.
          target_candidates: words of the target's vocabulary.

        Returns:
          The batch.
        """
        return cls(*source, *target, *source_candidates, *target_candidates)

    @property
    def parts(self) -> tuple[Words, Words, Candidates, Candidates]:
        """What it was made of."""
        return (
            Words(*self[:3]),
            Words(*self[3:6]),
            Candidates(*self[6:9]),
            Candidates(*self[9:]),
        )


SHARED = AlignmentBatch._fields[6:]  # parts without rows


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
        source, target = sides(batch, self.source, self.target)
        return AlignmentBatch.of(
            source,
            target,
            draw(rng, source.ids, self.source, self.candidates),
            draw(rng, target.ids, self.target, self.candidates),
        )


def sides(batch: Batch, source: Side, target: Side) -> tuple[Words, Words]:
    """Both sides of a batch without end marks.

    Args:
      batch: ids with end marks.
      source: of its source.
      target: of its target.

    Returns:
      The Words of source and target.
    """
    return (
        Words(
            batch.source,
            np.maximum(batch.source_lengths - 1, 0),
            source.spelling[batch.source],
        ),
        Words(
            batch.target,
            np.maximum(batch.target_lengths - 1, 0),
            target.spelling[batch.target],
        ),
    )


def with_unknown(words: Words, texts: Sequence[Sequence[str]], side: Side) -> Words:
    """The same words; those that the vocabulary lacks have their spellings, too.

    Args:
      words: of B sentences.
      texts: the first of these sentences, as words.
      side: the vocabulary and its spellings.

    Returns:
      The Words.
    """
    spelling = words.spelling.copy()
    for row, text in enumerate(texts):
        unknown = np.flatnonzero(words.ids[row, : len(text)] == UNK)
        if len(unknown):
            features = spelled(
                [text[int(place)] for place in unknown],
                spelling.shape[-1],
                random=side.random,
            )
            spelling[row, unknown] = features
    return words._replace(spelling=spelling)


def draw(
    rng: np.random.Generator, ids: np.ndarray, side: Side, count: int
) -> Candidates:
    """Candidates of a batch: its own words, frequent ones, and a share of the others.

    The sum over them, each times its weight, is the whole vocabulary's sum in
    expectation.

    Args:
      rng: random numbers.
      ids: of the batch, any shape.
      side: the vocabulary and its spellings.
      count: M.

    Returns:
      The Candidates [M].
    """
    size = side.vocabulary.size
    if count >= size:
        return everything(side)
    # Vocabularies are in the order of frequency.
    sure = np.zeros(size, bool)
    sure[UNK : int(FREQUENT * count)] = True
    own = np.bincount(ids.reshape(-1), minlength=size)
    own[:UNK] = 0
    sure[np.argsort(-own, kind="stable")[: int(np.count_nonzero(own))]] = True
    certain = np.flatnonzero(sure)
    # Rarely: a batch of more words than there is room for loses the rarest.
    certain = certain[: count - 1]
    others = np.flatnonzero(~sure[UNK:]) + UNK
    drawn = rng.choice(others, min(count - len(certain), len(others)), replace=False)
    weights = np.zeros(count, np.float32)
    weights[len(certain) :] = np.log(len(others) / max(len(drawn), 1))
    chosen = np.full(count, UNK)
    chosen[: len(certain) + len(drawn)] = np.concatenate([certain, drawn])
    weights[len(certain) + len(drawn) :] = -np.inf
    return Candidates(chosen.astype(np.int32), side.spelling[chosen], weights)


def everything(side: Side) -> Candidates:
    """The whole vocabulary, so that a normalizer is exact.

    Args:
      side: the vocabulary and its spellings.

    Returns:
      The Candidates [V]; padding and marks are none.
    """
    size = side.vocabulary.size
    weights = np.zeros(size, np.float32)
    weights[:UNK] = -np.inf
    return Candidates(np.arange(size, dtype=np.int32), side.spelling, weights)
