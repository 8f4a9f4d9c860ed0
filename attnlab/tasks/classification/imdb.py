"""The Large Movie Review Dataset (Maas et al. 2011): whole reviews, two classes."""

import re
import sys
from pathlib import Path

from pydantic import validate_call

from attnlab.corpora.folder import corpus_file
from attnlab.settings import Count
from attnlab.tasks.classification.records import SENTIMENTS, Labeled, LabeledSentence
from attnlab.text.lines import read_columns
from attnlab.text.words import find_words

UPSTREAM = "https://ai.stanford.edu/~amaas/data/sentiment/"
# Reviews were cut from web pages.
BREAK = re.compile(r"<br\s*/?>")
WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


@validate_call
def imdb(dev: Count = 2_000, folder: str | Path | None = None) -> Labeled:
    """25,000 training reviews, some of them held out; 5,000 of the 25,000 test reviews.

    The order of the files is random. Words are lower-cased, without punctuation, as in
    the copy that Keras ships.

    Args:
      dev: training reviews that are the development set, the last ones.
      folder: the data folder; None is the one that ATTNLAB_DATA names.

    Returns:
      The corpus, of two classes.

    Raises:
      MissingCorpus: where its files are not in the data folder.
      ValueError: where so many cannot be held out, and for lines of another form.
    """
    train = _read("train", folder)
    if dev >= len(train):
        raise ValueError(f"dev is {dev}; imdb has {len(train)} reviews to take it from")
    return Labeled(
        name="imdb",
        train=train[:-dev],
        dev=train[-dev:],
        test=_read("test_first5k", folder),
        classes=SENTIMENTS[2],
        about="IMDB reviews, lower-cased words without punctuation; 5,000 of the test "
        "reviews.",
    )


def _read(name: str, folder: str | Path | None) -> list[LabeledSentence]:
    path = corpus_file(f"imdb/{name}.tsv.gz", upstream=UPSTREAM, folder=folder)
    examples = []
    for number, row in enumerate(read_columns(path, 4), 1):
        if row[0] not in ("0", "1"):
            raise ValueError(f"{path}:{number}: label {row[0]!r} is not 0 or 1")
        examples.append(LabeledSentence(words_of(row[3]), int(row[0])))
    return examples


def words_of(text: str) -> tuple[str, ...]:
    """Lower-cased words, inner apostrophes kept; no punctuation, no line breaks.

    Args:
      text: a review.

    Returns:
      Its words, interned: reviews share most of them.
    """
    words = find_words(WORD, BREAK.sub(" ", text).lower())
    return tuple(map(sys.intern, words))
