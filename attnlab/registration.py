"""Choices of a user's own: put into the tables that settings choose from.

    attnlab.register("score", "negative-distance", negative_distance)

A module that does so when it is imported is a plugin (`attnlab.plugins`). What attnlab
itself has stands in those tables, as a line each; this module adds to them, and knows
which module has added what.
"""

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from attnlab.parsing import fields_of, near
from attnlab.settings import (
    MONOTONIC,
    Choice,
    TaskSettings,
    add_corpus_section,
)

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")  # as in tables, files and command lines


class Registered(NamedTuple):
    """What a module has added: the table, the name in it, and the module."""

    table: Mapping[str, object]
    name: str
    module: str


REGISTERED: list[Registered] = []


def register(kind: str, name: str, thing: Any, *, task: str | None = None) -> None:
    """Add a choice of your own to those of the settings.

    Args:
      kind: what it is: "score", "window", "normalizer", "transition", "learning" (a
        rule for hard reads) or "corpus".
      name: what settings call it, "negative-distance".
      thing: for score, window and transition a function that makes one, whose arguments
        have defaults (those that are called as a setting of the model get its value);
        for normalizer the function (scores [W], valid [W]) -> weights [W]; for learning
        an `attnlab.estimators.rule.Rule`; for corpus a loader, whose keyword arguments
        become the settings `data.<name>`.
      task: of a corpus, whose records its loader gives. Translation and alignment share
        theirs.

    Raises:
      ValueError: for an unknown kind, a name that is none or is there already, and a
        thing of another type.
    """
    caller = sys._getframe(1).f_globals.get("__name__", "__main__")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(
            f"kind is {kind!r:.60}{near(str(kind), [*_KINDS])}; choose "
            f"{', '.join(_KINDS)}"
        )
    if (task is not None) != (kind == "corpus"):
        hint = "a corpus needs the task that reads it" if task is None else "not this"
        raise ValueError(f"task is {task!r:.60}: only corpora have one, and {hint}")
    table, others, check = _KINDS[kind](task)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"name is {name!r:.60}; it must be of small letters, digits, hyphens, "
            "underscores and dots"
        )
    if name in table and table[name] is thing:  # by an import under another name
        return
    if name in table or name in others:
        there = _described(table[name]) if name in table else "one of attnlab"
        raise ValueError(
            f"{kind} {name!r} is there already: {there}; give {_described(thing)} "
            "another name"
        )
    check(kind, name, thing)
    table[name] = thing
    try:
        _add_elsewhere(kind, table, name)
    except ValueError:
        del table[name]
        raise
    REGISTERED.append(Registered(table, name, caller))


def check_named(settings: TaskSettings) -> None:
    """Refuse settings with a choice of a plugin that they do not name.

    Args:
      settings: of a run to be. Another process could not make it.

    Raises:
      ValueError: naming the setting and the plugin.
    """
    for path, field in fields_of(type(settings)):
        value = functools.reduce(getattr, path.split("."), settings)
        for choice in (item for item in field.metadata if isinstance(item, Choice)):
            for added in REGISTERED:
                if added.name != value or added.table is not choice.table:
                    continue
                if not _covered(added.module, settings.plugins):
                    raise ValueError(
                        f"{path} is {value!r}, which module {added.module} has "
                        "registered; name it in the config file: "
                        f"config.plugins = ({added.module!r},)"
                    )


def plain_settings(settings: TaskSettings) -> dict[str, Any]:
    """Settings as a config.json has them.

    Args:
      settings: of a run.

    Returns:
      Nested dicts and lists, without sections of corpora that plugins have registered
      which the run does not name: it can be read where those are not loaded.
    """
    plain = settings.model_dump(mode="json")
    for added in REGISTERED:
        of_plugin = added.table is type(settings.data).corpora
        if of_plugin and not _covered(added.module, settings.plugins):
            plain["data"].pop(added.name, None)
    return plain


def _covered(module: str, plugins: Iterable[str]) -> bool:
    """Whether a module is one of the plugins, or inside one."""
    return any(f"{module}.".startswith(f"{plugin}.") for plugin in plugins)


# ---- the kinds: (table, names that stand beside it, check of the thing) ------------

Check = Callable[[str, str, Any], None]
Place = tuple[dict[str, Any], Iterable[str], Check]


def _of_presets(table: str, made: str, *others: str) -> Callable[[str | None], Place]:
    def place(task: str | None) -> Place:
        del task
        presets = importlib.import_module("attnlab.attention.presets")
        kind = getattr(importlib.import_module("attnlab.attention.base"), made)
        # A preset pins a whole model: its name for a score would be misleading.
        return getattr(presets, table), (*others, *presets.PRESETS), _made_by(kind)

    return place


def _normalizers(task: str | None) -> Place:
    del task
    presets = importlib.import_module("attnlab.attention.presets")
    return presets.NORMALIZERS, (*MONOTONIC, *presets.PRESETS), _check_normalizer


def _transitions(task: str | None) -> Place:
    del task
    module = importlib.import_module("attnlab.attention.transitions")
    return module.TRANSITIONS, (), _made_by(module.Transition)


def _rules(task: str | None) -> Place:
    del task
    return importlib.import_module("attnlab.estimators.rules").RULES, (), _check_rule


def _corpora(task: str | None) -> Place:
    spec = importlib.import_module("attnlab.tasks").spec(task)
    return spec.corpora, (), _check_corpus


_KINDS: dict[str, Callable[[str | None], Place]] = {
    "score": _of_presets("SCORES", "Score", "none"),
    "window": _of_presets("WINDOWS", "Window"),
    "normalizer": _normalizers,
    "transition": _transitions,
    "learning": _rules,
    "corpus": _corpora,
}


def _made_by(kind: type) -> Check:
    """The check of a function that makes a record when called without arguments."""

    def check(axis: str, name: str, thing: Any) -> None:
        if not callable(thing) or isinstance(thing, kind):
            raise ValueError(
                f"{axis} {name!r} is {_described(thing)}; give the function that makes "
                f"the {kind.__name__}, not what it has made"
            )
        missing = [
            parameter.name
            for parameter in inspect.signature(thing).parameters.values()
            if parameter.default is parameter.empty
        ]
        if missing:
            raise ValueError(
                f"{axis} {name!r}: argument {missing[0]} of {_described(thing)} has no "
                "default"
            )
        made = thing()
        if not isinstance(made, kind):
            raise ValueError(
                f"{axis} {name!r}: {_described(thing)} gives a {type(made).__name__}; "
                f"it must give a {kind.__name__}"
            )

    return check


def _check_normalizer(axis: str, name: str, thing: Any) -> None:
    try:
        inspect.signature(thing).bind(None, None)
    except (TypeError, ValueError):
        raise ValueError(
            f"{axis} {name!r} is {_described(thing)}; it must be a function of two "
            "arguments, scores [W] and valid [W]"
        ) from None


def _check_rule(axis: str, name: str, thing: Any) -> None:
    kind = importlib.import_module("attnlab.estimators.rule").Rule
    reads = importlib.import_module("attnlab.attention.presets").READS
    if not isinstance(thing, kind):
        raise ValueError(f"{axis} {name!r} is {_described(thing)}; it must be a Rule")
    unknown = [read for read in thing.reads if read not in reads]
    if unknown or not thing.reads:
        raise ValueError(
            f"{axis} {name!r}: reads is {thing.reads!r}; choose {', '.join(reads)}"
        )


def _check_corpus(axis: str, name: str, thing: Any) -> None:
    if not name.isidentifier():  # `config.data.<name>` is written in Python
        raise ValueError(f"{axis} {name!r} must be a name that Python takes: my_corpus")
    if not callable(thing):
        raise ValueError(
            f"{axis} {name!r} is {_described(thing)}; it must be a function that gives "
            "the corpus"
        )


def _add_elsewhere(kind: str, table: Mapping[str, Any], name: str) -> None:
    """What follows from a table and has been made of it already."""
    if kind == "learning":
        rules = importlib.import_module("attnlab.estimators.rules")
        rules.LEARNING.update(rules.learning_by_read())
    if kind == "corpus":
        add_corpus_section(table, name)


def _described(thing: Any) -> str:
    """ "negative_distance of my_scores", or the start of a repr."""
    name, module = (getattr(thing, n, None) for n in ("__qualname__", "__module__"))
    if name is None or module is None:
        return f"{thing!r:.60}"
    return f"{name} of {module}"
