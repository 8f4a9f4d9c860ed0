"""Statistics of corpora: lengths, words, what vocabularies cover, as tables and panels.

The parts that the description of any corpus is made of; a task puts them together for
its own kind (`describe` of its TaskSpec). They speak of words as the loader gives them.
Word order, of which only links tell, is in `attnlab/tasks/translation/word_order.py`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np

SIZES = tuple(m * 10**p for p in range(1, 6) for m in (1, 2, 5))  # of vocabularies
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MARKS = 8  # sizes of a vocabulary in a table, the largest

Example = TypeVar("Example")
Curve = tuple[Sequence[int] | np.ndarray, np.ndarray]
"""(x, share): whole numbers x, or sizes of a vocabulary, and a share in [0, 1] each."""


class CorpusTable(NamedTuple):
    """Rows of text under column names; the first column names the row."""

    title: str
    columns: list[str]
    rows: list[list[str]]


class Panel(NamedTuple):
    """Curves to draw.

    Attributes:
      kind: "shares" of whole numbers in a row, or "coverage" by size of a vocabulary.
      x: label of the x axis.
      series: the curves by name.
    """

    kind: str
    x: str
    series: Mapping[str, Curve]


class Part(NamedTuple):
    """Some of a description; parts are added up."""

    tables: list[CorpusTable]
    panels: list[Panel]

    def __add__(self, other: "Part") -> "Part":  # type: ignore[override]
        return Part(self.tables + other.tables, self.panels + other.panels)


class CorpusDescription(NamedTuple):
    """All that there is to say of a corpus.

    Attributes:
      about: what it is.
      tables: its numbers.
      panels: its curves.
      notes: on what is left out.
      figure: draws something else instead of the panels.
    """

    about: str
    tables: list[CorpusTable]
    panels: list[Panel]
    notes: Sequence[str] = ()
    figure: Callable[[], Any] | None = None  # matplotlib's, which is slow to import


def number(value: int) -> str:
    """A whole number with its thousands apart.

    Args:
      value: the number.

    Returns:
      "12,345".
    """
    return f"{value:,}"


def share(value: float) -> str:
    """A share in percent.

    Args:
      value: in [0, 1], or NaN.

    Returns:
      "12.3%"; "" for NaN.
    """
    return "" if np.isnan(value) else f"{value:.1%}"  # nan: there was nothing to count


def splits_of(
    train: Sequence[Example], dev: Sequence[Example], test: Sequence[Example]
) -> dict[str, Sequence[Example]]:
    """Those of the three splits that hold something.

    Args:
      train: examples to train on.
      dev: of the development set.
      test: of the test set.

    Returns:
      The examples by the split's name.
    """
    every = {"train": train, "dev": dev, "test": test}
    return {split: part for split, part in every.items() if len(part)}


# ---- lengths -----------------------------------------------------------------------


class Quantiles(NamedTuple):
    """Of whole numbers.

    Attributes:
      count: how many numbers.
      mean: of them.
      least: of them.
      at: those that the SHARES of them do not exceed.
      most: of them.
    """

    count: int
    mean: float
    least: int
    at: tuple[int, ...]
    most: int


def quantiles(values: Iterable[int]) -> Quantiles:
    """Quantiles, each one of the values: the least that so many do not exceed.

    Args:
      values: at least one whole number.

    Returns:
      The quantiles.

    Raises:
      ValueError: where there are no numbers.
    """
    numbers = np.fromiter(values, int)
    if not len(numbers):
        raise ValueError("no numbers to take quantiles of")
    # inverted_cdf gives one of the values; others would average two lengths.
    at = np.quantile(numbers, SHARES, method="inverted_cdf")
    return Quantiles(
        len(numbers),
        float(numbers.mean()),
        int(numbers.min()),
        tuple(int(value) for value in at),
        int(numbers.max()),
    )


def shares(values: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """How often each whole number occurs.

    Args:
      values: at least one whole number.

    Returns:
      The numbers from the least to the largest [N], and the share of each [N].
    """
    numbers = np.fromiter(values, int)
    least = int(numbers.min())  # bincount starts at 0, lengths often far from it
    counts = np.bincount(numbers - least)
    return least + np.arange(len(counts)), counts / len(numbers)


def lengths_table(
    lengths: Mapping[str, Iterable[int]], title: str = "lengths in words"
) -> CorpusTable:
    """A table of quantiles.

    Args:
      lengths: by the row's name; those without any values are left out.
      title: of the table.

    Returns:
      A row a name.
    """
    columns = ["", "number", "mean", "least"]
    columns += [f"{part:.0%}" for part in SHARES] + ["most"]
    rows = []
    for name, values in lengths.items():
        # An empty split has no quantiles, so it gets no row.
        if not (values := list(values)):
            continue
        count, mean, least, at, most = quantiles(values)
        numbers = map(number, [least, *at, most])
        rows.append([name, number(count), f"{mean:.1f}", *numbers])
    return CorpusTable(title, columns, rows)


def lengths_panel(lengths: Mapping[str, Iterable[int]], x: str) -> Panel:
    """A panel of how often each length occurs.

    Args:
      lengths: by the curve's name; those without any values are left out.
      x: label of the axis.

    Returns:
      The panel.
    """
    values = {name: list(numbers) for name, numbers in lengths.items()}
    return Panel("shares", x, {name: shares(v) for name, v in values.items() if v})


# ---- words -------------------------------------------------------------------------


class TextStats(NamedTuple):
    """Of a text.

    Attributes:
      tokens: words in all.
      types: different ones.
      once: how many of those occur once.
    """

    tokens: int
    types: int
    once: int


def count(sentences: Iterable[Iterable[str]]) -> Counter[str]:
    """How often each word occurs.

    Args:
      sentences: as words.

    Returns:
      The counts.
    """
    return Counter(chain.from_iterable(sentences))


def text_stats(counts: Counter[str]) -> TextStats:
    """The sizes of a text.

    Args:
      counts: of its words.

    Returns:
      Tokens, types and types that occur once.
    """
    once = sum(times == 1 for times in counts.values())
    return TextStats(counts.total(), len(counts), once)


def vocabulary_sizes(types: int) -> list[int]:
    """The sizes of a vocabulary to look at coverage for.

    Args:
      types: different words of the text.

    Returns:
      Round numbers below `types`, and it.
    """
    return [*(size for size in SIZES if size < types), types]


def coverage(
    training: Counter[str], text: Counter[str], sizes: Sequence[int]
) -> np.ndarray:
    """Share of a text's tokens that are among the most frequent words of training.

    Words of equal count stand in alphabetical order, as in Vocabulary.build, whose four
    special tokens come on top.

    Args:
      training: counts of the words that a vocabulary is made of.
      text: counts of the words that it is tried on.
      sizes: of the vocabulary, [N].

    Returns:
      A share in [0, 1] for each size, [N].
    """
    # The order in which Vocabulary.of_counts ranks words, so that the curves are
    # those of our vocabularies.
    ranked = sorted(training, key=lambda word: (-training[word], word))
    rank = {word: place for place, word in enumerate(ranked)}
    tokens = np.zeros(len(ranked) + 1)  # by the rank of their word; the last: unknown
    for word, times in text.items():
        # Unknown words go to the last place.
        tokens[rank.get(word, len(ranked))] += times
    reached = np.concatenate([[0.0], np.cumsum(tokens[:-1])])  # by size, from 0 words
    return reached[np.minimum(sizes, len(ranked))] / max(text.total(), 1)


def vocabulary(counts: Mapping[str, Counter[str]], title: str = "words") -> Part:
    """Words of each text, and how many of those of dev and test training has.

    Args:
      counts: of the words by the text's name: its split, or split and side, so that
        "dev French" is compared with "train French".
      title: of the first table.

    Returns:
      The sizes of texts and, where there is something to compare, the coverage.
    """
    rows, curves = [], {}
    for name, text in counts.items():
        tokens, types, once = text_stats(text)
        rare = share(once / types) if types else ""
        rows.append([name, number(tokens), number(types), rare])
        split, blank, side = name.partition(" ")
        training = counts.get(f"train{blank}{side}")
        if split != "train" and training and text:
            sizes = vocabulary_sizes(len(training))
            curves[name] = (sizes, coverage(training, text, sizes))
    words = CorpusTable(title, ["", "tokens", "different ones", "of them once"], rows)
    if not curves:
        return Part([words], [])
    panel = Panel("coverage", "most frequent words of training", curves)
    return Part([words, _coverage_table(curves)], [panel])


def _coverage_table(curves: Mapping[str, tuple[list[int], np.ndarray]]) -> CorpusTable:
    every = {size for sizes, _ in curves.values() for size in sizes[:-1]}
    # The largest: small vocabularies are of little use, and columns are dear.
    marks = sorted(every)[-MARKS:]
    rows = []
    for name, (sizes, covered) in curves.items():
        at = dict(zip(sizes[:-1], covered, strict=False))
        each = [share(at[size]) if size in at else "" for size in marks]
        rows.append([name, *each, share(covered[-1])])
    title = "share of words known to a vocabulary of the so many most frequent"
    return CorpusTable(title, ["", *map(number, marks), "all"], rows)
