"""Tatoeba's German-English sentences: open text, most of it short."""

import re
from pathlib import Path

from attnlab.corpora.folder import corpus_file
from attnlab.text.lines import checked_direction, link_pairs, read_columns
from attnlab.text.pairs import Corpus, Pair

UPSTREAM = "http://www.manythings.org/anki/deu-eng.zip"
DIRECTIONS = ("de-en", "en-de")
SIZES = ("small", "full")
TOKEN = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


def tatoeba(
    size: str = "small",
    direction: str = "de-en",
    silver: bool = False,
    folder: str | Path | None = None,
) -> Corpus:
    """The small set, 12,000 / 433 / 477 pairs, or the full 164,659 / 1,500 / 1,500.

    `small` has 4 to 10 lower-cased words a side, all frequent; `full` is cut into
    lower-cased words and punctuation here. No human links; `silver` adds those of a
    program (eflomal) for the small set under `silver_dev` and `silver_test`.
    """
    if size not in SIZES:
        raise ValueError(f"unknown size {size!r} of tatoeba; choose {', '.join(SIZES)}")
    source, target = checked_direction("tatoeba", direction, DIRECTIONS)
    if silver and size != "small":
        raise ValueError(f"tatoeba has silver links for size 'small', not {size!r}")
    form = (
        "tatoeba_de-en/small_{}.tok.tsv.gz"
        if size == "small"
        else ("tatoeba_de-en/{}.tsv.gz")
    )

    def split(name):
        """The pairs of a split, and its links where it has them."""
        path = corpus_file(form.format(name), upstream=UPSTREAM, folder=folder)
        rows = read_columns(path, 3 if size == "small" else 2)
        cut = str.split if size == "small" else tokenize
        pairs = [Pair(tuple(cut(row[0])), tuple(cut(row[1]))) for row in rows]
        if direction == "en-de":
            pairs = [Pair(pair.target, pair.source) for pair in pairs]
        if not silver or name == "train":
            return pairs, []
        links = [row[2] for row in rows]
        return pairs, link_pairs(
            pairs, links, str(path), target_first=direction == "en-de"
        )

    train, _ = split("train")
    dev, dev_gold = split("dev")
    test, test_gold = split("test")
    return Corpus(
        name="tatoeba",
        train=train,
        dev=dev,
        test=test,
        gold={"silver_dev": dev_gold, "silver_test": test_gold} if silver else {},
        source_language=source,
        target_language=target,
        about=f"Tatoeba ({size}), lower-cased; CC BY 2.0 FR, www.manythings.org/anki "
        "and tatoeba.org.",
    )


def tokenize(text: str) -> list[str]:
    """Lower-cased words (inner apostrophes kept) and punctuation marks."""
    return TOKEN.findall(text.lower())
