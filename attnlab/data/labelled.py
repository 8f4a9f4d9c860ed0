"""Labelled corpora by name: `load("evidence")`, `load("sst", classes=2)`."""

import inspect
from collections.abc import Callable

from attnlab.data.evidence import evidence
from attnlab.data.examples import Example, Labelled
from attnlab.data.imdb import imdb
from attnlab.data.polarity import polarity
from attnlab.data.sst import sst

__all__ = ["CORPORA", "Example", "Labelled", "load"]

CORPORA: dict[str, Callable[..., Labelled]] = {
    "evidence": evidence,
    "imdb": imdb,
    "polarity": polarity,
    "sst": sst,
}


def load(name: str, **options) -> Labelled:
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
