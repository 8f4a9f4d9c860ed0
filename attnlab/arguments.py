"""Arguments of what users call from Python: one line on the argument and its value.

Types are hints in Python: a number where words are asked for would fail far below, in
JAX or NumPy, with an error that names neither.
"""

import os
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any


def shown(value: Any) -> str:
    """A value as an error names it: on one line, and not all of a long one.

    Args:
      value: anything.

    Returns:
      The start of its repr.
    """
    return " ".join(repr(value).split())[:80]


def text(name: str, value: Any) -> str:
    """An argument that has to be a text.

    Args:
      name: of the argument.
      value: as it was given.

    Returns:
      The text.

    Raises:
      ValueError: for anything else.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} is {shown(value)}; it must be a text")
    return value


def words(name: str, value: Any) -> str | tuple[str, ...]:
    """An argument that has to be a text or its words.

    Args:
      name: of the argument.
      value: as it was given.

    Returns:
      The text, or the words as a tuple.

    Raises:
      ValueError: for anything else.
    """
    if isinstance(value, str):
        return value
    items = tuple(value) if _is_list(value) else None
    if items is None or not all(isinstance(word, str) for word in items):
        raise ValueError(f"{name} is {shown(value)}; it must be a text or its words")
    return items


def several(name: str, value: Any, what: str) -> list:
    """An argument that has to be a list or the like: an array, a column of a table.

    Args:
      name: of the argument.
      value: as it was given.
      what: its items are.

    Returns:
      Its items.

    Raises:
      ValueError: for anything else, a text and a mapping among it.
    """
    if not _is_list(value):
        raise ValueError(f"{name} is {shown(value)}; it must be {what}")
    return list(value)


def _is_list(value: Any) -> bool:
    """Whether it is iterated over for its items, as a column of a table is."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def whole(name: str, value: Any, least: int, most: int) -> int:
    """An argument that has to be a whole number.

    Args:
      name: of the argument.
      value: as it was given.
      least: allowed.
      most: allowed.

    Returns:
      The number.

    Raises:
      ValueError: for another number, and for what is none: a text, True.
    """
    right = isinstance(value, Integral) and not isinstance(value, bool)
    if not right or not least <= int(value) <= most:
        raise ValueError(
            f"{name} is {shown(value)}; it must be a whole number from {least:,} to "
            f"{most:,}"
        )
    return int(value)


def share(name: str, value: Any) -> float:
    """An argument that has to be a share of something, more than none.

    Args:
      name: of the argument.
      value: as it was given.

    Returns:
      The number, in (0, 1].

    Raises:
      ValueError: for another number, and for what is none.
    """
    right = isinstance(value, Real) and not isinstance(value, bool)
    if not right or not 0 < float(value) <= 1:
        raise ValueError(
            f"{name} is {shown(value)}; it must be a number above 0 and at most 1"
        )
    return float(value)


def path(name: str, value: Any) -> Path:
    """An argument that has to be a path.

    Args:
      name: of the argument.
      value: as it was given.

    Returns:
      The path.

    Raises:
      ValueError: for anything but a text and a path, and for an empty text, which
        Python takes for the current folder.
    """
    right = isinstance(value, str | os.PathLike)
    if not right or not isinstance(os.fspath(value), str):
        raise ValueError(f"{name} is {shown(value)}; it must be a path")
    if value == "":
        raise ValueError(f"{name} is empty; it must be a path")
    return Path(value)


def mapping(name: str, value: Any) -> Mapping:
    """An argument that has to be a mapping.

    Args:
      name: of the argument.
      value: as it was given.

    Returns:
      The mapping.

    Raises:
      ValueError: for anything else.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {shown(value)}; it must be a mapping")
    return value
