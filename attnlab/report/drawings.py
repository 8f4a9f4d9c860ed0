"""The figures of a report: each drawn once, and again only when what it shows changes.

    figures/.drawn.json    of each figure a digest of what it was drawn from

A figure that is given as `partial(function, data)` is looked up by a digest of function
and data before anything is drawn; one that is given as a Figure is saved every time.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attnlab.report import figures
from attnlab.report.page.charts import Chart, chart_of
from attnlab.runs import read_json, write_json
from attnlab.runs.manifest import digest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECORD = ".drawn.json"


class Drawing(NamedTuple):
    """A figure of the report.

    paths: its files, the PNG first.
    caption: a sentence or more.
    chart: for the page; None for a figure that the page shows as a picture.
    """

    paths: list[Path]
    caption: str
    chart: Chart | None


class Drawings:
    """Saves figures into a folder, and remembers what they were drawn from.

    Attributes:
      folder: where PNG and PDF files go.
      shown: names of the rows that printed figures show; None for all. The page's
        charts have all rows.
      font: the family of the text, None for the default.
      drawn: the figures so far.
    """

    def __init__(
        self, folder: Path, shown: Sequence[str] | None = None, font: str | None = None
    ):
        self.folder, self.shown, self.font = folder, shown, font
        self.drawn: list[Drawing] = []
        self._earlier: dict[str, dict] = {}
        self._record: dict[str, dict] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):
            self._earlier = read_json(folder / RECORD)

    def add(self, figure: Figure | partial[Figure], name: str, caption: str) -> None:
        """Save a figure, unless the same one is there.

        Args:
          figure: to save, or a call that draws it.
          name: of its files, without ending.
          caption: a sentence or more.
        """
        entry = self._there(figure, name)
        if entry is None:
            # What no digest can be made of is drawn every time.
            key = _key(figure, self.font, self.shown)
            made = figure() if isinstance(figure, partial) else figure
            chart = chart_of(made)
            if chart is not None and self.shown is not None:
                figures.keep_rows(made, self.shown)
            paths = figures.save(made, self.folder / name)
            files = {path.name: digest(path.read_bytes()) for path in paths}
            entry = {"key": key, "files": files, "chart": chart and chart._asdict()}
        self._record[name] = entry
        paths = [self.folder / file for file in entry["files"]]
        chart = Chart(**entry["chart"]) if entry["chart"] else None
        self.drawn.append(Drawing(paths, caption, chart))

    def _there(self, figure: Figure | partial[Figure], name: str) -> dict | None:
        """The record of an equal figure whose files are still what they were."""
        entry = self._earlier.get(name)
        if not entry or not isinstance(figure, partial):
            return None
        if entry["key"] != _key(figure, self.font, self.shown):
            return None
        for file, sha256 in entry["files"].items():
            path = self.folder / file
            if not path.is_file() or digest(path.read_bytes()) != sha256:
                return None
        return entry

    def close(self) -> None:
        """Write the record; files of figures that are no longer drawn are removed."""
        for name in self._earlier.keys() - self._record.keys():
            for file in self._earlier[name]["files"]:
                (self.folder / file).unlink(missing_ok=True)
        if self._record != self._earlier:
            write_json(self.folder / RECORD, self._record)


def _key(
    figure: Figure | partial[Figure], font: str | None, shown: Sequence[str] | None
) -> str:
    """Digest of a call and its arguments; "" of a figure that is drawn already."""
    if not isinstance(figure, partial):
        return ""
    sha256 = hashlib.sha256(_code())
    parts = [figure.func.__qualname__, font, shown, figure.args, figure.keywords]
    _feed(sha256, parts)
    return sha256.hexdigest()


@cache
def _code() -> bytes:
    """The code that draws, and matplotlib's version: other ones draw other figures."""
    import matplotlib

    files = sorted(resources.files("attnlab.report").iterdir(), key=lambda f: f.name)
    code = [file.read_bytes() for file in files if file.name.endswith(".py")]
    return b"".join([matplotlib.__version__.encode(), *code])


def _feed(sha256: hashlib._Hash, value: object) -> None:
    """Add a value to a digest, whatever the order of sets."""
    if isinstance(value, np.ndarray):
        sha256.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    elif isinstance(value, Mapping):
        _feed(sha256, [*value.items()])
    elif isinstance(value, set | frozenset):
        _feed(sha256, sorted(value))
    elif isinstance(value, list | tuple):
        sha256.update(f"[{len(value)}".encode())
        for item in value:
            _feed(sha256, item)
    elif value is None or isinstance(value, str | int | float | np.number):
        sha256.update(f"{type(value).__name__} {value!r};".encode())
    else:
        raise TypeError(f"a figure of a {type(value).__name__} has no digest")
