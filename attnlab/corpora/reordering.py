"""How far word order differs between the languages of a pair, read off its links."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.text.pairs import GoldPair

FARTHEST = 1.0  # words off its diagonal that a link may lie and still count as on it


class Reordering(NamedTuple):
    """Of the sure links of a set of pairs, all pooled; NaN where there are none.

    possible: links that are possible only. unlinked: share of source and of target
      words without any link.
    distance: mean |t - s|, which a local-m window (about s = t) must span.
    off_diagonal: share of links with |t - s T / S| > FARTHEST; a mere difference of
      lengths does not count.
    jump: mean |a_t - a_t'|, where a_t is the mean source position of target word t and
      t' the linked target word before it (Vogel et al. 1996's jump widths); word for
      word it is 1.
    crossing: share of pairs of links with different words at both ends, of one
      sentence, that cross. Kendall's tau is 1 - 2 crossing.
    straight: share of the pairs, those without links left out, where none cross.
    distances [D]: links by |t - s|. widths [J] and jumps [J]: jumps rounded to whole
      words, from the least to the largest, and how many there are.
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
        return 1 - 2 * self.crossing

    def within(self, half_width: int) -> float:
        """Share of links with |t - s| <= half_width: those that such a window sees."""
        return _ratio(self.distances[: half_width + 1].sum(), self.sure)


def reordering(gold: Sequence[GoldPair]) -> Reordering:
    """The figures of a gold or silver set."""
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
        t, s = np.array(sorted(pair.sure)).T
        distances.append(np.abs(t - s))
        deviations.append(np.abs(t - s * len(pair.target) / len(pair.source)))
        jumps.append(jumps_of(t, s))
        crossed.append(crossings(t, s))
    distance, deviation, jump = map(_joined, (distances, deviations, jumps))
    cross, comparable = np.array(crossed, int).reshape(-1, 2).T
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
    """From each linked target word to the next: how far the mean source position goes.

    For links t [L], s [L] that is one number less than there are different t.
    """
    _, word = np.unique(t, return_inverse=True)
    return np.diff(np.bincount(word, s) / np.bincount(word))


def crossings(t: np.ndarray, s: np.ndarray) -> tuple[int, int]:
    """(pairs of links that cross, pairs that could: no end in common)."""
    turn = np.sign((t[:, None] - t) * (s[:, None] - s))
    return int((turn < 0).sum()) // 2, int((turn != 0).sum()) // 2


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *parts])


def _ratio(part: float, whole: int) -> float:
    return float(part) / whole if whole else float("nan")
