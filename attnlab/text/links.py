"""Alignment links as files hold them: Pharaoh and talp (`i-j`) and WPT.

Inside attnlab a link is a pair (t, s): target word, source word, both 0-based. `sure`
links are those every annotator is certain of; `possible` always includes them. Files
count differently: the first number of a Pharaoh link belongs to the first-named
language of the file (usually the source), and gold files are often 1-based while the
outputs of aligners are 0-based. The readers below take care of both, and nothing else
does.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from attnlab.text.read_text import read_lines

Link = tuple[int, int]
Links = tuple[frozenset[Link], frozenset[Link]]

NUMBER = re.compile(r"\d{1,9}", re.ASCII)  # no position has more digits
_PHARAOH = re.compile(r"(\d{1,9})([-?p])(\d{1,9})", re.ASCII)


def parse_pharaoh(
    line: str,
    *,
    source_length: int | None = None,
    target_length: int | None = None,
    one_based: bool = False,
    target_first: bool = False,
    where: str = "",
) -> Links:
    """The links of one line such as `0-0 2-1 1?2`.

    `i-j` is a sure link, `i?j` and `ipj` are possible ones; an empty line has no links.
    For example `parse_pharaoh("0-1 2?1")` is ({(1, 0)}, {(1, 0), (1, 2)}).

    Args:
      line: the links, with blanks between.
      source_length: source words, which positions are checked against.
      target_length: target words.
      one_based: positions count from 1.
      target_first: i counts the target and j the source (outputs of an aligner run in
        the reverse direction), not the other way round.
      where: say "file:line", for errors.

    Returns:
      The sure and the possible links (t, s), 0-based.

    Raises:
      ValueError: for what is no link, a position beyond the lengths, and 0 in a 1-based
        line: silently dropped links would only make the scores look odd.
    """
    sure, possible = set(), set()
    for word in line.split():
        match = _PHARAOH.fullmatch(word)
        if match is None:
            raise ValueError(
                f"{_prefix(where)}{word[:60]!r} is not a link; links are i-j (sure), "
                "i?j or ipj (possible)"
            )
        first, mark, second = int(match[1]), match[2], int(match[3])
        link = _link(first, second, one_based, target_first)
        _check(link, word, source_length, target_length, one_based, where)
        possible.add(link)
        if mark == "-":
            sure.add(link)
    return frozenset(sure), frozenset(possible)


def read_pharaoh(
    path: str | Path,
    *,
    lengths: Iterable[tuple[int, int]] | None = None,
    one_based: bool = False,
    target_first: bool = False,
) -> list[Links]:
    """The links of every line of a Pharaoh or talp file.

    Args:
      path: the file, or its .gz.
      lengths: (source, target) words of each line's pair; when given, the file must
        have as many lines, and every link must lie inside its pair.
      one_based: positions count from 1.
      target_first: a link's first number belongs to the target.

    Returns:
      The sure and the possible links (t, s) of each line.

    Raises:
      ValueError: naming line and link of what is broken.
    """
    lines = read_lines(path)
    # Without lengths, positions have no upper limit to be checked against.
    pairs = [(None, None)] * len(lines) if lengths is None else list(lengths)
    if len(pairs) != len(lines):
        raise ValueError(f"{path} has {len(lines)} lines for {len(pairs)} pairs")
    return [
        parse_pharaoh(
            line,
            source_length=source_length,
            target_length=target_length,
            one_based=one_based,
            target_first=target_first,
            where=f"{path}:{number}",
        )
        for number, (line, (source_length, target_length)) in enumerate(
            zip(lines, pairs, strict=True), 1
        )
    ]


def format_pharaoh(sure: Iterable[Link], possible: Iterable[Link] = ()) -> str:
    """The line `s-t s?t ...` of links: 0-based, by source.

    Args:
      sure: links (t, s).
      possible: links (t, s), sure ones among them or not.

    Returns:
      The line.
    """
    certain = set(sure)
    ordered = sorted((s, t) for t, s in certain | set(possible))
    return " ".join(f"{s}{'-' if (t, s) in certain else '?'}{t}" for s, t in ordered)


def read_wpt(
    path: str | Path,
    *,
    lengths: Mapping[int, tuple[int, int]] | None = None,
    one_based: bool = True,
    target_first: bool = False,
) -> dict[int, Links]:
    """The links of each pair in a file of the WPT 2003 shared task.

    A line is `id first second [S|P [confidence]]`, sure where it doesn't say; positions
    count from 1, and links to position 0 (the empty word) are left out, as AER does.
    Pairs without links do not occur in such a file, nor in the result.

    Args:
      path: the file, or its .gz.
      lengths: (source, target) words by id, to check every link against its pair.
      one_based: positions count from 1.
      target_first: the first position is a target word: the Hansards gold has English
        first, so it is read so for French to English.

    Returns:
      The sure and the possible links (t, s) by the pair's id.

    Raises:
      ValueError: naming line and link of what is broken.
    """
    links: dict[int, tuple[set[Link], set[Link]]] = {}
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split()
        if not fields:
            continue
        where = f"{path}:{number}"
        identity, first, second, certain = _wpt_fields(fields, where)
        sure, possible = links.setdefault(identity, (set(), set()))
        # Position 0 is the empty word, which AER does not count.
        if one_based and 0 in (first, second):
            continue
        source_length, target_length = None, None
        if lengths is not None:
            if identity not in lengths:
                raise ValueError(f"{where}: no pair has the id {identity}")
            source_length, target_length = lengths[identity]
        link = _link(first, second, one_based, target_first)
        text = " ".join(fields)
        _check(link, text, source_length, target_length, one_based, where)
        possible.add(link)
        if certain:
            sure.add(link)
    return {name: (frozenset(s), frozenset(p)) for name, (s, p) in links.items()}


def _wpt_fields(fields: list[str], where: str) -> tuple[int, int, int, bool]:
    """(id, first, second, sure) of one line's fields."""
    numbers, mark = fields[:3], fields[3] if len(fields) > 3 else "S"
    if (
        len(fields) not in (3, 4, 5)
        or not all(NUMBER.fullmatch(word) for word in numbers)
        or mark not in ("S", "P")
    ):
        text = " ".join(fields)
        raise ValueError(
            f"{where}: {text[:60]!r} is not a WPT link `id first second S|P`"
        )
    return int(numbers[0]), int(numbers[1]), int(numbers[2]), mark == "S"


def _link(first: int, second: int, one_based: bool, target_first: bool) -> Link:
    t, s = (first, second) if target_first else (second, first)
    return t - one_based, s - one_based  # True is 1


def _check(
    link: Link,
    text: str,
    source_length: int | None,
    target_length: int | None,
    one_based: bool,
    where: str,
) -> None:
    t, s = link
    for side, position, length in (
        ("source", s, source_length),
        ("target", t, target_length),
    ):
        # Without this check -1 would be the last word to whoever indexes by it.
        if position < 0:
            raise ValueError(
                f"{_prefix(where)}link {text!r} counts {side} words from 0, but "
                "one_based=True was asked for"
            )
        if length is not None and position >= length:
            count = "from 1" if one_based else "from 0"
            raise ValueError(
                f"{_prefix(where)}link {text!r} points at {side} word "
                f"{position + one_based} (counting {count}), but the {side} sentence "
                f"has {length} words"
            )


def _prefix(where: str) -> str:
    return f"{where}: " if where else ""
