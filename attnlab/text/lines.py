"""Text files read as sentences: plain or gzip, one a line or tab-separated columns."""

import sys
from collections.abc import Sequence
from pathlib import Path

from attnlab.text.links import parse_pharaoh
from attnlab.text.pairs import GoldPair, Pair
from attnlab.text.read_text import read_lines

__all__ = [
    "checked_direction",
    "link_pairs",
    "read_columns",
    "read_gold_table",
    "read_lines",
    "read_parallel",
    "without_empty",
]


def read_columns(path: str | Path, count: int, header: bool = False) -> list[list[str]]:
    """Rows of at least `count` tab-separated columns; ValueError names a short line."""
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
    """The pairs of two files, line by line, words split at blanks."""
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
    return tuple(map(sys.intern, line.split()))


def without_empty(pairs: list[Pair]) -> list[Pair]:
    """The pairs with words on both sides: what training can use."""
    return [pair for pair in pairs if pair.source and pair.target]


def link_pairs(
    pairs: Sequence[Pair],
    lines: Sequence[str],
    name: str,
    *,
    one_based: bool = False,
    target_first: bool = False,
) -> list[GoldPair]:
    """Each pair with the Pharaoh links of its line; `name` is the file, for errors.

    Raises ValueError when counts differ or a link points outside its pair.
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

    The links have the first-named language first. It is the source, or the target with
    `reverse`.
    """
    gold = []
    for number, row in enumerate(read_columns(path, 4, header=True), 2):
        first, second = tuple(row[1].split()), tuple(row[2].split())
        pair = Pair(second, first) if reverse else Pair(first, second)
        links = parse_pharaoh(
            row[3],
            source_length=len(pair.source),
            target_length=len(pair.target),
            target_first=reverse,
            where=f"{path}:{number}",
        )
        gold.append(GoldPair(*pair, *links))
    return gold


def checked_direction(
    corpus: str, direction: str, choices: Sequence[str]
) -> tuple[str, str]:
    """(source, target) language of a direction such as `fr-en`, which must be known."""
    if direction not in choices:
        raise ValueError(
            f"unknown direction {direction!r} of {corpus}; choose {', '.join(choices)}"
        )
    source, target = direction.split("-")
    return source, target
