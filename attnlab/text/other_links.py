"""Links that another aligner wrote for a gold set: Pharaoh or WPT 2003, told apart.

    GIZA++=giza.talp.gz,target-first,odd

names a file of links. Which pairs its lines are of follows from their number.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab.text.links import NUMBER, Link, Links, parse_pharaoh, read_wpt
from attnlab.text.pairs import GoldPair
from attnlab.text.read_text import read_lines

OPTIONS = ("target-first", "from-1", "odd")


class LinkFile(NamedTuple):
    """A file of another aligner's links.

    name: of the aligner. path: the file, or its .gz. target_first: a link's first
    number is of the target. one_based: positions of a Pharaoh file count from 1, as
    those of a WPT file always do. odd: the gold pairs are every other line (the 1st,
    3rd, ...). gold: the set that it is of; "": the one that it fits.
    """

    name: str
    path: Path
    target_first: bool = False
    one_based: bool = False
    odd: bool = False
    gold: str = ""


def parse_link_file(text: str) -> LinkFile:
    """What `[NAME=]FILE[,target-first][,from-1][,odd][,gold=SET]` says.

    Args:
      text: such a text.

    Returns:
      The LinkFile; without a name it has that of the file.

    Raises:
      ValueError: for a text whose name or file is empty, and an unknown option.
    """
    file, *options = text.split(",")
    name, equals, path = file.partition("=")
    if not equals:
        path = name
    if not (name and path):
        raise ValueError(f"{text!r} is not [NAME=]FILE")
    gold = ""
    for option in options:
        if option.startswith("gold="):
            gold = option.removeprefix("gold=")
        elif option not in OPTIONS:
            choices = ", ".join((*OPTIONS, "gold=SET"))
            raise ValueError(f"unknown option {option!r} of {name}; choose {choices}")
    target_first, one_based, odd = (option in options for option in OPTIONS)
    return LinkFile(name, Path(path), target_first, one_based, odd, gold)


def links_of_gold(
    file: LinkFile, gold: Mapping[str, Sequence[GoldPair]]
) -> tuple[str, list[frozenset[Link]]]:
    """The sure links of a file, and the gold set whose pairs they are of.

    A Pharaoh file fits a set of as many pairs as it has lines; a WPT file one of at
    least as many as its largest number, since it is silent on pairs without links. All
    links must lie inside their pairs.

    Args:
      file: the file and how it is read.
      gold: gold sets by name.

    Returns:
      The set's name, and links (t, s) of each of its N pairs.

    Raises:
      ValueError: naming the file, where it is broken or fits no set, or more than one.
      FileNotFoundError: where there is none.
    """
    if file.gold and file.gold not in gold:
        choices = ", ".join(gold)
        raise ValueError(f"{file.path}: no gold set {file.gold!r}; choose {choices}")
    chosen = {file.gold: gold[file.gold]} if file.gold else gold
    lines = read_lines(file.path)
    read = _wpt if _is_wpt(lines) else _pharaoh
    fitting: dict[str, list[frozenset[Link]]] = {}
    reasons: list[str] = []
    for name, pairs in chosen.items():
        try:
            fitting[name] = [sure for sure, _ in read(file, lines, pairs)]
        except ValueError as error:
            reasons.append(f"{name}: {error}{_hint(read, file, lines, pairs)}")
    if not fitting:
        raise ValueError(f"{file.path} fits no gold set; " + "; ".join(reasons))
    if len(fitting) > 1:
        choices = " or ".join(f"gold={name}" for name in fitting)
        raise ValueError(f"{file.path} fits several gold sets: add {choices}")
    return next(iter(fitting.items()))


def _is_wpt(lines: Sequence[str]) -> bool:
    """Whether the first line that has links is `id first second ...`."""
    fields = next((line.split() for line in lines if line.split()), [])
    return len(fields) >= 3 and all(NUMBER.fullmatch(word) for word in fields[:3])


def _pharaoh(
    file: LinkFile, lines: Sequence[str], pairs: Sequence[GoldPair]
) -> list[Links]:
    numbered = list(enumerate(lines, 1))[:: 2 if file.odd else 1]
    if len(numbered) != len(pairs):
        odd = " odd-numbered" if file.odd else ""
        raise ValueError(f"{len(numbered)}{odd} lines for {len(pairs)} pairs")
    return [
        parse_pharaoh(
            line,
            source_length=len(pair.source),
            target_length=len(pair.target),
            one_based=file.one_based,
            target_first=file.target_first,
            where=f"line {number}",
        )
        for (number, line), pair in zip(numbered, pairs, strict=True)
    ]


def _wpt(
    file: LinkFile, lines: Sequence[str], pairs: Sequence[GoldPair]
) -> list[Links]:
    del lines  # the reader numbers them itself
    by_number = read_wpt(file.path, target_first=file.target_first)
    if file.odd:
        by_number = {n // 2 + 1: links for n, links in by_number.items() if n % 2}
    outside = [n for n in by_number if not 1 <= n <= len(pairs)]
    if outside:
        odd = " odd-numbered" if file.odd else ""
        raise ValueError(f"links of{odd} pair {outside[0]}, of {len(pairs)} pairs")
    for number, (_, possible) in by_number.items():
        pair = pairs[number - 1]
        for t, s in possible:
            if t >= len(pair.target) or s >= len(pair.source):
                raise ValueError(
                    f"pair {number} links target word {t + 1} to source word {s + 1}, "
                    f"of {len(pair.target)} and {len(pair.source)}"
                )
    nothing: Links = (frozenset(), frozenset())
    return [by_number.get(number, nothing) for number in range(1, len(pairs) + 1)]


def _hint(read, file: LinkFile, lines: Sequence[str], pairs: Sequence[GoldPair]) -> str:
    """That the file fits when it is read the other way round, if it does."""
    turned = file._replace(target_first=not file.target_first)
    try:
        read(turned, lines, pairs)
    except ValueError:
        return ""
    return f" (it fits {'without' if file.target_first else 'with'} target-first)"
