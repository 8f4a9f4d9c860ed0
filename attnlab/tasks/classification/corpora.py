"""Labeled corpora by name: `load("evidence")`, `load("sst", classes=2)`."""

import inspect
from collections.abc import Callable

from attnlab.tasks.classification.imdb import imdb
from attnlab.tasks.classification.polarity import polarity
from attnlab.tasks.classification.records import Labeled, LabeledSentence
from attnlab.tasks.classification.sst import sst
from attnlab.tasks.classification.synthetic import evidence

__all__ = ["CORPORA", "LabeledSentence", "Labeled", "load"]

CORPORA: dict[str, Callable[..., Labeled]] = {
    "evidence": evidence,
    "imdb": imdb,
    "polarity": polarity,
    "sst": sst,
}


def load(name: str, **options) -> Labeled:
    """The corpus called `name`; `options` are the keyword arguments of its loader.

    Raises ValueError for an unknown corpus or option (both name the choices), and
    MissingCorpus (a FileNotFoundError) when its files are not in the data folder.
    """
    if name not in CORPORA:
        raise ValueError(f"unknown corpus {name!r}; choose {', '.join(CORPORA)}")
    loader = CORPORA[name]
    known = inspect.signature(loader).parameters
    for option in options:
        if option not in known:
            raise ValueError(
                f"unknown option {option!r} of corpus {name!r}; "
                f"choose {', '.join(known)}"
            )
    return loader(**options)
