"""Sentences to be translated, sorted by length and cut into queues of few shapes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.text.vocabulary import EOS, PAD


class Queue(NamedTuple):
    """N sentences as words, EOS, then PAD; longest first, then fillers of length 0.

    Attributes:
      members: which of all sentences the first n <= N are, [n].
      source: their ids, int32 [N, S].
      source_lengths: EOS counted, int32 [N].
    """

    members: np.ndarray
    source: np.ndarray
    source_lengths: np.ndarray


def queues(
    sentences: Sequence[Sequence[int]], tokens: int, edges: Sequence[int], slots: int
) -> list[Queue]:
    """Every sentence once, the longest first, in queues of few shapes.

    Args:
      sentences: ids without EOS.
      tokens: padded tokens of a queue: N is what fits in, at least one, and a multiple
        of `slots` where those fit. So an edge is one shape, and no length of sentence
        costs more memory.
      edges: S is the first of them that holds the longest of a queue, or the next
        multiple of 16 beyond the last.
      slots: rows that are decoded at once.

    Returns:
      The queues; only the last one has fillers.
    """
    lengths = np.array([len(ids) + 1 for ids in sentences], np.int32)
    # Stable, so that equal lengths keep the order of the text.
    order = np.argsort(-lengths, kind="stable")
    batches, start = [], 0
    while start < len(order):
        longest = int(lengths[order[start]])
        size = next((edge for edge in edges if longest <= edge), -(-longest // 16) * 16)
        rows = max(1, tokens // size)  # a sentence longer than the budget goes alone
        # A queue is decoded `slots` rows at a time; a rest would wait for nobody.
        rows -= rows % slots if rows > slots else 0
        members = order[start : start + rows]
        source = np.full((rows, size), PAD, np.int32)
        for row, ids in zip(source, (sentences[n] for n in members), strict=False):
            row[: len(ids) + 1] = (*ids, EOS)
        counted = np.zeros(rows, np.int32)
        counted[: len(members)] = lengths[members]
        batches.append(Queue(members, source, counted))
        start += rows
    return batches
