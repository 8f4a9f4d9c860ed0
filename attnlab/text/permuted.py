"""A shuffle that is never written down: where each index goes is computed by itself.

A permutation of 100 million indices takes 800 MB and is made anew every epoch. A
Feistel network, as in a block cipher, is a permutation by construction and evaluates
at one index as fast as at any other.
"""

import math

import numpy as np

ROUNDS = 6  # four look random to any statistic of fewer than sqrt(size) outputs


def permuted(indices: np.ndarray, size: int, key: tuple[int, ...]) -> np.ndarray:
    """Where a shuffle of range(size), chosen by `key`, takes each of `indices` [N].

    int64 [N]. `key` are numbers >= 0. The network permutes pairs (left, right) of
    digits below the root of `size`, rounded up: a round adds a hash of one to the other
    (Black and Rogaway 2002). What falls past the end goes through the network again
    until it falls inside, which leaves a permutation of the rest.
    """
    found = np.asarray(indices, np.int64).copy()
    if found.size and not (0 <= found.min() and found.max() < size):
        raise ValueError(f"indices reach from {found.min()} to {found.max()} of {size}")
    root = math.isqrt(max(size, 1) - 1) + 1
    rounds = np.random.SeedSequence(key).generate_state(ROUNDS, np.uint64)
    walking = np.arange(found.size)
    while walking.size:
        left, right = np.divmod(found[walking].astype(np.uint64), np.uint64(root))
        for salt in rounds:
            left, right = right, (left + _hashed(right + salt)) % np.uint64(root)
        found[walking] = left * np.uint64(root) + right
        walking = walking[found[walking] >= size]
    return found


def _hashed(numbers: np.ndarray) -> np.ndarray:
    """32 bits of each, every one of them changed by every bit of the number."""
    numbers = numbers * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return numbers >> np.uint64(32)
