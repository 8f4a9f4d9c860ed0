"""Your own examples: files of JSON lines or of tab-separated columns, and their splits.

    {"label": "good", "text": "Not bad at all!"}       a line of mine.jsonl
    good<TAB>Not bad at all!                           a line of mine.tsv

A file whose name ends in .jsonl or .ndjson (or .jsonl.gz) has a JSON object a line.
Every other file has columns; a first line that names them all may put them in another
order, with others between. Lines without a sign are left out.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import Field

from attnlab.text.read_text import read_lines
from attnlab.text.strings import drawn

Item = TypeVar("Item")
Keyed = list[tuple[str, Item]]
"""Examples, each with the text that it is split by: equal texts are in one split."""

HeldOut = Annotated[float, Field(gt=0.0, lt=0.5)]
"""A share of the training examples."""

ENDINGS = (".jsonl", ".ndjson")
BREAKS = re.compile(r"[\0\t\n\v\f\r]+")  # what no line of a text file holds


class ExampleLine(NamedTuple):
    """An example as its file has it.

    where: "file:line", for errors. fields: values by name.
    """

    where: str
    fields: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """A field that has to be there.

        Args:
          name: of the field.

        Returns:
          Its value.

        Raises:
          ValueError: where there is none.
        """
        if name not in self.fields:
            there = ", ".join(map(_short, [*self.fields][:8])) or "nothing"
            raise ValueError(f"{self.where}: no {name!r}; the line has {there}")
        return self.fields[name]

    def text(self, name: str) -> str:
        """A field that has to be a text of some signs.

        Args:
          name: of the field.

        Returns:
          The text on one line, without blanks around it.

        Raises:
          ValueError: where it is no text, or an empty one.
        """
        return self._text(name, self.get(name))

    def texts(self, name: str) -> list[str]:
        """A field that has to be a list of texts.

        Args:
          name: of the field.

        Returns:
          The texts, at least one.

        Raises:
          ValueError: where it is no list, an empty one, or one of other things.
        """
        values = self.get(name)
        if not isinstance(values, list) or not values:
            raise self.wrong(name, values, "a list of texts")
        return [self._text(f"{name}[{n}]", value) for n, value in enumerate(values)]

    def wrong(self, name: str, value: object, needed: str) -> ValueError:
        """The error about a value.

        Args:
          name: of the field.
          value: that it has.
          needed: what it has to be.

        Returns:
          The error, to be raised.
        """
        return ValueError(f"{self.where}: {name} is {_short(value)}, not {needed}")

    def _text(self, name: str, value: object) -> str:
        if isinstance(value, str):
            text = BREAKS.sub(" ", value).strip()
            # JSON may escape half a sign, which no file could hold.
            if text and not any("\ud800" <= sign <= "\udfff" for sign in text):
                return text
        raise self.wrong(name, value, "a text of some signs")


def read_examples(paths: str, columns: Sequence[str]) -> list[ExampleLine]:
    """The examples of a file.

    Args:
      paths: of the file, or of several with commas between.
      columns: that it has where its first line does not name them.

    Returns:
      The examples in their order.

    Raises:
      FileNotFoundError: for a file that is not there.
      ValueError: for a line that is broken, and where there is no example.
    """
    examples = []
    for path in paths.split(","):
        lines = [
            (f"{path}:{number}", line)
            for number, line in enumerate(read_lines(existing(path)), 1)
            if line.strip()
        ]
        if is_json_lines(path):
            examples += [_of_json(*line) for line in lines]
        else:
            examples += _of_columns(lines, columns)
    if not examples:
        raise ValueError(f"{paths} holds no example")
    return examples


def existing(path: str) -> Path:
    """The path of a file.

    Args:
      path: as a setting has it.

    Returns:
      The path.

    Raises:
      FileNotFoundError: where no file is there.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path!r}")
    return Path(path)


def is_json_lines(path: str) -> bool:
    """Whether a file's name says that it holds JSON lines.

    Args:
      path: of the file.

    Returns:
      True for .jsonl, .ndjson, and either with .gz.
    """
    return path.removesuffix(".gz").endswith(ENDINGS)


def _of_json(where: str, line: str) -> ExampleLine:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = str(error)
        if isinstance(error, json.JSONDecodeError):  # it would say "line 1"
            reason = f"{error.msg} in column {error.colno}"
        raise ValueError(f"{where}: {_short(line)} is no JSON: {reason}") from None
    if not isinstance(fields, dict):
        raise ValueError(f"{where}: {_short(line)} is no JSON object")
    return ExampleLine(where, fields)


def _of_columns(
    lines: Sequence[tuple[str, str]], columns: Sequence[str]
) -> list[ExampleLine]:
    names, rows = columns, [(where, line.split("\t")) for where, line in lines]
    first = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if set(columns) <= set(first):
        names, rows = first, rows[1:]
    for where, row in rows:
        # A text with a tab in it would be cut there, and nobody would notice.
        if len(row) != len(names):
            raise ValueError(
                f"{where}: {len(row)} tab-separated columns, not {len(names)}: "
                f"{', '.join(map(_short, names))}"
            )
    return [
        ExampleLine(where, dict(zip(names, row, strict=True))) for where, row in rows
    ]


def read_splits(
    read: Callable[[str], Keyed[Item]],
    train: str | None,
    dev: str | None,
    test: str | None,
    held_out: float,
    stays: Callable[[Keyed[Item]], Collection[str]] = lambda keyed: (),
) -> dict[str, list[Item]]:
    """Train, dev and test of files; what has no file is held out of train.

    Which texts are held out follows from their digests (`attnlab.text.strings.drawn`),
    and neither from their order nor from a seed.

    Args:
      read: gives the examples of a path.
      train: path of the training examples.
      dev: of the development set, or None.
      test: of the test set, or None.
      held_out: the share of the different texts of `train` that each of dev and test
        takes where it has no file; at least one.
      stays: which texts have to be trained on.

    Returns:
      The examples of train, dev and test, by name.

    Raises:
      ValueError: where train is None, where so many cannot be held out, and as `read`.
    """
    if train is None:
        raise ValueError("the corpus 'files' needs train: data.files.train")
    keyed = read(train)
    paths = {"dev": dev, "test": test}
    missing = [name for name, path in paths.items() if path is None]
    held: list[set[str]] = [set() for _ in missing]
    if missing:
        texts = {text for text, _ in keyed}
        free = texts - {*stays(keyed)}
        counts = [max(1, round(held_out * len(texts)))] * len(missing)
        if sum(counts) >= len(free):
            raise ValueError(
                f"{train} has {len(texts)} different texts: too few to hold out "
                f"{sum(counts)} for {' and '.join(missing)}; name other files for them"
            )
        held = drawn(free, counts, "attnlab files")
    out = set().union(*held)
    splits = {"train": [item for text, item in keyed if text not in out]}
    for name, path in paths.items():
        if path is None:
            texts = held[missing.index(name)]
            splits[name] = [item for text, item in keyed if text in texts]
        else:
            splits[name] = [item for _, item in read(path)]
    return splits


def origin(train: str | None, dev: str | None, test: str | None) -> str:
    """Where the examples are from, as `read_splits` takes them.

    Args:
      train: path of the training examples.
      dev: of the development set, or None.
      test: of the test set, or None.

    Returns:
      A sentence.
    """
    missing = [name for name, path in (("dev", dev), ("test", test)) if path is None]
    held = f"; {' and '.join(missing)} held out of it, by digests" if missing else ""
    return f"Read from {train}{held}."


def _short(value: object) -> str:
    """A value for a line, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
