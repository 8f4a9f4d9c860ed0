"""Any corpus of the catalogue by its name, whatever it is for."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from attnlab.data import corpus, labelled, pictures
from attnlab.data.algorithmic import PROBLEMS
from attnlab.data.babi import babi
from attnlab.data.catalogue import find
from attnlab.data.cloze import ieer
from attnlab.data.cloze_synthetic import synthetic_cloze
from attnlab.data.stories import stories

LOADERS: dict[str, Mapping[str, Callable[..., Any]]] = {
    "translate": corpus.CORPORA,
    "caption": pictures.PICTURES,
    "read": {"synthetic": synthetic_cloze, "ieer": ieer},
    "answer": {"stories": stories, "babi": babi},
    "classify": labelled.CORPORA,
    "memorise": PROBLEMS,
}
# All that there is of these, where their loaders leave something out by default.
WHOLE: dict[str, dict[str, Any]] = {
    "multi30k": {"silver": True},
    "tatoeba": {"silver": True},
    "babi": {"tasks": "1-20"},
}


def load(name: str, **options: Any) -> Any:
    """What the corpus's own loader gives, its records those of the corpus's task.

    `options` are that loader's. ValueError for an unknown corpus or option, with the
    choices; MissingCorpus where its files are not in the data folder.
    """
    entry = find(name)
    loader = LOADERS[entry.task][entry.reads or entry.name]
    known = inspect.signature(loader).parameters
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(
                f"unknown option {option!r} of corpus {name!r}; {hint}"
                f"choose {', '.join(known)}"
            )
    return loader(**options)
