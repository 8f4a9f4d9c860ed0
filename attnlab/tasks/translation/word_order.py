"""How far word order differs between the languages of a pair, read off its links."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from attnlab.corpora.corpus_stats import CorpusTable, Panel, Part, number, share
from attnlab.text.pairs import GoldPair

FARTHEST = 1.0  # words off its diagonal that a link may lie and still count as on it
WINDOWS = (0, 1, 2, 5, 10)  # half widths
FAR = 12  # links and jumps farther than this share the last place of a panel


class Reordering(NamedTuple):
    """Of the sure links of a set of pairs, all pooled; NaN where there are none.

    Attributes:
      pairs: how many.
      sure: their sure links.
      possible: links that are possible only.
      unlinked: share of source and of target words without any link.
      distance: mean |t - s|, which a local-m window (about s = t) must span.
      off_diagonal: share of links with |t - s T / S| > FARTHEST; a mere difference of
        lengths does not count.
      jump: mean |a_t - a_t'|, where a_t is the mean source position of target word t
        and t' the linked target word before it (Vogel et al. 1996's jump widths); word
        for word it is 1.
      crossing: share of pairs of links with different words at both ends, of one
        sentence, that cross. Kendall's tau is 1 - 2 crossing.
      straight: share of the pairs, those without links left out, where none cross.
      distances: links by |t - s|, [D].
      widths: jumps rounded to whole words, from the least to the largest, [J].
      jumps: how many there are of each, [J].
    """

    pairs: int
    sure: int
    possible: int
    unlinked: tuple[float, float]
    distance: float
    off_diagonal: float
    jump: float
    crossing: float
    straight: float
    distances: np.ndarray
    widths: np.ndarray
    jumps: np.ndarray

    @property
    def tau(self) -> float:
        """Kendall's tau of source and target order, in [-1, 1]."""
        return 1 - 2 * self.crossing

    def within(self, half_width: int) -> float:
        """Share of links that a window about s = t sees.

        Args:
          half_width: its D.

        Returns:
          The share of links with |t - s| <= D.
        """
        return _ratio(self.distances[: half_width + 1].sum(), self.sure)


def reordering(gold: Sequence[GoldPair]) -> Reordering:
    """The figures of a gold or silver set.

    Args:
      gold: pairs with their links.

    Returns:
      The figures, over all pairs.
    """
    distances, deviations, jumps, crossed = [], [], [], []
    words, unlinked = np.zeros(2, int), np.zeros(2, int)
    possible = 0
    for pair in gold:
        lengths = np.array([len(pair.source), len(pair.target)])
        words += lengths
        everything = pair.sure | pair.possible
        ends = len({s for _, s in everything}), len({t for t, _ in everything})
        unlinked += lengths - ends
        possible += len(everything) - len(pair.sure)
        if not pair.sure:
            continue
        # Sure links alone: possible ones are where annotators did not agree.
        t, s = np.array(sorted(pair.sure)).T
        distances.append(np.abs(t - s))
        # The diagonal of a pair whose sides differ in length is not s = t.
        deviations.append(np.abs(t - s * len(pair.target) / len(pair.source)))
        jumps.append(jumps_of(t, s))
        crossed.append(crossings(t, s))
    distance, deviation, jump = map(_joined, (distances, deviations, jumps))
    cross, comparable = np.array(crossed, int).reshape(-1, 2).T
    # NumPy's round goes to the even number, so that 0.5 and 1.5 would differ.
    rounded = np.floor(jump + 0.5).astype(int)
    least, most = (rounded.min(), rounded.max()) if len(rounded) else (0, 0)
    return Reordering(
        pairs=len(gold),
        sure=len(distance),
        possible=possible,
        unlinked=(_ratio(unlinked[0], words[0]), _ratio(unlinked[1], words[1])),
        distance=_ratio(distance.sum(), len(distance)),
        off_diagonal=_ratio((deviation > FARTHEST).sum(), len(deviation)),
        jump=_ratio(np.abs(jump).sum(), len(jump)),
        crossing=_ratio(cross.sum(), comparable.sum()),
        straight=_ratio((cross == 0).sum(), len(cross)),
        distances=np.bincount(distance.astype(int), minlength=1),
        widths=np.arange(least, most + 1),
        jumps=np.bincount(rounded - least, minlength=most - least + 1),
    )


def jumps_of(t: np.ndarray, s: np.ndarray) -> np.ndarray:
    """How far the mean source position goes from each linked target word to the next.

    Args:
      t: target positions of the links, [L].
      s: their source positions, [L].

    Returns:
      The jumps, one number less than there are different t.
    """
    _, word = np.unique(t, return_inverse=True)  # linked target words as 0, 1, 2, ...
    return np.diff(np.bincount(word, s) / np.bincount(word))


def crossings(t: np.ndarray, s: np.ndarray) -> tuple[int, int]:
    """How many pairs of a sentence's links cross.

    Args:
      t: target positions of the links, [L].
      s: their source positions, [L].

    Returns:
      Pairs of links that cross, and pairs that could: without an end in common.
    """
    turn = np.sign((t[:, None] - t) * (s[:, None] - s))  # [L, L]
    # The matrix has each pair of links twice.
    return int((turn < 0).sum()) // 2, int((turn != 0).sum()) // 2


def word_order(gold: Mapping[str, Reordering]) -> Part:
    """What the sure links of sets of pairs say of word order.

    Args:
      gold: figures by the set's name.

    Returns:
      Tables of links, order and windows, and panels of distances and jumps; nothing
      without sets.
    """
    if not gold:
        return Part([], [])
    links = [
        [name, *map(number, (row.pairs, row.sure, row.possible))]
        + [share(words) for words in row.unlinked]
        for name, row in gold.items()
    ]
    orders = [
        [name, _decimals(row.distance), share(row.off_diagonal), _decimals(row.jump)]
        + [share(row.crossing), _decimals(row.tau), share(row.straight)]
        for name, row in gold.items()
    ]
    windows = [
        [name, *(share(row.within(window)) for window in WINDOWS)]
        for name, row in gold.items()
    ]
    linked = ["", "pairs", "sure", "possible only", "source unlinked", "target"]
    ordered = ["", "|t - s|", "off the diagonal", "|jump|", "crossing", "tau"]
    spans = ["", *(f"D = {window}" for window in WINDOWS)]
    tables = [
        CorpusTable("links", linked, links),
        CorpusTable("word order, by the sure links", [*ordered, "no crossing"], orders),
        CorpusTable("share of sure links in a window about s = t", spans, windows),
    ]
    distances = {
        name: _clipped(np.arange(len(row.distances)), row.distances)
        for name, row in gold.items()
        if row.sure
    }
    jumps = {
        name: _clipped(row.widths, row.jumps)
        for name, row in gold.items()
        if row.jumps.sum()
    }
    by_distance = f"distance |t − s| of a link ({FAR}: or more)"
    by_jump = f"jump in the source to the next word (±{FAR}: or more)"
    panels = [Panel("shares", by_distance, distances), Panel("shares", by_jump, jumps)]
    return Part(tables, [panel for panel in panels if panel.series])


def _clipped(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the values, those beyond FAR put at it."""
    # A few links far off would squeeze all others into one step of the panel.
    places = np.clip(values, -FAR, FAR)
    least = places.min()
    total = np.bincount(places - least, counts)
    return least + np.arange(len(total)), total / total.sum()


def _decimals(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *parts])


def _ratio(part: float, whole: int) -> float:
    return float(part) / whole if whole else float("nan")
