"""The type of alignment links that metrics work on, and their two orders.

In files (Pharaoh) and in the functions that `attnlab.metrics` offers by name, a link is
(source, target). Inside attnlab, beside alignments [T, S], it is (t, s): `reverse`
turns the one into the other. Positions are 0-based in both. AER is the same either way,
as long as links and gold agree.
"""

from collections.abc import Iterable

Link = tuple[int, int]
LinkSet = set[Link] | frozenset[Link]
Gold = tuple[LinkSet, LinkSet]
"""(sure, possible) links of a sentence."""


def reverse(links: Iterable[Link]) -> set[Link]:
    """The same links with source and target exchanged.

    Args:
      links: (t, s), or (s, t).

    Returns:
      The links (s, t), or (t, s).
    """
    return {(second, first) for first, second in links}
