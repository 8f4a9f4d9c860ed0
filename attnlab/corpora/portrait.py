"""The tables and panels that the description of a corpus is made of."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from attnlab.corpora import measures
from attnlab.corpora.reordering import Reordering

WINDOWS = (0, 1, 2, 5, 10)  # half widths
MARKS = 8  # sizes of a vocabulary in a table, the largest
FAR = 12  # links and jumps farther than this share the last place of a panel


class CorpusTable(NamedTuple):
    """Rows of text under column names; the first column names the row."""

    title: str
    columns: list[str]
    rows: list[list[str]]


class Panel(NamedTuple):
    """Curves to draw: shares of whole numbers x, or a share known to x words.

    series: {name: (x, share)}.
    """

    kind: str  # "shares" or "coverage"
    x: str
    series: Mapping[str, tuple[Sequence[int] | np.ndarray, np.ndarray]]


class Part(NamedTuple):
    """Some of a description."""

    tables: list[CorpusTable]
    panels: list[Panel]

    def __add__(self, other: "Part") -> "Part":  # type: ignore[override]
        return Part(self.tables + other.tables, self.panels + other.panels)


def number(value: int) -> str:
    return f"{value:,}"


def share(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"


def decimals(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"


def lengths_table(
    lengths: Mapping[str, Iterable[int]], title: str = "lengths in words"
) -> CorpusTable:
    """Their quantiles, a row a name; those without any values are left out."""
    columns = ["", "number", "mean", "least"]
    columns += [f"{part:.0%}" for part in measures.SHARES] + ["most"]
    rows = []
    for name, values in lengths.items():
        if not (values := list(values)):
            continue
        found = measures.quantiles(values)
        numbers = [found.least, *found.at, found.most]
        rows.append(
            [name, number(found.count), f"{found.mean:.1f}", *map(number, numbers)]
        )
    return CorpusTable(title, columns, rows)


def lengths_panel(lengths: Mapping[str, Iterable[int]], x: str) -> Panel:
    held = {name: list(values) for name, values in lengths.items()}
    found = {name: measures.shares(values) for name, values in held.items() if values}
    return Panel("shares", x, found)


def vocabulary(counted: Mapping[str, Counter], title: str = "words") -> Part:
    """Words of each text, and how many of those of dev and test training knows.

    A text is called by its split, or split and side: "dev French" is compared with
    "train French".
    """
    rows = []
    for name, counts in counted.items():
        found = measures.text(counts)
        once = share(found.once / found.types) if found.types else ""
        rows.append([name, number(found.tokens), number(found.types), once])
    words = CorpusTable(title, ["", "tokens", "different ones", "of them once"], rows)
    curves = {}
    for name, seen in counted.items():
        split, blank, side = name.partition(" ")
        known = counted.get(f"train{blank}{side}")
        if split != "train" and known and seen:
            sizes = measures.vocabulary_sizes(len(known))
            curves[name] = (sizes, measures.coverage(known, seen, sizes))
    if not curves:
        return Part([words], [])
    panel = Panel("coverage", "most frequent words of training", curves)
    return Part([words, _coverage_table(curves)], [panel])


def _coverage_table(curves) -> CorpusTable:
    every = {size for sizes, _ in curves.values() for size in sizes[:-1]}
    marks = sorted(every)[-MARKS:]
    rows = []
    for name, (sizes, known) in curves.items():
        found = dict(zip(sizes[:-1], known, strict=False))
        each = [share(found[size]) if size in found else "" for size in marks]
        rows.append([name, *each, share(known[-1])])
    title = "share of words known to a vocabulary of the so many most frequent"
    return CorpusTable(title, ["", *map(number, marks), "all"], rows)


def word_order(gold: Mapping[str, Reordering]) -> Part:
    """What the sure links of each set say; nothing without sets."""
    if not gold:
        return Part([], [])
    links = [
        [name, *map(number, (one.pairs, one.sure, one.possible))]
        + [share(words) for words in one.unlinked]
        for name, one in gold.items()
    ]
    orders = [
        [name, decimals(one.distance), share(one.off_diagonal), decimals(one.jump)]
        + [share(one.crossing), decimals(one.tau), share(one.straight)]
        for name, one in gold.items()
    ]
    windows = [
        [name, *(share(one.within(window)) for window in WINDOWS)]
        for name, one in gold.items()
    ]
    linked = ["", "pairs", "sure", "possible only", "source unlinked", "target"]
    ordered = ["", "|t - s|", "off the diagonal", "|jump|", "crossing", "tau"]
    seen = ["", *(f"D = {window}" for window in WINDOWS)]
    tables = [
        CorpusTable("links", linked, links),
        CorpusTable("word order, by the sure links", [*ordered, "no crossing"], orders),
        CorpusTable("share of sure links in a window about s = t", seen, windows),
    ]
    distances = {
        name: _near(np.arange(len(one.distances)), one.distances)
        for name, one in gold.items()
        if one.sure
    }
    jumps = {
        name: _near(one.widths, one.jumps)
        for name, one in gold.items()
        if one.jumps.sum()
    }
    by_distance = f"distance |t − s| of a link ({FAR}: or more)"
    by_jump = f"jump in the source to the next word (±{FAR}: or more)"
    panels = [Panel("shares", by_distance, distances), Panel("shares", by_jump, jumps)]
    return Part(tables, panels)


def _near(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the values, those beyond FAR put at it."""
    places = np.clip(values, -FAR, FAR)
    least = places.min()
    total = np.bincount(places - least, counts)
    return least + np.arange(len(total)), total / total.sum()
