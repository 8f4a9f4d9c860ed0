"""Sentences to be translated, sorted by length and cut into queues of few shapes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.text.vocabulary import EOS, PAD


class Queue(NamedTuple):
    """N sentences as words, EOS, then PAD; longest first, then fillers of length 0.

    members [n]: which of all sentences the first n <= N are. source [N, S] and
    source_lengths [N], which count EOS, int32.
    """

    members: np.ndarray
    source: np.ndarray
    source_lengths: np.ndarray


def queues(
    sentences: Sequence[Sequence[int]], tokens: int, edges: Sequence[int], slots: int
) -> list[Queue]:
    """Every sentence (ids without EOS) once, the longest first.

    S is the first of `edges` (or, beyond the last, multiple of 16) that holds the
    longest of a queue. N is what fits into `tokens` padded tokens (at least one), a
    multiple of `slots` where those fit: an edge is one shape, and no length of sentence
    costs more memory. Only the last queue has fillers.
    """
    lengths = np.array([len(ids) + 1 for ids in sentences], np.int32)
    order = np.argsort(-lengths, kind="stable")
    found, start = [], 0
    while start < len(order):
        longest = int(lengths[order[start]])
        size = next((edge for edge in edges if longest <= edge), -(-longest // 16) * 16)
        rows = max(1, tokens // size)
        rows -= rows % slots if rows > slots else 0
        members = order[start : start + rows]
        source = np.full((rows, size), PAD, np.int32)
        for row, ids in zip(source, (sentences[n] for n in members), strict=False):
            row[: len(ids) + 1] = (*ids, EOS)
        counted = np.zeros(rows, np.int32)
        counted[: len(members)] = lengths[members]
        found.append(Queue(members, source, counted))
        start += rows
    return found
