"""The Stanford Sentiment Treebank (Socher et al. 2013), whole sentences."""

from pathlib import Path
from typing import Literal

from pydantic import validate_call

from attnlab.corpora.folder import corpus_file
from attnlab.tasks.classification.records import SENTIMENTS, Labeled, LabeledSentence
from attnlab.text.lines import read_lines
from attnlab.text.words import split_words

UPSTREAM = "https://nlp.stanford.edu/sentiment/"
SEPARATOR = " ||| "


@validate_call
def sst(
    classes: Literal[5, 2] = 5,
    lowercase: bool = True,
    folder: str | Path | None = None,
) -> Labeled:
    """8,544 / 1,101 / 2,210 sentences; with two classes 6,920 / 872 / 1,821.

    Training is on whole sentences alone: papers also use the treebank's 150,000
    phrases, which is worth several points.

    Args:
      classes: 5, or 2, which leave out the neutral sentences.
      lowercase: tokens are lower-cased.
      folder: the data folder; None is the one that ATTNLAB_DATA names.

    Returns:
      The corpus.

    Raises:
      MissingCorpus: where its files are not in the data folder.
      ValueError: for lines of another form.
    """

    def split(name):
        path = corpus_file(f"sst/sst5_{name}.txt.gz", upstream=UPSTREAM, folder=folder)
        examples = []
        for number, line in enumerate(read_lines(path), 1):
            label, separator, text = line.partition(SEPARATOR)
            if not separator or label not in ("0", "1", "2", "3", "4"):
                raise ValueError(
                    f"{path}:{number}: not '0-4{SEPARATOR}tokens': {line[:40]!r}"
                )
            words = tuple(split_words(text.lower() if lowercase else text))
            if classes == 5:
                examples.append(LabeledSentence(words, int(label)))
            elif label != "2":
                examples.append(LabeledSentence(words, int(label > "2")))
        return examples

    return Labeled(
        name="sst",
        train=split("train"),
        dev=split("dev"),
        test=split("test"),
        classes=SENTIMENTS[classes],
        about=f"Stanford Sentiment Treebank, whole sentences, {classes} classes.",
    )
