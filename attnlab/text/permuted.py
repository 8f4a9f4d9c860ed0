"""A shuffle that is never written down: where each index goes is computed by itself.

A permutation of 100 million indices takes 800 MB and is made anew every epoch. A
Feistel network, as in a block cipher, is a permutation by construction and evaluates
at one index as fast as at any other.
"""

import math

import numpy as np

ROUNDS = 6  # four look random to any statistic of fewer than sqrt(size) outputs


def permuted(indices: np.ndarray, size: int, key: tuple[int, ...]) -> np.ndarray:
    """Where a shuffle of range(size) takes some of its indices.

    The network permutes pairs (left, right) of digits below the root of `size`, rounded
    up: a round adds a hash of one to the other (Black and Rogaway 2002). What falls
    past the end goes through the network again until it falls inside, which leaves a
    permutation of the rest.

    Args:
      indices: each in [0, size), [N].
      size: of the shuffle.
      key: numbers >= 0 that choose the shuffle.

    Returns:
      Their places, int64 [N].

    Raises:
      ValueError: for indices outside.
    """
    places = np.asarray(indices, np.int64).copy()
    if places.size and not (0 <= places.min() and places.max() < size):
        raise ValueError(
            f"indices reach from {places.min()} to {places.max()} of {size}"
        )
    # Two digits of this base cover range(size) with at most 2 root over.
    root = math.isqrt(max(size, 1) - 1) + 1
    # SeedSequence mixes the key, so that keys that differ by one are unrelated.
    rounds = np.random.SeedSequence(key).generate_state(ROUNDS, np.uint64)
    walking = np.arange(places.size)
    while walking.size:
        left, right = np.divmod(places[walking].astype(np.uint64), np.uint64(root))
        for salt in rounds:
            # Invertible whatever the hash is: `right` is still there to subtract it.
            left, right = right, (left + _hashed(right + salt)) % np.uint64(root)
        places[walking] = left * np.uint64(root) + right
        # Cycle walking: what fell past the end goes round again.
        walking = walking[places[walking] >= size]
    return places


def _hashed(numbers: np.ndarray) -> np.ndarray:
    """32 bits of each, every one of them changed by every bit of the number."""
    # The multipliers of splitmix64's finalizer; uint64 wraps around as wanted.
    numbers = numbers * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return numbers >> np.uint64(32)
