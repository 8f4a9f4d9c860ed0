"""Settings read and shown: a configuration to its record, a record to a ConfigDict.

`parse` checks what a person or a file has set, `config_dict` gives what a config file
changes, `fields_of` and `allowed` say what there is to set.
"""

import difflib
import inspect
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from attnlab.settings import MOST, RUN_KEYS, Choice, Settings

Kind = TypeVar("Kind", bound=Settings)


def parse(kind: type[Kind], config: Mapping[str, object]) -> Kind:
    """The checked record of a configuration.

    Args:
      kind: the record's class, of a task: `attnlab.tasks.spec("ntm").settings`.
      config: nested settings, from a ConfigDict or a config.json. What is missing has
        its default; `RUN_KEYS` are no settings and are passed over.

    Returns:
      The record, frozen.

    Raises:
      ValueError: for unknown settings, wrong types, values out of range, numbers that
        are not finite, and settings that do not go together: a line for each, with the
        dotted path, the value and what is allowed.
    """
    to_json = getattr(config, "to_json", None)
    text = to_json() if to_json is not None else json.dumps(config)
    plain = {k: v for k, v in json.loads(text).items() if k not in RUN_KEYS}
    undecodable = [
        f"{path} is {value!r}; it must be UTF-8"
        for path, value in _texts(plain)
        if not is_utf8(value)
    ]
    if undecodable:
        raise ValueError("\n".join(undecodable))
    try:
        return kind.model_validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        lines = [_sentence(kind, plain, item) for item in error.errors()]
        raise ValueError("\n".join(_joined(lines))) from None


def _joined(lines: Sequence[str]) -> list[str]:
    """The same lines, once each; what a value may be instead of several kinds is one
    line: "train.devices is 0; it must be at least 1, or choose 'all'"."""
    allowed: dict[str, list[str]] = {}  # by the setting and its value
    for line in dict.fromkeys(lines):
        # Unknown settings and those that do not go together are sentences of their own.
        of, is_value, what = line.partition("; ")
        head = of if is_value and " is " in of else line
        allowed.setdefault(head, []).append(what if head == of else "")
    return [
        f"{head}; {', or '.join(whats)}" if any(whats) else head
        for head, whats in allowed.items()
    ]


def is_utf8(text: str) -> bool:
    """Whether a text can be written: bytes of a command line that are not UTF-8 become
    surrogates in Python, which no file takes.

    Args:
      text: of a setting, or of a path.

    Returns:
      False where it holds a surrogate.
    """
    return text.isprintable() or not any("\ud800" <= sign <= "\udfff" for sign in text)


def _texts(config: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a configuration by its dotted path."""
    if isinstance(config, str):
        yield path, config
    elif isinstance(config, Mapping):
        for name, value in config.items():
            yield from _texts(value, f"{path}.{name}".removeprefix("."))
    elif isinstance(config, Sequence):
        for value in config:
            yield from _texts(value, path)


def _sentence(kind: type[Settings], config: Mapping, error: Mapping) -> str:
    """One line on one error: the path, the value and what is allowed."""
    places = [str(part) for part in error["loc"]]
    known = dict(fields_of(kind))
    path = ".".join(places)
    if error["type"] == "model_type":
        return f"{path} is {_value_at(config, places)!r}; it must be a section"
    while places and path not in known and error["type"] != "extra_forbidden":
        places.pop()  # an index of a tuple, a member of a union
        path = ".".join(places)
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"unknown setting {path!r}{near(places[-1], [*known, *_leaves(known)])}"
    if error["type"] == "finite_number" or _is_infinite(_value_at(config, places)):
        message = "it must be a finite number"
    if not places:  # settings that do not go together: the check says which
        return message
    value = _value_at(config, places)
    message = message.removeprefix("Input should be ")
    default = known[path].default if path in known else None
    if error["type"] in ("tuple_type", "missing", "too_long"):
        message = "it must be a list" + (f" such as {default!r}" if default else "")
    if error["type"] == "dict_type" or message == "an object":
        message = "it must be a mapping"
    if message.startswith(("a valid", "greater", "less", "finite", "one of")):
        message = f"it must be {message}"
    elif message.startswith("'"):
        message = f"choose {message.replace(' or ', ', ')}"
    return f"{path} is {value!r}; {message}"


def near(name: str, known: Sequence[str]) -> str:
    """The end of an error about an unknown name: what may have been meant.

    Args:
      name: what was given.
      known: the names there are.

    Returns:
      "; did you mean train.steps?", or "" where no known name is like it.
    """
    matches = difflib.get_close_matches(name, sorted(set(known)), 3)
    return f"; did you mean {' or '.join(matches)}?" if matches else ""


def _leaves(paths: Mapping[str, object]) -> list[str]:
    return [path.rsplit(".", 1)[-1] for path in paths]


def _is_infinite(value: object) -> bool:
    return isinstance(value, float) and (value != value or value in (1e999, -1e999))


def _value_at(config: object, places: Sequence[str]) -> object:
    for place in places:
        if not isinstance(config, Mapping):
            return None
        config = config.get(place)
    return config


def fields_of(
    kind: type[Settings], prefix: str = ""
) -> Iterator[tuple[str, FieldInfo]]:
    """Every setting of a record by its dotted path, those of its sections too.

    Args:
      kind: a record's class.
      prefix: put before each path.

    Returns:
      Pairs (path, field); a field has `default`, `annotation` and `description`.
    """
    for name, field in kind.model_fields.items():
        section = section_of(field)
        if section is None:
            yield prefix + name, field
        else:
            yield from fields_of(section, f"{prefix}{name}.")


def section_of(field: FieldInfo) -> type[Settings] | None:
    """The section that a field of a record holds.

    Args:
      field: of `Settings.model_fields`.

    Returns:
      The section's class; None where the field is a setting.
    """
    kind = field.annotation
    return kind if inspect.isclass(kind) and issubclass(kind, Settings) else None


def allowed(field: FieldInfo) -> str:
    """What a setting may be, in a few words.

    Args:
      field: of `Settings.model_fields`.

    Returns:
      Its choices, or its type and range: "jit, pmap, shard_map", "int at least 1".
    """
    for item in field.metadata:
        if isinstance(item, Choice):
            return ", ".join(item.names())
    bounds = {
        "ge": "at least",
        "gt": "more than",
        "le": "at most",
        "lt": "less than",
    }
    words = [
        f"{text} {getattr(item, name)}"
        for item in field.metadata
        for name, text in bounds.items()
        if getattr(item, name, None) not in (None, MOST)  # of 32 bits: no choice
    ]
    return " ".join([_kind_name(field.annotation), ", ".join(words)]).strip()


def _kind_name(kind: object) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return ", ".join(map(str, inner))
    if origin is Annotated:
        return _kind_name(inner[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_kind_name(k) for k in inner if k is not type(None))
    if origin is tuple:
        return f"({', '.join('...' if k is ... else _kind_name(k) for k in inner)})"
    return getattr(kind, "__name__", str(kind))


def config_dict(settings: Settings):
    """The ConfigDict of a record, for a config file to change.

    Args:
      settings: a record; of a task, `NTMSettings()` has all the defaults.

    Returns:
      A locked `ml_collections.ConfigDict`: misspelt settings fail, types are kept. A
      setting that is None by default is a placeholder of its type.
    """
    from ml_collections import ConfigDict as Config
    from ml_collections import FieldReference
    from ml_collections.config_dict import placeholder

    config = Config()
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            config[name] = config_dict(value)
        elif value is None:
            config[name] = placeholder(_plain_type(field.annotation))
        elif _plain_type(field.annotation) is object:
            config[name] = FieldReference(value, field_type=object)
        else:
            config[name] = value
    return config.lock()


def _plain_type(kind: object) -> type:
    """The Python type of an annotation; object where there are several."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _plain_type(inner[0])
    if origin in (typing.Union, types.UnionType):
        kinds = {_plain_type(k) for k in inner if k is not type(None)}
        return kinds.pop() if len(kinds) == 1 else object
    if origin is Literal:
        kinds = {type(value) for value in inner}
        return kinds.pop() if len(kinds) == 1 else object
    if origin is not None:
        return _plain_type(origin) if origin is not Sequence else tuple
    return kind if isinstance(kind, type) and kind is not Sequence else tuple
