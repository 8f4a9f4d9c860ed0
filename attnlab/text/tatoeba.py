"""Tatoeba's German-English sentences: open text, most of it short."""

from typing import Literal

from attnlab.corpora.catalogue import Entry
from attnlab.corpora.folder import corpus_file
from attnlab.text.lines import link_pairs, read_columns
from attnlab.text.pairs import Corpus, Pair
from attnlab.text.words import tokenize

UPSTREAM = "http://www.manythings.org/anki/deu-eng.zip"
ENTRY = Entry(
    "tatoeba",
    "short German-English sentences; a small set with silver links, and all",
    (12_000, 433, 477),
    "open: CC BY 2.0 FR; attribution: www.manythings.org/anki and tatoeba.org",
    UPSTREAM,
    ("tatoeba_de-en",),
    whole={"silver": True},
)


def tatoeba(
    *,
    size: Literal["small", "full"] = "small",
    direction: Literal["de-en", "en-de"] = "de-en",
    silver: bool = False,
) -> Corpus:
    """The small set, 12,000 / 433 / 477 pairs, or the full 164,659 / 1,500 / 1,500.

    There are no human links.

    Args:
      size: small has 4 to 10 lower-cased words a side, all frequent; full has all
        sentences, cut into lower-cased words and punctuation here.
      direction: source and target language.
      silver: add links made by a program (eflomal) as gold sets `silver_dev` and
        `silver_test`, for the small set.

    Returns:
      The corpus.

    Raises:
      ValueError: for silver links of the full set.
      MissingCorpus: where a file is not in the data folder.
    """
    source, target = direction.split("-")
    if silver and size != "small":
        raise ValueError(f"tatoeba has silver links for size 'small', not {size!r}")
    form = "small_{}.tok.tsv.gz" if size == "small" else "{}.tsv.gz"

    def split(name):
        """The pairs of a split, and its links where it has them."""
        file = f"tatoeba_de-en/{form.format(name)}"
        path = corpus_file(file, upstream=UPSTREAM)
        rows = read_columns(path, 3 if size == "small" else 2)
        cut = str.split if size == "small" else tokenize  # the small set is tokenized
        pairs = [Pair(tuple(cut(row[0])), tuple(cut(row[1]))) for row in rows]
        if direction == "en-de":
            pairs = [Pair(pair.target, pair.source) for pair in pairs]
        # Training text has no links: they are for measuring.
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
