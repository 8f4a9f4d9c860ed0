"""Labeled corpora by name: to add one, write its loader and a line here."""

from collections.abc import Callable

from attnlab.tasks.classification import imdb
from attnlab.tasks.classification.polarity import polarity
from attnlab.tasks.classification.records import Labeled
from attnlab.tasks.classification.sst import sst
from attnlab.tasks.classification.synthetic import evidence

CORPORA: dict[str, Callable[..., Labeled]] = {
    "evidence": evidence,
    "imdb": imdb.imdb,
    "polarity": polarity,
    "sst": sst,
}
# How a text becomes words as a corpus has them; of the others, at its white space.
TOKENIZERS: dict[str, Callable[[str], tuple[str, ...]]] = {"imdb": imdb.words_of}
