"""Sentence polarity (Pang and Lee 2005): single sentences of reviews, two classes."""

import random
import zipfile
import zlib
from pathlib import Path

from attnlab.corpora.folder import corpus_file
from attnlab.tasks.classification.records import SENTIMENTS, Labeled, LabeledSentence
from attnlab.text.words import split_words

UPSTREAM = "http://www.cs.cornell.edu/people/pabo/movie-review-data/"
HELD_OUT = 1_066  # sentences of dev, and of test: a tenth each, as in papers' folds


def polarity(seed: int = 0, folder: str | Path | None = None) -> Labeled:
    """5,331 sentences a class, shuffled; a tenth is dev, another is test.

    There is no usual split: papers report ten-fold cross-validation. Tokens as in the
    files, which are lower-cased.

    Args:
      seed: of the split.
      folder: the data folder; None is the one that ATTNLAB_DATA names.

    Returns:
      The corpus, of two classes.

    Raises:
      MissingCorpus: where its archive is not in the data folder.
      ValueError: for a file that is not that archive.
    """
    path = corpus_file(
        "sentence_polarity/sentence_polarity.zip", upstream=UPSTREAM, folder=folder
    )
    examples = []
    try:
        with zipfile.ZipFile(path) as archive:
            for label, ending in enumerate(("neg", "pos")):
                text = archive.read(f"sentence_polarity/rt-polarity.{ending}")
                lines = text.decode("latin-1").split("\n")
                sentences = [tuple(split_words(line)) for line in lines]
                examples += [
                    LabeledSentence(words, label) for words in sentences if words
                ]
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise ValueError(f"{path} is not the archive of NLTK: {error}") from None
    random.Random(f"polarity {seed}").shuffle(examples)
    return Labeled(
        name="polarity",
        train=examples[2 * HELD_OUT :],
        dev=examples[HELD_OUT : 2 * HELD_OUT],
        test=examples[:HELD_OUT],
        classes=SENTIMENTS[2],
        about=f"Sentence polarity 1.0, a tenth held out (shuffled with seed {seed}).",
    )
