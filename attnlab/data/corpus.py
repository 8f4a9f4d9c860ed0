"""Parallel corpora by name: `load("synthetic")`, `load("hansards", limit=50_000)`."""

import inspect
from collections.abc import Callable

from attnlab.data.europarl import europarl
from attnlab.data.files import files
from attnlab.data.hansards import hansards
from attnlab.data.multi30k import multi30k
from attnlab.data.pairs import Corpus, GoldPair, Link, Pair
from attnlab.data.shards import shards
from attnlab.data.synthetic import synthetic
from attnlab.data.tatoeba import tatoeba

__all__ = ["CORPORA", "Corpus", "GoldPair", "Link", "Pair", "load"]

CORPORA: dict[str, Callable[..., Corpus]] = {
    "synthetic": synthetic,
    "hansards": hansards,
    "multi30k": multi30k,
    "tatoeba": tatoeba,
    "europarl": europarl,
    "files": files,
    "shards": shards,
}


def load(name: str, **options) -> Corpus:
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
