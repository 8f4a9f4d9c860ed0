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
    return [
        Pair(
            tuple(word for n in group for word in pairs[n].source),
            tuple(word for n in group for word in pairs[n].target),
        )
        for group in joined_order(len(pairs), share, seed)
    ]


def joined_order(count: int, share: float, seed: int = 0) -> list[tuple[int, ...]]:
    """Which pairs are glued.

    Args:
      count: of pairs.
      share: as of `joined`.
      seed: as of `joined`.

    Returns:
      The numbers of the pairs that each training pair is made of, one or two.

    Raises:
      ValueError: for another share.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share is {share}; it must lie in [0, 1]")
    # A string, so that other parts with the same seed draw other numbers.
    rng = random.Random(f"joined {seed}")
    # An even number, as they go in twos.
    order = rng.sample(range(count), round(share * count) // 2 * 2)
    # Pairs that are not glued stay in their order, so that 0 changes nothing.
    taken = set(order)
    alone = [(number,) for number in range(count) if number not in taken]
    return alone + list(zip(order[::2], order[1::2], strict=True))
