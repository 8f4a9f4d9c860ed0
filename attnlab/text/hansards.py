"""The Canadian Hansards, French-English, with the human links of Och and Ney."""

import random
from pathlib import Path

from attnlab.corpora.folder import corpus_file
from attnlab.text.lines import (
    checked_direction,
    read_gold_table,
    read_parallel,
    without_empty,
)
from attnlab.text.pairs import Corpus

UPSTREAM = (
    "https://www.isi.edu/natural-language/download/hansard/ (text) and "
    "https://web.eecs.umich.edu/~mihalcea/wpt/ (links)"
)
DIRECTIONS = ("fr-en", "en-fr")
GOLD = {"dev37": "gold_dev.fr-en.tsv.gz", "odd224": "gold_test_odd.fr-en.tsv.gz"}


def hansards(
    direction: str = "fr-en",
    limit: int | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
) -> Corpus:
    """227,395 training pairs, 1,000 + 1,000 for BLEU, gold sets `dev37` and `odd224`.

    Lower-cased, without accents, tokenized as the gold is. `odd224` is the odd-numbered
    half of the 447 test sentences of the WPT 2003 shared task, `dev37` its trial set;
    both are longer than most of the training text (3 to 15 English words a sentence).
    `limit` keeps the first pairs of the training text shuffled by `seed`.
    """
    source, target = checked_direction("hansards", direction, DIRECTIONS)

    def path(name):
        return corpus_file(f"hansards_fr-en/{name}", upstream=UPSTREAM, folder=folder)

    def text(split):
        return read_parallel(path(f"{split}.{source}.gz"), path(f"{split}.{target}.gz"))

    train = without_empty(text("train"))
    if limit is not None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; it must be positive")
        random.Random(seed).shuffle(train)
        train = train[:limit]
    return Corpus(
        name="hansards",
        train=train,
        dev=text("dev"),
        test=text("test"),
        gold={
            name: read_gold_table(path(file), reverse=direction == "en-fr")
            for name, file in GOLD.items()
        },
        source_language=source,
        target_language=target,
        about="Canadian Hansards, lower-cased, without accents, French elisions "
        "undone; links by Och and Ney.",
    )
