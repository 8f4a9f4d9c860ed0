"""Text files read as sentences: plain or gzip, one a line or tab-separated columns."""

import sys
from collections.abc import Sequence
from pathlib import Path

from attnlab.text.links import parse_pharaoh
from attnlab.text.pairs import GoldPair, Pair
from attnlab.text.read_text import read_lines
from attnlab.text.words import split_words

__all__ = [
    "link_pairs",
    "read_columns",
    "read_gold_table",
    "read_lines",
    "read_parallel",
    "without_empty",
]


def read_columns(path: str | Path, count: int, header: bool = False) -> list[list[str]]:
    """Rows of tab-separated columns.

    Args:
      path: a text file, or its gzip.
      count: columns that each line must have, at least.
      header: leave out the first line.

    Returns:
      The columns of each line.

    Raises:
      ValueError: naming a line with fewer columns.
    """
    rows = []
    for number, line in enumerate(read_lines(path), 1):
        row = line.split("\t")
        if len(row) < count:
            raise ValueError(
                f"{path}:{number}: {len(row)} tab-separated columns, "
                f"at least {count} are needed"
            )
        rows.append(row)
    return rows[1:] if header else rows


def read_parallel(source: str | Path, target: str | Path) -> list[Pair]:
    """The pairs of two files, line by line, words split at blanks.

    Args:
      source: file of the source side.
      target: file of the target side.

    Returns:
      The pairs.

    Raises:
      ValueError: for files of different lengths.
    """
    source_lines, target_lines = read_lines(source), read_lines(target)
    if len(source_lines) != len(target_lines):
        raise ValueError(
            f"{source} has {len(source_lines)} lines, {target} has {len(target_lines)}"
        )
    return [
        Pair(_words(a), _words(b))
        for a, b in zip(source_lines, target_lines, strict=True)
    ]


def _words(line: str) -> tuple[str, ...]:
    """The words of a line, each kept once in memory however often it occurs."""
    # A word occurs thousands of times; interned, it is one object.
    return tuple(map(sys.intern, split_words(line)))


def without_empty(pairs: list[Pair]) -> list[Pair]:
    """The pairs with words on both sides: what training can use.

    Args:
      pairs: of a text.

    Returns:
      Those of them.
    """
    return [pair for pair in pairs if pair.source and pair.target]


def link_pairs(
    pairs: Sequence[Pair],
    lines: Sequence[str],
    name: str,
    *,
    one_based: bool = False,
    target_first: bool = False,
) -> list[GoldPair]:
    """Each pair with the Pharaoh links of its line.

    Args:
      pairs: as words.
      lines: of links, one a pair.
      name: the file, for errors.
      one_based: positions count from 1.
      target_first: a link's first number belongs to the target.

    Returns:
      The pairs with their links.

    Raises:
      ValueError: where counts differ, or a link points outside its pair.
    """
    if len(pairs) != len(lines):
        raise ValueError(f"{name} has {len(lines)} lines for {len(pairs)} pairs")
    linked = []
    for number, (pair, line) in enumerate(zip(pairs, lines, strict=True), 1):
        links = parse_pharaoh(
            line,
            source_length=len(pair.source),
            target_length=len(pair.target),
            one_based=one_based,
            target_first=target_first,
            where=f"{name}:{number}",
        )
        linked.append(GoldPair(pair.source, pair.target, *links))
    return linked


def read_gold_table(path: str | Path, reverse: bool = False) -> list[GoldPair]:
    """The gold pairs of a table `id first second links ...` with a header line.

    Args:
      path: of the table; its links have the first-named language first.
      reverse: that language is the target, not the source.

    Returns:
      The pairs with their links.

    Raises:
      ValueError: naming line and link of what is broken.
    """
    gold = []
    # Counted from 2, as line 1 is the header.
    for number, row in enumerate(read_columns(path, 4, header=True), 2):
        first, second = tuple(split_words(row[1])), tuple(split_words(row[2]))
        pair = Pair(second, first) if reverse else Pair(first, second)
        links = parse_pharaoh(
            row[3],
            source_length=len(pair.source),
            target_length=len(pair.target),
            # The file's first language is then our target.
            target_first=reverse,
            where=f"{path}:{number}",
        )
        gold.append(GoldPair(*pair, *links))
    return gold
