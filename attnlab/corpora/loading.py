"""Any corpus of the catalogue by its name, whatever it is for."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from attnlab.corpora.catalogue import find
from attnlab.tasks.captioning import pictures
from attnlab.tasks.classification import corpora
from attnlab.tasks.cloze.corpora import ieer
from attnlab.tasks.cloze.synthetic import synthetic_cloze
from attnlab.tasks.memn2n.babi import babi
from attnlab.tasks.memn2n.stories import stories
from attnlab.tasks.ntm.data import PROBLEMS
from attnlab.text import parallel_corpora

LOADERS: dict[str, Mapping[str, Callable[..., Any]]] = {
    "translation": parallel_corpora.CORPORA,
    "captioning": pictures.PICTURES,
    "cloze": {"synthetic": synthetic_cloze, "ieer": ieer},
    "memn2n": {"stories": stories, "babi": babi},
    "classification": corpora.CORPORA,
    "ntm": PROBLEMS,
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
