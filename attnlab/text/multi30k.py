"""Multi30k task 1: captions of photographs in German, English, French and Czech."""

from typing import Literal

from attnlab.corpora.catalogue import Entry
from attnlab.corpora.folder import corpus_file
from attnlab.text.lines import link_pairs, read_lines, read_parallel, without_empty
from attnlab.text.pairs import Corpus

UPSTREAM = "https://github.com/multi30k/dataset"
ENTRY = Entry(
    "multi30k",
    "captions of photographs in German, English, French, Czech; silver links",
    (29_000, 1_014, 1_000),
    "not open: Flickr30k's captions, non-commercial research",
    UPSTREAM,
    ("multi30k/tok", "multi30k/raw", "multi30k/silver_align"),
    whole={"silver": True},
)
Language = Literal["de", "en", "fr", "cs"]
SPLITS = {"train": "train", "dev": "val", "test": "test_2016_flickr"}
SILVER = ("de", "fr")  # languages whose tokenized captions have links to English


def multi30k(
    *,
    source: Language = "de",
    target: Language = "en",
    tokenized: bool = True,
    silver: bool = False,
) -> Corpus:
    """29,000 / 1,014 / 1,000 captions; `test` is test_2016_flickr. No human links.

    Args:
      source: its language.
      target: its language, another one.
      tokenized: lower-cased and normalized by the Moses tools, with entities such as
        `&apos;` kept; else as written, words split at blanks, and no Czech.
      silver: add links made by a program (eflomal; sure where both directions agree) as
        gold sets `silver_val` and `silver_test_2016`, for German or French with
        English.

    Returns:
      The corpus.

    Raises:
      ValueError: for languages that do not go together, or that lack what is asked.
      MissingCorpus: where a file is not in the data folder.
    """
    if "cs" in (source, target) and not tokenized:
        raise ValueError("multi30k has Czech only as tokenized=True")
    if source == target:
        raise ValueError(f"multi30k: source and target language are both {source!r}")

    def path(name):
        return corpus_file(f"multi30k/{name}", upstream=UPSTREAM)

    def text(split):
        form = "tok/{}.lc.norm.tok.{}.gz" if tokenized else "raw/{}.{}.gz"
        return read_parallel(
            path(form.format(SPLITS[split], source)),
            path(form.format(SPLITS[split], target)),
        )

    dev, test, gold = text("dev"), text("test"), {}
    if silver:  # links count tokens, so only the tokenized text can have them
        other = source if target == "en" else target
        if "en" not in (source, target) or other not in SILVER or not tokenized:
            raise ValueError(
                f"multi30k has no silver links for {source}-{target} with "
                f"tokenized={tokenized}; choose de or fr with en, tokenized=True"
            )
        for name, split, pairs in (
            ("silver_val", "dev", dev),
            ("silver_test_2016", "test", test),
        ):
            links = path(f"silver_align/{SPLITS[split]}.{other}-en.gz")
            gold[name] = link_pairs(
                pairs, read_lines(links), str(links), target_first=source == "en"
            )
    return Corpus(
        name="multi30k",
        train=without_empty(text("train")),
        dev=dev,
        test=test,
        gold=gold,
        source_language=source,
        target_language=target,
        about="Multi30k task 1, "
        + (
            "lower-cased, normalized, tokenized by Moses." if tokenized else "raw text."
        ),
    )
