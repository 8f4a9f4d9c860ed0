"""Generated corpora in the user's cache folder, as to draw one takes seconds.

A file is named by what was asked for, the generator's code, and the version of Python,
whose `random` may draw otherwise in another one. The folder may be deleted at any time.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from attnlab.runs import write_bytes
from attnlab.runs.manifest import digest
from attnlab.text.pairs import Corpus, GoldPair, Pair
from attnlab.text.words import split_words

MOST = 16  # files; one of 20,000 pairs takes 3 MB
CODE = ("synthetic.py", "grammar.py", "lexicon.py")


def folder() -> Path:
    """Where the corpora of this user lie.

    Returns:
      The folder, which need not exist.
    """
    return user_cache_path("attnlab") / "corpora"


def load_or_draw(asked: str, draw: Callable[[], Corpus]) -> Corpus:
    """A corpus from its file; drawn, and written, where there is none or a damaged one.

    Args:
      asked: for what, in words that another corpus does not share.
      draw: makes the corpus, of sentences and not of strings; no word of it has a
        blank, and `train` is in memory.

    Returns:
      The corpus, equal to what `draw` returns.
    """
    code = [(Path(__file__).parent / name).read_bytes() for name in CODE]
    key = repr((asked, sys.version_info[:2], code)).encode()
    path = folder() / f"{digest(key)[:32]}.json"
    with suppress(OSError, ValueError):
        first, _, content = path.read_bytes().partition(b"\n")
        if first == digest(content).encode():
            return _unpacked(json.loads(content))
    corpus = draw()
    content = json.dumps(_packed(corpus), separators=(",", ":")).encode()
    # Without a folder to write into, each process draws its own.
    with suppress(OSError):
        write_bytes(path, digest(content).encode() + b"\n" + content)
        files = sorted(folder().glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in files[:-MOST]:
            file.unlink()
    return corpus


def _packed(corpus: Corpus) -> Mapping[str, object]:
    """What JSON takes of a corpus: sentences as lines, links as sorted lists."""

    def lines(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
        return [(" ".join(pair.source), " ".join(pair.target)) for pair in pairs]

    gold = {
        name: [
            (" ".join(source), " ".join(target), sorted(sure), sorted(possible))
            for source, target, sure, possible in pairs
        ]
        for name, pairs in corpus.gold.items()
    }
    splits = {name: lines(getattr(corpus, name)) for name in ("train", "dev", "test")}
    packed = corpus._asdict() | splits | {"gold": gold}
    # What only other corpora have: without it, other versions read the same files.
    del packed["symbols"], packed["references"], packed["further"]
    return packed


def _unpacked(packed: dict[str, Any]) -> Corpus:
    def pairs(lines: list[list[str]]) -> list[Pair]:
        return [Pair(tuple(split_words(a)), tuple(split_words(b))) for a, b in lines]

    def links(rows: list[list[int]]) -> frozenset[tuple[int, int]]:
        return frozenset((t, s) for t, s in rows)

    gold = {
        name: [
            GoldPair(
                tuple(split_words(a)),
                tuple(split_words(b)),
                links(sure),
                links(possible),
            )
            for a, b, sure, possible in rows
        ]
        for name, rows in packed["gold"].items()
    }
    packed |= {name: pairs(packed[name]) for name in ("train", "dev", "test")}
    return Corpus(**packed | {"gold": gold, "notes": tuple(packed["notes"])})
