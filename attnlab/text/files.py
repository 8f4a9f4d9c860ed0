"""Your own parallel text and gold links, read from files and checked."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

from attnlab.text.lines import (
    link_pairs,
    read_columns,
    read_lines,
    read_parallel,
    without_empty,
)
from attnlab.text.links import read_wpt
from attnlab.text.pairs import Corpus, Further, GoldPair, Pair
from attnlab.text.streams import PairStream
from attnlab.text.words import split_words

Paths = str | Sequence[str]

NUMBERED = re.compile(r"<s snum=0*(\d{1,9})>(.*)</s>\s*")


def files(
    *,
    train: Paths | None = None,
    dev: Paths | None = None,
    test: Paths | None = None,
    gold: Paths | Mapping[str, Paths] | None = None,
    gold_format: Literal["pharaoh", "wpt"] = "pharaoh",
    one_based: bool | None = None,
    target_first: bool = False,
    lowercase: bool = False,
    source_language: str = "source",
    target_language: str = "target",
    stream: bool = False,
) -> Corpus:
    """A corpus from plain or gzip text, words split at blanks.

    Args:
      train: two files of equal length, source and target, or one file of two
        tab-separated columns; "a.fr,b.en" are two files too.
      dev: the same, to choose the best checkpoint by.
      test: the same, to judge it by; more files after the first two are further
        references, for BLEU, chrF and TER: an empty line there is none.
      gold: source, target and links, or one file of three tab-separated columns
        (pharaoh only), or several such by name; a single one is called "gold".
      gold_format: pharaoh, a line a pair of i-j (sure), i?j or ipj (possible); or wpt,
        lines of id, first, second, S or P, where a pair's id is its line number or that
        of its `<s snum=7> ... </s>`.
      one_based: whether links count from 1; None: those of wpt do, of pharaoh do not.
      target_first: whether a link's first number belongs to the target.
      lowercase: make all text lower-cased.
      source_language: its name, so that two runs can be told apart.
      target_language: its name.
      stream: read `train` anew each time it is iterated over, and never hold it whole:
        `experiments.shard` sets it.

    Returns:
      The corpus; `notes` say how many training lines were left out.

    Raises:
      ValueError: for files of different lengths, and a link that points outside its
        pair; file, line and link are named.
      FileNotFoundError: for a file that is not there.
    """
    if train is None:
        raise ValueError("the corpus 'files' needs train, such as 'a.fr,b.en'")
    # The conventions of the two formats, where nobody says otherwise.
    if one_based is None:
        one_based = gold_format == "wpt"
    # A single gold set needs no name, and is called "gold".
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

    further: dict[str, Further] = {}

    def text(name, paths):
        # A streamed text is read when it is iterated, never here.
        if paths is None or (stream and name == "train"):
            return []
        parts = _split(paths)
        if name == "test" and len(parts) > 2:
            further[name] = _read_further(parts, lowercase)
            parts = parts[:2]
        return _read_text(name, parts)

    if lowercase:
        sets = {
            name: [GoldPair(*_lower(pair.pair), *pair[2:]) for pair in pairs]
            for name, pairs in sets.items()
        }
    given = text("train", train)
    splits = {
        # Only here: test sentences stay even if empty, or numbers would not compare.
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
    text_to_train: Sequence[Pair] = splits["train"]
    if stream:  # no Sequence: whoever asks for it only iterates
        text_to_train = cast(Sequence[Pair], PairStream(_split(train), lowercase))
    return Corpus(
        name="files",
        train=text_to_train,
        dev=splits["dev"],
        test=splits["test"],
        gold=sets,
        source_language=source_language,
        target_language=target_language,
        about=f"Read from {', '.join(map(str, _split(train)))}.",
        notes=notes,
        further=further,
    )


def _left_out(lines: int, pairs: int) -> tuple[str, ...]:
    if lines == pairs:
        return ()
    return (
        f"{lines - pairs} of {lines} training lines have no word on a side, and are "
        "left out",
    )


def _split(paths: Paths) -> list[Path]:
    parts = paths.split(",") if isinstance(paths, str) else paths
    return [Path(part) for part in parts]


def _read_text(name: str, paths: list[Path]) -> list[Pair]:
    if len(paths) == 2:
        return read_parallel(*paths)
    if len(paths) == 1:
        rows = read_columns(paths[0], 2)
        return [
            Pair(tuple(split_words(row[0])), tuple(split_words(row[1]))) for row in rows
        ]
    raise ValueError(
        f"{name} names {len(paths)} files; give source and target, or one of two "
        "columns"
    )


def _read_further(paths: list[Path], lowercase: bool) -> Further:
    """The references of each pair after its first; an empty line is none."""
    sides = [[pair.target for pair in read_parallel(paths[0], p)] for p in paths[2:]]
    return [
        tuple(
            tuple(word.lower() for word in words) if lowercase else words
            for words in several
            if words
        )
        for several in zip(*sides, strict=True)
    ]


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
    # Sentences are joined by number, so a missing one would go unnoticed.
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
        sentences[key] = tuple(split_words(words))
    return sentences


def _lower(pair: Pair) -> Pair:
    return Pair(*(tuple(word.lower() for word in side) for side in pair))
