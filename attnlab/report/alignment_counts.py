"""Counts of a run's alignment links, of all sentences at once.

The same numbers as `alignment_error_rate.statistics` and `by_distance`, which take a
sentence at a time, in a twentieth of the time.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.runs import AlignedSentence, FlatAlignments, Words


class LinkCounts(NamedTuple):
    """Agreement of a run's links by argmax with the gold ones.

    examples: digest of the words and gold links, which two systems must share to be
      compared.
    sentences: |A|, |S|, |A & S|, |A & P| of each [N, 4], see `Agreement`.
    distances: the same of the links with |t - s| = 0, 1, ... [D, 4].
    """

    examples: str
    sentences: np.ndarray
    distances: np.ndarray


class _Gold(NamedTuple):
    """What runs of the same sentences share; their weights lie flat one after another.

    starts, widths, sentence, t: of each target word its first weight, its source words,
    the number of its sentence and its own in there. sure, possible: [cells]. sentences,
    distances: sure links of each sentence, and of each distance.
    """

    examples: str
    starts: np.ndarray
    widths: np.ndarray
    sentence: np.ndarray
    t: np.ndarray
    sure: np.ndarray
    possible: np.ndarray
    sentences: np.ndarray
    distances: np.ndarray


def link_counts(pairs: Sequence[AlignedSentence]) -> LinkCounts:
    """The links of largest weight of each target word against the gold links.

    Args:
      pairs: N sentences.

    Returns:
      Their counts.

    Raises:
      ValueError: for weights that are not finite.
    """
    words = tuple((p.source, p.target, p.sure, p.possible) for p in pairs)
    flat = np.concatenate([np.zeros(0), *(pair.weights.ravel() for pair in pairs)])
    return flat_link_counts(FlatAlignments(words, flat))


def flat_link_counts(aligned: FlatAlignments) -> LinkCounts:
    """`link_counts` of sentences as they lie in the file.

    Args:
      aligned: N sentences.

    Returns:
      Their counts.

    Raises:
      ValueError: for weights that are not finite.
    """
    gold, flat = _gold(aligned.words), aligned.weights
    if not np.isfinite(flat).all():
        raise ValueError("an alignment must be finite, one has nan or inf weights")
    rows = np.flatnonzero(gold.widths)  # `reduceat` takes no empty part
    if len(rows):
        largest = np.maximum.reduceat(flat, gold.starts[rows])
        places = np.flatnonzero(flat == np.repeat(largest, gold.widths[rows]))
        # Of equal weights the first counts; a row of zeros looks nowhere.
        best = places[np.searchsorted(places, gold.starts[rows])][largest > 0]
        rows = rows[largest > 0]
    else:
        best = np.zeros(0, np.int64)
    far = np.abs(gold.t[rows] - (best - gold.starts[rows]))
    sure, possible = gold.sure[best], gold.possible[best]

    def columns(place: np.ndarray, total: np.ndarray, size: int) -> np.ndarray:
        counts = [np.bincount(place, part, size) for part in (None, sure, possible)]
        padded = np.pad(total, (0, size - len(total)))
        return np.stack([counts[0], padded, *counts[1:]], axis=1).astype(np.int64)

    longest = max(len(gold.distances), int(far.max(initial=-1)) + 1)
    return LinkCounts(
        gold.examples,
        columns(gold.sentence[rows], gold.sentences, len(aligned.words)),
        columns(far, gold.distances, longest),
    )


@functools.lru_cache(maxsize=4)  # the runs of a sweep have the same test sets
def _gold(words: tuple[Words, ...]) -> _Gold:
    shapes = [(len(target), len(source)) for source, target, _, _ in words]
    heights = np.array([rows for rows, _ in shapes], np.int64)
    widths = np.repeat(np.array([columns for _, columns in shapes], np.int64), heights)
    starts = np.cumsum(widths) - widths
    firsts = np.cumsum(heights) - heights
    sentence = np.repeat(np.arange(len(words)), heights)
    masks = np.zeros((2, int(widths.sum())), bool)
    sure: list[tuple[int, int]] = []  # (sentence, distance)
    for n, (_, _, certain, possible) in enumerate(words):
        for mask, links in zip(masks, (certain, certain | possible), strict=True):
            for t, s in links:
                mask[starts[firsts[n] + t] + s] = True
        sure += [(n, abs(t - s)) for t, s in certain]
    pairs = np.array(sure, np.int64).reshape(-1, 2)
    plain = [[*each[:2], *map(sorted, each[2:])] for each in words]
    text = json.dumps(plain, default=int)  # links may be NumPy's integers
    return _Gold(
        hashlib.sha256(text.encode()).hexdigest(),
        starts,
        widths,
        sentence,
        np.arange(len(sentence)) - firsts[sentence],
        masks[0],
        masks[1],
        np.bincount(pairs[:, 0], minlength=len(words)),
        np.bincount(pairs[:, 1]),
    )
