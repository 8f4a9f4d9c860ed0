"""The records of parallel text: a pair, a pair with gold links, a whole corpus."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

Link = tuple[int, int]
"""(t, s): target word t is a translation of source word s, both counted from 0."""


SHORT = 20  # source words: gold pairs that are no longer than most training text is

Symbols = tuple[str, ...]
NO_REFERENCES: Mapping[Symbols, tuple[Symbols, ...]] = MappingProxyType({})
Further = Sequence[tuple[tuple[str, ...], ...]]
NOTHING_FURTHER: Mapping[str, Further] = MappingProxyType({})


class Pair(NamedTuple):
    """A sentence and its translation, as words."""

    source: tuple[str, ...]
    target: tuple[str, ...]


def as_pair(value: object) -> Pair:
    """A pair of words, checked.

    Args:
      value: a Pair, or a tuple of its two sides.

    Returns:
      The Pair.

    Raises:
      ValueError: for anything else, a pair of texts for example.
    """
    if (
        not isinstance(value, tuple)
        or len(value) != 2
        or any(
            isinstance(words, str) or not isinstance(words, Sequence) for words in value
        )
    ):
        raise ValueError(f"{' '.join(repr(value).split())[:80]} is no Pair of words")
    return Pair(*value)


class GoldPair(NamedTuple):
    """A pair whose word links are known; `possible` includes `sure`."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    sure: frozenset[Link]
    possible: frozenset[Link]

    @property
    def pair(self) -> Pair:
        return Pair(self.source, self.target)


class Corpus(NamedTuple):
    """Parallel text in three splits, and sets of pairs with gold links by name.

    `train` may be a sequence that is read from disk (`attnlab.text.shards`).

    `about` says in a line or two what the text is and how it was made ready. A gold
    set's name starts with `silver_` where a program, not a person or the grammar, made
    the links: call a figure against it agreement, not AER. `notes` say what was left
    out of the files.

    Where `symbols` is true the pairs are strings, such as letters and phonemes, and not
    sentences: they are judged by error rate and accuracy, too. `references` then has
    all right targets of a source of dev and test that has several, its pair's first.
    """

    name: str
    train: Sequence[Pair]
    dev: list[Pair]
    test: list[Pair]
    gold: dict[str, list[GoldPair]]
    source_language: str
    target_language: str
    about: str
    notes: tuple[str, ...] = ()
    symbols: bool = False
    references: Mapping[Symbols, tuple[Symbols, ...]] = NO_REFERENCES
    further: Mapping[str, Further] = NOTHING_FURTHER

    def reference_lines(self, split: str) -> list[str]:
        """The references of a split as metrics and a run's references.txt have them.

        Args:
          split: "dev" or "test".

        Returns:
          A line a pair; tabs are between several references.
        """
        pairs = {"dev": self.dev, "test": self.test}[split]
        further = self.further.get(split) or [()] * len(pairs)
        return [
            "\t".join(" ".join(words) for words in (pair.target, *others))
            for pair, others in zip(pairs, further, strict=True)
        ]
