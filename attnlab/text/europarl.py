"""150 German-English Europarl pairs with human links, and WMT text to train on."""

import html
from typing import Literal

from attnlab.corpora.catalogue import Entry
from attnlab.corpora.folder import corpus_file
from attnlab.text.lines import (
    read_columns,
    read_gold_table,
    read_parallel,
    without_empty,
)
from attnlab.text.multi30k import multi30k
from attnlab.text.pairs import Corpus, GoldPair, Pair
from attnlab.text.tatoeba import tatoeba
from attnlab.text.words import split_words

UPSTREAM = (
    "https://github.com/clab/sp2016.11-731 (links) and https://www.statmt.org/wmt14/ "
    "(text)"
)
ENTRY = Entry(
    "europarl",
    "German-English: a sample of WMT's text; human links for 150 pairs",
    (10_350, 3_000, 2_737),
    "not open: WMT's text for research; the links carry no licence",
    UPSTREAM,
    ("europarl_gold_de-en", "wmt_sample_en-de"),
)


def europarl(
    *,
    direction: Literal["de-en", "en-de"] = "de-en",
    lowercase: bool = True,
    more: bool = False,
) -> Corpus:
    """10,350 training pairs, newstest2013 / 2014 as dev / test, gold set `dev150`.

    The training text is a sample of WMT's and 350 Europarl pairs of the gold set's own
    source. Entities (`&apos;`) are undone, since the gold text has none. Too little
    text to translate well; there to measure AER on a second set.

    Args:
      direction: source and target language.
      lowercase: make all text lower-cased.
      more: train on Multi30k's captions and all of Tatoeba, too: 204,009 pairs.

    Returns:
      The corpus.

    Raises:
      MissingCorpus: where a file is not in the data folder.
    """
    source, target = direction.split("-")

    def path(name):
        return corpus_file(name, upstream=UPSTREAM)

    def clean(words):
        plain = (html.unescape(word) for word in words)
        return tuple(word.lower() if lowercase else word for word in plain)

    def cleaned(pairs):
        return [Pair(clean(pair.source), clean(pair.target)) for pair in pairs]

    def wmt(name):
        return cleaned(
            read_parallel(
                path(f"wmt_sample_en-de/{name}.{source}.gz"),
                path(f"wmt_sample_en-de/{name}.{target}.gz"),
            )
        )

    # Pairs of the gold set's own domain, which WMT's sample has little of.
    rows = read_columns(path("europarl_gold_de-en/cmu_unaligned350.tsv.gz"), 2)
    other = [
        Pair(tuple(split_words(row[0])), tuple(split_words(row[1]))) for row in rows
    ]
    if more:
        other += multi30k(source="de", target="en").train
        other += tatoeba(size="full").train
    if direction == "en-de":
        other = [Pair(pair.target, pair.source) for pair in other]
    # The table is German-English, as its folder says.
    gold = read_gold_table(
        path("europarl_gold_de-en/cmu_dev150.tsv.gz"), reverse=direction == "en-de"
    )
    return Corpus(
        name="europarl",
        train=without_empty(wmt("train") + cleaned(other)),
        dev=wmt("newstest2013"),
        test=wmt("newstest2014_2737"),
        gold={
            "dev150": [
                GoldPair(clean(pair.source), clean(pair.target), *pair[2:])
                for pair in gold
            ]
        },
        source_language=source,
        target_language=target,
        about="WMT sample and Europarl, entities undone"
        + (", Multi30k and Tatoeba" if more else "")
        + (", lower-cased" if lowercase else "")
        + "; links of the CMU 11-731 course.",
    )
