"""Labeled corpora by name: to add one, write its loader and a line here."""

from collections.abc import Callable, Mapping

from attnlab.tasks.classification import files, imdb
from attnlab.tasks.classification.polarity import polarity
from attnlab.tasks.classification.records import Labeled
from attnlab.tasks.classification.sst import sst
from attnlab.tasks.classification.synthetic import evidence
from attnlab.text.words import split_words

CORPORA: dict[str, Callable[..., Labeled]] = {
    "evidence": evidence,
    "imdb": imdb.imdb,
    "polarity": polarity,
    "sst": sst,
    "files": files.labeled_files,
}


def words_as_read(
    text: str, name: str, options: Mapping[str, object]
) -> tuple[str, ...]:
    """The words of a text, as a corpus has them.

    Args:
      text: as it is written.
      name: of the corpus.
      options: of its loader.

    Returns:
      The words.
    """
    if name == "imdb":
        return imdb.words_of(text)
    if name == "files":
        return files.words_of(text, bool(options["tokenized"]))
    return tuple(split_words(text.lower() if options.get("lowercase") else text))
