"""Longer training sentences: neighbors of a shuffled corpus glued in twos."""

import random
from collections.abc import Sequence

from attnlab.text.pairs import Pair


def joined(pairs: Sequence[Pair], share: float, seed: int = 0) -> list[Pair]:
    """Longer training pairs: a share of them glued in twos.

    A model is lost in sentences longer than any it has read, and its alignments with
    it; a glued pair is as long as two and aligned as its halves are. The words stay the
    same.

    Args:
      pairs: of a training text.
      share: of the pairs that are glued, in [0, 1]; 1 glues all but an odd last one.
      seed: of which they are.

    Returns:
      The pairs left as they are, then the glued ones.

    Raises:
      ValueError: for another share.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share is {share}; it must lie in [0, 1]")
    # A string, so that other parts with the same seed draw other numbers.
    rng = random.Random(f"joined {seed}")
    # An even number, as they go in twos.
    order = rng.sample(range(len(pairs)), round(share * len(pairs)) // 2 * 2)
    glued = [
        Pair(pairs[a].source + pairs[b].source, pairs[a].target + pairs[b].target)
        for a, b in zip(order[::2], order[1::2], strict=True)
    ]
    # Pairs that were not glued stay in their order, so that 0 changes nothing.
    taken = set(order)
    return [pair for n, pair in enumerate(pairs) if n not in taken] + glued
