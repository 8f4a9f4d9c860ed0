"""Every corpus by name: what it is, whose it is, and the files that it is made of.

`catalogue.tsv` holds a line `sha256<TAB>bytes<TAB>path` for each file, with its path
below the data folder. Most files are derived (tokenized, without repeats, packed
anew), so no public address has these bytes: `upstream` is where the text comes from.
"""

import difflib
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from attnlab.tasks.captioning import pictures
from attnlab.tasks.classification import imdb, polarity, sst
from attnlab.tasks.cloze import corpora
from attnlab.tasks.memn2n import babi
from attnlab.text import europarl, hansards, multi30k, tatoeba

SUMS = Path(__file__).with_name("catalogue.tsv")
GENERATED = "open: Apache 2.0, as attnlab"
DIGITS = "open: Apache 2.0, as attnlab; its digits CC BY 4.0 (UCI)"


class File(NamedTuple):
    """A file of a corpus; `path` lies below the data folder, and never outside it."""

    path: str
    size: int  # bytes
    sha256: str


class Entry(NamedTuple):
    """A corpus. One that is generated has no `folders`, and nothing to fetch.

    task: of the config that uses it. reads: its name in that config's data.name.
    examples: train, dev, test, by default (of babi, all tasks); () where they are made
    without end. folders: those below the data folder that hold its files.
    """

    name: str
    task: str
    what: str
    examples: tuple[int, ...]
    licence: str
    upstream: str = ""
    folders: tuple[str, ...] = ()
    reads: str = ""

    @property
    def files(self) -> list[File]:
        return [file for file in sums() if _folder(file.path) in self.folders]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


ENTRIES = (
    Entry(
        "hansards",
        "translation",
        "Canadian Hansards, French-English; human links for 37 + 224 pairs",
        (227_395, 1_000, 1_000),
        "not open: given out free for research (ISI, WPT 2003), no licence text",
        hansards.UPSTREAM,
        ("hansards_fr-en", "hansards_fr-en/system_outputs"),
    ),
    Entry(
        "multi30k",
        "translation",
        "captions of photographs in German, English, French, Czech; silver links",
        (29_000, 1_014, 1_000),
        "not open: Flickr30k's captions, non-commercial research",
        multi30k.UPSTREAM,
        ("multi30k/tok", "multi30k/raw", "multi30k/silver_align"),
    ),
    Entry(
        "tatoeba",
        "translation",
        "short German-English sentences; a small set with silver links, and all",
        (12_000, 433, 477),
        "open: CC BY 2.0 FR; attribution: www.manythings.org/anki and tatoeba.org",
        tatoeba.UPSTREAM,
        ("tatoeba_de-en",),
    ),
    Entry(
        "europarl",
        "translation",
        "German-English: a sample of WMT's text; human links for 150 pairs",
        (10_350, 3_000, 2_737),
        "not open: WMT's text for research; the links carry no licence",
        europarl.UPSTREAM,
        ("europarl_gold_de-en", "wmt_sample_en-de"),
    ),
    Entry(
        "flickr8k_1k",
        "captioning",
        "875 photographs of Flickr8k, at most 200 pixels a side, five captions each",
        (698, 64, 113),
        "not open: non-commercial research; photographs belong to their takers",
        pictures.FLICKR,
        ("flickr8k_1k",),
    ),
    Entry(
        "emoji_captions",
        "captioning",
        "emoji of 32 x 32 pixels with their Unicode names",
        (3_282, 281, 218),
        "open: MIT (emoji-datasource-google), pictures Apache 2.0 (Noto Emoji)",
        pictures.EMOJI,
        ("emoji_captions",),
    ),
    Entry(
        "ieer",
        "cloze",
        "cloze questions on newswire of 1998; five more of CNN's, for tests",
        (374, 72, 33),
        "not open: for research, as NLTK gives NIST IE-ER 1999 out",
        corpora.UPSTREAM["ieer"],
        ("cloze",),
    ),
    Entry(
        "babi",
        "memn2n",
        "bAbI 1.2: 20 tasks of 1,000 questions, 8 of 10,000; supporting facts",
        (17_994, 2_006, 20_000),
        "open: CC BY 3.0",
        babi.UPSTREAM,
        ("babi",),
    ),
    Entry(
        "imdb",
        "classification",
        "film reviews, two classes; 5,000 of the 25,000 test reviews",
        (23_000, 2_000, 5_000),
        "not open: free for research, cite Maas et al. 2011",
        imdb.UPSTREAM,
        ("imdb",),
    ),
    Entry(
        "polarity",
        "classification",
        "sentences of film reviews, two classes",
        (8_530, 1_066, 1_066),
        "open: CC BY 4.0 by NLTK's index",
        polarity.UPSTREAM,
        ("sentence_polarity",),
    ),
    Entry(
        "sst",
        "classification",
        "Stanford Sentiment Treebank, whole sentences, five classes",
        (8_544, 1_101, 2_210),
        "not open: none stated, research",
        sst.UPSTREAM,
        ("sst",),
    ),
    Entry(
        "synthetic",
        "translation",
        "a language pair made by a grammar; every link is known",
        (20_000, 500, 500),
        GENERATED,
    ),
    Entry(
        "scenes",
        "captioning",
        "handwritten digits on a grid; where each word looks is known",
        (6_000, 200, 500),
        DIGITS,
    ),
    Entry(
        "cloze",
        "cloze",
        "cloze questions on made-up news; where the answer is told is known",
        (20_000, 500, 500),
        GENERATED,
        reads="synthetic",
    ),
    Entry(
        "stories",
        "memn2n",
        "who went where with what; supporting facts are known",
        (4_000, 200, 500),
        GENERATED,
    ),
    Entry(
        "evidence",
        "classification",
        "word salad, two classes; the words that decide are known",
        (6_000, 500, 1_000),
        GENERATED,
    ),
    *(
        Entry(name, "ntm", f"{what} (Graves et al. 2014)", (), GENERATED)
        for name, what in (
            ("copy", "items to be said again"),
            ("repeat_copy", "items to be said again a number of times"),
            ("recall", "items, one of which asks for the next"),
            ("ngrams", "bits that depend on the five before"),
            ("sort", "items to be said in the order of their priorities"),
        )
    ),
)
CATALOGUE = {entry.name: entry for entry in ENTRIES}


def find(name: str) -> Entry:
    """The corpus called `name`; a ValueError names the nearest and all choices."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name.lower(), CATALOGUE, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ValueError(f"unknown corpus {name!r}; {hint}choose {', '.join(CATALOGUE)}")


def fetchable(names: Sequence[str]) -> list[Entry]:
    """The corpora of these names, each once; `all` are those that have files.

    ValueError for none, an unknown one, and one that is generated and has no files.
    """
    with_files = [entry for entry in ENTRIES if entry.folders]
    choices = ", ".join(["all", *(entry.name for entry in with_files)])
    if not names:
        raise ValueError(f"name a corpus; choose {choices}")
    found = [
        entry
        for name in dict.fromkeys(names)
        for entry in (with_files if name == "all" else [find(name)])
    ]
    for entry in found:
        if not entry.folders:
            raise ValueError(
                f"{entry.name} is generated and has no files; choose {choices}"
            )
    return list(dict.fromkeys(found))


@cache
def sums() -> tuple[File, ...]:
    """All files of the catalogue, by path."""
    return tuple(
        parse_sum(line, f"{SUMS.name}:{number}")
        for number, line in enumerate(SUMS.read_text(encoding="ascii").splitlines(), 1)
    )


def parse_sum(line: str, where: str) -> File:
    """The file of a line `sha256<TAB>bytes<TAB>path`; a ValueError says `where`.

    A path must stay below the folder that it is joined to: it has no `..`, no `.`, no
    backslash, no drive and does not start at the root.
    """
    sha256, size, path = line.split("\t")
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise ValueError(f"{where}: {sha256!r} is not a sha256 sum")
    parts = path.split("/")
    if {"", ".", ".."} & set(parts) or set(path) & set("\\:\0"):
        raise ValueError(f"{where}: {path!r} is not a path below the data folder")
    return File(path, int(size), sha256)


def _folder(path: str) -> str:
    return PurePosixPath(path).parent.as_posix()
