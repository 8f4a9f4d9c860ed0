"""Your own parallel text and gold links, read from files and checked."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attnlab.text.lines import (
    link_pairs,
    read_columns,
    read_lines,
    read_parallel,
    without_empty,
)
from attnlab.text.links import read_wpt
from attnlab.text.pairs import Corpus, GoldPair, Pair
from attnlab.text.streams import PairStream

Paths = str | Path | Sequence[str | Path]

FORMATS = ("pharaoh", "wpt")
NUMBERED = re.compile(r"<s snum=0*(\d+)>(.*)</s>\s*")


def files(
    train: Paths | None = None,
    dev: Paths | None = None,
    test: Paths | None = None,
    gold: Paths | Mapping[str, Paths] | None = None,
    gold_format: str = "pharaoh",
    one_based: bool | None = None,
    target_first: bool = False,
    lowercase: bool = False,
    source_language: str = "source",
    target_language: str = "target",
    stream: bool = False,
) -> Corpus:
    """A corpus from plain or gzip text, words split at blanks.

    train, dev, test: two files of equal length, (source, target), or one file of two
      tab-separated columns. A string `a.fr,b.en` is two files too.
    gold: (source, target, links), or one file of three tab-separated columns (pharaoh
      only), or several such by name; a single one is called `gold`.
    gold_format: `pharaoh`, a line a pair of `i-j` (sure), `i?j` or `ipj` (possible); or
      `wpt`, lines `id first second S|P`, where a pair's id is its line number or that
      of its `<s snum=7> ... </s>`.
    one_based: whether links count from 1; by default pharaoh does not and wpt does.
    target_first: whether a link's first number belongs to the target.
    stream: `train` is read anew each time it is iterated over, and never held whole.

    Raises ValueError naming file, line and link when a link points outside its pair,
    and for files of different lengths; FileNotFoundError for a missing file.
    """
    if train is None:
        raise ValueError("the corpus 'files' needs train, such as 'a.fr,b.en'")
    if gold_format not in FORMATS:
        raise ValueError(
            f"unknown gold_format {gold_format!r}; choose {', '.join(FORMATS)}"
        )
    if one_based is None:
        one_based = gold_format == "wpt"
    named: Mapping[str, Paths] = {}
    if gold is not None:
        named = gold if isinstance(gold, Mapping) else {"gold": gold}
    sets = {}
    for name, paths in named.items():
        parts = _split(paths)
        if gold_format == "wpt":
            sets[name] = _read_wpt_set(name, parts, one_based, target_first)
        else:
            sets[name] = _read_pharaoh_set(name, parts, one_based, target_first)

    def text(name, paths):
        if paths is None or (stream and name == "train"):
            return []
        return _read_text(name, _split(paths))

    if lowercase:
        sets = {
            name: [GoldPair(*_lower(pair.pair), *pair[2:]) for pair in pairs]
            for name, pairs in sets.items()
        }
    given = text("train", train)
    splits = {
        "train": without_empty(given),
        "dev": text("dev", dev),
        "test": text("test", test),
    }
    notes = _left_out(len(given), len(splits["train"]))
    if not splits["train"] and not stream:
        raise ValueError(f"train has no pair with words on both sides: {train}")
    if lowercase:
        splits = {
            name: [_lower(pair) for pair in pairs] for name, pairs in splits.items()
        }
    streamed: dict[str, Any] = {}
    if stream:
        streamed["train"] = PairStream(_split(train), lowercase)
    return Corpus(
        name="files",
        **(splits | streamed),
        gold=sets,
        source_language=source_language,
        target_language=target_language,
        about=f"Read from {', '.join(map(str, _split(train)))}.",
        notes=notes,
    )


def _left_out(lines: int, pairs: int) -> tuple[str, ...]:
    if lines == pairs:
        return ()
    return (
        f"{lines - pairs} of {lines} training lines have no word on a side, and are "
        "left out",
    )


def _split(paths: Paths) -> list[Path]:
    if isinstance(paths, Path):
        return [paths]
    parts = paths.split(",") if isinstance(paths, str) else paths
    return [Path(part) for part in parts]


def _read_text(name: str, paths: list[Path]) -> list[Pair]:
    if len(paths) == 2:
        return read_parallel(*paths)
    if len(paths) == 1:
        rows = read_columns(paths[0], 2)
        return [Pair(tuple(row[0].split()), tuple(row[1].split())) for row in rows]
    raise ValueError(
        f"{name} names {len(paths)} files; give source and target, or one of two "
        "columns"
    )


def _read_pharaoh_set(name, paths, one_based, target_first) -> list[GoldPair]:
    if len(paths) == 3:
        pairs = read_parallel(paths[0], paths[1])
        lines, where = read_lines(paths[2]), str(paths[2])
    elif len(paths) == 1:
        pairs = _read_text(name, paths)
        lines, where = [row[2] for row in read_columns(paths[0], 3)], str(paths[0])
    else:
        raise ValueError(
            f"gold set {name!r} names {len(paths)} files; give source, target and "
            "links, or one of three columns"
        )
    return link_pairs(
        pairs, lines, where, one_based=one_based, target_first=target_first
    )


def _read_wpt_set(name, paths, one_based, target_first) -> list[GoldPair]:
    """The pairs that the links file speaks of, in the order of the text."""
    if len(paths) != 3:
        raise ValueError(
            f"gold set {name!r} names {len(paths)} files; the format wpt needs source, "
            "target and links"
        )
    source, target = _read_numbered(paths[0]), _read_numbered(paths[1])
    if source.keys() != target.keys():
        odd = min(source.keys() ^ target.keys())
        raise ValueError(f"sentence {odd} is in only one of {paths[0]} and {paths[1]}")
    links = read_wpt(
        paths[2],
        lengths={key: (len(source[key]), len(target[key])) for key in source},
        one_based=one_based,
        target_first=target_first,
    )
    return [
        GoldPair(source[key], target[key], *links[key])
        for key in source
        if key in links
    ]


def _read_numbered(path: Path) -> dict[int, tuple[str, ...]]:
    """Sentences by their `snum`, or by their line's number where they have none."""
    sentences = {}
    for number, line in enumerate(read_lines(path), 1):
        marked = NUMBERED.fullmatch(line)
        key, words = (int(marked[1]), marked[2]) if marked else (number, line)
        if key in sentences:
            raise ValueError(f"{path}:{number}: sentence {key} is there twice")
        sentences[key] = tuple(words.split())
    return sentences


def _lower(pair: Pair) -> Pair:
    return Pair(*(tuple(word.lower() for word in side) for side in pair))
