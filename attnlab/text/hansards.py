"""The Canadian Hansards, French-English, with the human links of Och and Ney."""

import random
from typing import Literal

from attnlab.corpora.catalogue import Entry
from attnlab.corpora.folder import corpus_file
from attnlab.settings import Count
from attnlab.text.lines import read_gold_table, read_parallel, without_empty
from attnlab.text.pairs import Corpus

UPSTREAM = (
    "https://www.isi.edu/natural-language/download/hansard/ (text) and "
    "https://web.eecs.umich.edu/~mihalcea/wpt/ (links)"
)
ENTRY = Entry(
    "hansards",
    "Canadian Hansards, French-English; human links for 37 + 224 pairs",
    (227_395, 1_000, 1_000),
    "not open: given out free for research (ISI, WPT 2003), no licence text",
    UPSTREAM,
    ("hansards_fr-en", "hansards_fr-en/system_outputs"),
)
GOLD = {"dev37": "gold_dev.fr-en.tsv.gz", "odd224": "gold_test_odd.fr-en.tsv.gz"}


def hansards(
    *,
    direction: Literal["fr-en", "en-fr"] = "fr-en",
    limit: Count | None = None,
    seed: int = 0,
) -> Corpus:
    """227,395 training pairs, 1,000 + 1,000 for BLEU, gold sets `dev37` and `odd224`.

    Lower-cased, without accents, tokenized as the gold is. `odd224` is the odd-numbered
    half of the 447 test sentences of the WPT 2003 shared task, `dev37` its trial set;
    both are longer than most of the training text (3 to 15 English words a sentence).

    Args:
      direction: source and target language.
      limit: training pairs, the first of the text shuffled by `seed`; None: all, as
        they stand.
      seed: of the shuffle before `limit`.

    Returns:
      The corpus.

    Raises:
      MissingCorpus: where a file is not in the data folder.
    """
    source, target = direction.split("-")

    def path(name):
        return corpus_file(f"hansards_fr-en/{name}", upstream=UPSTREAM)

    def text(split):
        return read_parallel(path(f"{split}.{source}.gz"), path(f"{split}.{target}.gz"))

    train = without_empty(text("train"))
    if limit is not None:
        # The text is in the order of debates: its first pairs are of few subjects.
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
