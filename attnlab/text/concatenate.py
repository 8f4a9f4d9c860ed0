"""Longer training sentences: neighbors of a shuffled corpus glued in twos."""

import random
from collections.abc import Sequence

from attnlab.text.pairs import Pair


def joined(pairs: Sequence[Pair], share: float, seed: int = 0) -> list[Pair]:
    """`pairs` with a `share` of them, drawn by `seed`, glued into pairs of two.

    A model is lost in sentences longer than any it has read, and its alignments with
    it; a glued pair is as long as two and aligned as its halves are. The words stay the
    same: 0 leaves the pairs as they are, 1 glues all but an odd last one.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share is {share}; it must lie in [0, 1]")
    rng = random.Random(f"joined {seed}")
    order = rng.sample(range(len(pairs)), round(share * len(pairs)) // 2 * 2)
    glued = [
        Pair(pairs[a].source + pairs[b].source, pairs[a].target + pairs[b].target)
        for a, b in zip(order[::2], order[1::2], strict=True)
    ]
    taken = set(order)
    return [pair for n, pair in enumerate(pairs) if n not in taken] + glued
