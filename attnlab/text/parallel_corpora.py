"""Parallel corpora by name: `load("synthetic")`, `load("hansards", limit=50_000)`."""

import inspect
from collections.abc import Callable

from attnlab.text.europarl import europarl
from attnlab.text.files import files
from attnlab.text.hansards import hansards
from attnlab.text.multi30k import multi30k
from attnlab.text.pairs import Corpus, GoldPair, Link, Pair
from attnlab.text.shards import shards
from attnlab.text.synthetic import synthetic
from attnlab.text.tatoeba import tatoeba

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
