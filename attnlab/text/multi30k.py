"""Multi30k task 1: captions of photographs in German, English, French and Czech."""

from pathlib import Path

from attnlab.corpora.folder import corpus_file
from attnlab.text.lines import link_pairs, read_lines, read_parallel, without_empty
from attnlab.text.pairs import Corpus

UPSTREAM = "https://github.com/multi30k/dataset"
LANGUAGES = ("de", "en", "fr", "cs")
SPLITS = {"train": "train", "dev": "val", "test": "test_2016_flickr"}
SILVER = ("de", "fr")  # languages whose tokenized captions have links to English


def multi30k(
    source: str = "de",
    target: str = "en",
    tokenized: bool = True,
    silver: bool = False,
    folder: str | Path | None = None,
) -> Corpus:
    """29,000 / 1,014 / 1,000 captions; `test` is test_2016_flickr. No human links.

    `tokenized` text is lower-cased and normalized by the Moses tools, with entities
    such as `&apos;` kept; the other is as written, words split at blanks. `silver` adds
    links made by a program (eflomal; sure where both directions agree) under the gold
    names `silver_val` and `silver_test_2016`, for German or French with English.
    """
    for side, language in (("source", source), ("target", target)):
        if language not in LANGUAGES:
            raise ValueError(
                f"unknown {side} language {language!r} of multi30k; "
                f"choose {', '.join(LANGUAGES)}"
            )
        if language == "cs" and not tokenized:
            raise ValueError("multi30k has Czech only as tokenized=True")
    if source == target:
        raise ValueError(f"source and target language are both {source!r}")

    def path(name):
        return corpus_file(f"multi30k/{name}", upstream=UPSTREAM, folder=folder)

    def text(split):
        form = "tok/{}.lc.norm.tok.{}.gz" if tokenized else "raw/{}.{}.gz"
        return read_parallel(
            path(form.format(SPLITS[split], source)),
            path(form.format(SPLITS[split], target)),
        )

    dev, test, gold = text("dev"), text("test"), {}
    if silver:
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
