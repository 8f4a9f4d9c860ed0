"""Lengths, words and coverage of a text, as numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

SIZES = tuple(m * 10**p for p in range(1, 6) for m in (1, 2, 5))  # of vocabularies
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class Quantiles(NamedTuple):
    """Of whole numbers: `at` are those that the SHARES of them do not exceed."""

    count: int
    mean: float
    least: int
    at: tuple[int, ...]
    most: int


def quantiles(values: Iterable[int]) -> Quantiles:
    """Each is one of the values: the least that so many of them do not exceed."""
    found = np.fromiter(values, int)
    if not len(found):
        raise ValueError("no numbers to take quantiles of")
    at = np.quantile(found, SHARES, method="inverted_cdf")
    return Quantiles(
        len(found),
        float(found.mean()),
        int(found.min()),
        tuple(int(value) for value in at),
        int(found.max()),
    )


def shares(values: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """The values from the least to the largest, and the share that each has."""
    found = np.fromiter(values, int)
    least = int(found.min())
    counts = np.bincount(found - least)
    return least + np.arange(len(counts)), counts / len(found)


class TextStats(NamedTuple):
    """Words in all, different ones, and how many of those occur once."""

    tokens: int
    types: int
    once: int


def count(sentences: Iterable[Iterable[str]]) -> Counter:
    """How often each word occurs."""
    return Counter(chain.from_iterable(sentences))


def text(counts: Counter) -> TextStats:
    once = sum(number == 1 for number in counts.values())
    return TextStats(counts.total(), len(counts), once)


def vocabulary_sizes(types: int) -> list[int]:
    """Round numbers below `types`, and it: the sizes to look at coverage for."""
    return [*(size for size in SIZES if size < types), types]


def coverage(known: Counter, seen: Counter, sizes: Sequence[int]) -> np.ndarray:
    """Share of the tokens `seen` that are among the n most frequent of `known`.

    One for each n of `sizes`. Words of equal count stand in alphabetical order, as in
    Vocabulary.build, whose four special tokens come on top.
    """
    ranked = sorted(known, key=lambda word: (-known[word], word))
    rank = {word: place for place, word in enumerate(ranked)}
    held = np.zeros(len(ranked) + 1)  # tokens by the rank of their word
    for word, number in seen.items():
        held[rank.get(word, len(ranked))] += number
    reached = np.concatenate([[0.0], np.cumsum(held[:-1])])
    return reached[np.minimum(sizes, len(ranked))] / max(seen.total(), 1)
