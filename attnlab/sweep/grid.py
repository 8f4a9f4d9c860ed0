"""Products of settings: every combination is a row of the sweep.

    def sweep(add):
        add.grid("{score}, {half_width}", window="local-m", half_width=[5, 10],
                 score=["dot", "general"], seed=range(3))

equals four rows with three seeds each, written out with `add`.
"""

import itertools
from collections.abc import Iterable, Mapping
from string import Formatter
from typing import NamedTuple

from attnlab.sweep.setting_names import full_names

SEED = "seed"  # runs of a row differ in it, so it is no part of the row's name


class _Part(NamedTuple):
    """A piece of a name's template: some text, then the value of a setting.

    setting: in full; None where nothing follows the text. spec, conversion: of Python's
    format strings, ".0e" and "r".
    """

    text: str
    setting: str | None
    spec: str
    conversion: str | None


def combinations(
    template: str | None, values: Mapping[str, object], settings: Mapping[str, object]
) -> list[tuple[str, dict[str, object]]]:
    """The rows of a grid.

    Args:
      template: of their names, with settings in braces: "{score}, {half_width}"; None:
        the values of all lists but the seed's, joined by ", ".
      values: by names of settings; a list or a range is several values, anything else
        (a tuple, too) is one that all rows share.
      settings: all that there are, by their names in full, with values of their types.

    Returns:
      (name of the row, its settings by names in full), the last list running fastest.

    Raises:
      ValueError: for an unknown setting, an unknown placeholder, a template that leaves
        out a setting that varies, an empty list, and what is no list but should be.
    """
    given = full_names(settings, values)
    choices = {name: _choices(name, given[name], settings[name]) for name in given}
    listed = [name for name, value in given.items() if _is_list(value) and name != SEED]
    parts = _default(listed) if template is None else _parse(template, given)
    shown = {part.setting for part in parts}
    for name in listed:
        if len(choices[name]) > 1 and name not in shown:
            raise ValueError(
                f"the name has no {{{_last(name)}}}, and {name} varies: several rows "
                "would have one name"
            )
    rows = (
        dict(zip(choices, row, strict=True))
        for row in itertools.product(*choices.values())
    )
    return [(_name(parts, row), row) for row in rows]


def _is_list(value: object) -> bool:
    return isinstance(value, list | range)


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _choices(name: str, value: object, example: object) -> list[object]:
    """The values of a setting; `example` is one of its type."""
    takes_tuples = isinstance(example, list | tuple)
    if isinstance(value, list | range):
        choices: list[object] = list(value)
        if not choices:
            raise ValueError(f"{name} is an empty list; give a value at least")
        if takes_tuples and not all(isinstance(one, list | tuple) for one in choices):
            raise ValueError(
                f"{name} is {value!r}, and a value of it is a tuple; give a list of "
                f"tuples: [{tuple(choices)!r}]"
            )
        return choices
    if example is None and isinstance(value, str | tuple | Mapping):
        return [value]  # such settings are names of files, in one of these ways
    if isinstance(value, tuple) and not takes_tuples:
        raise ValueError(f"{name} is {value!r}, a tuple; give a list: {[*value]!r}")
    if isinstance(value, str) and "," in value and not isinstance(example, str):
        raise ValueError(f"{name} is {value!r}, a text; give a list: [{value}]")
    if isinstance(value, Iterable) and not isinstance(value, str | tuple):
        kind = type(value).__name__
        raise ValueError(f"{name} is of type {kind}; give a list of its values")
    return [value]


def _default(names: list[str]) -> list[_Part]:
    if not names:
        raise ValueError(
            "no setting but the seed has a list; give a name, or a list of values"
        )
    return [_Part(", " if n else "", name, "", None) for n, name in enumerate(names)]


def _parse(template: str, given: Mapping[str, object]) -> list[_Part]:
    if not isinstance(template, str):
        raise ValueError(f"its name is {template!r}; it must be a text")
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as error:  # of braces
        raise ValueError(f"its name cannot be read: {error}") from None
    return [
        _Part(
            text,
            None if field is None else _setting(field, given),
            spec or "",
            conversion,
        )
        for text, field, spec, conversion in pieces
    ]


def _setting(field: str, given: Mapping[str, object]) -> str:
    """The setting that a placeholder means: its last word will do if it is unique."""
    try:
        (name,) = full_names(given, {field: None})
    except ValueError:
        choices = ", ".join(f"{{{_last(name)}}}" for name in given)
        raise ValueError(
            f"unknown placeholder {{{field}}} in the name; choose {choices}"
        ) from None
    return name


def _name(parts: list[_Part], row: Mapping[str, object]) -> str:
    form, words = Formatter(), []
    for text, setting, spec, conversion in parts:
        words.append(text)
        if setting is None:
            continue
        # A tuple has no format of its own, so it is shown as text.
        value = row[setting]
        try:
            value = form.convert_field(value, conversion)  # pyright: ignore[reportArgumentType]
            words.append(
                format(str(value) if isinstance(value, tuple) else value, spec)
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"{setting} {value!r} in the name: {error}") from None
    return "".join(words)
