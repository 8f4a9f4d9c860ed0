"""The figures of a report: each drawn once, and again only when what it shows changes.

    figures/.drawn.json    of each figure a digest of what it was drawn from

Curves with a line a row, and a figure that is given as `partial(function, data)`, are
looked up by a digest of what they show before anything is drawn; one that is given as a
Figure is saved every time.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attnlab.report import figures
from attnlab.report.page.charts import Chart, Frame, chart_of, frame_of
from attnlab.report.row_curves import RowCurves
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
      failed: a line for each figure that could not be drawn.
    """

    def __init__(
        self, folder: Path, shown: Sequence[str] | None = None, font: str | None = None
    ):
        self.folder, self.shown, self.font = folder, shown, font
        self.drawn: list[Drawing] = []
        self.failed: list[str] = []
        self._earlier: dict[str, dict] = {}
        self._record: dict[str, dict] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):
            self._earlier = read_json(folder / RECORD)

    def add(
        self, figure: Figure | partial[Figure] | RowCurves, name: str, caption: str
    ) -> None:
        """Save a figure, unless the same one is there.

        One that cannot be drawn costs itself and a line in `failed`. What keeps all
        from being written (a full disk) is an error. A second figure of a name, of
        another task's rows, is numbered.

        Args:
          figure: to save, or a call that draws it, or curves.
          name: of its files, without ending.
          caption: a sentence or more.

        Raises:
          OSError: where a file cannot be written.
        """
        self.attempt(name, partial(self._add, figure, name, caption))

    def attempt(self, name: str, draw: Callable[[], None]) -> None:
        """Draw something that may fail without ending the report.

        Args:
          name: of the figure or figures, for the line in `failed`.
          draw: draws them.

        Raises:
          OSError: where a file cannot be written.
        """
        try:
            draw()
        except OSError:  # a full disk, not a bad figure
            raise
        except Exception as error:  # matplotlib's are of any kind
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self.failed.append(f"The figure {name} could not be drawn ({reason}).")

    def _add(
        self, figure: Figure | partial[Figure] | RowCurves, name: str, caption: str
    ) -> None:
        chart = frame = None
        name = self._unused(name)
        if isinstance(figure, RowCurves):
            frame = self._frame(figure, name)
            chart = chart_of(figure, Frame(**frame["frame"]))
            figure = partial(RowCurves.figure, figure.only(self.shown))
        key = ""  # a figure that is drawn already is saved every time
        if isinstance(figure, partial):
            called = figure.func.__qualname__, figure.args, figure.keywords
            key = _key(self.font, called)
        files = self._files(key, name)
        if files is None:
            made = figure() if isinstance(figure, partial) else figure
            paths = figures.save(made, self.folder / name)
            files = {path.name: digest(path.read_bytes()) for path in paths}
        self._record[name] = {"key": key, "files": files, "frame": frame}
        paths = [self.folder / file for file in files]
        self.drawn.append(Drawing(paths, caption, chart))

    def _unused(self, name: str) -> str:
        free, number = name, 1
        while free in self._record:
            number += 1
            free = f"{name}-of-task-{number}"
        return free

    def _files(self, key: str, name: str) -> dict[str, str] | None:
        """The digests of the files of an equal figure, if they are still so."""
        entry = self._earlier.get(name)
        if not entry or not key or entry["key"] != key:
            return None
        for file, sha256 in entry["files"].items():
            path = self.folder / file
            if not path.is_file() or digest(path.read_bytes()) != sha256:
                return None
        return entry["files"]

    def _frame(self, curves: RowCurves, name: str) -> dict:
        """The frame of a chart, as it was if its limits, words and marks are so too."""
        marks = {(line.place, line.markers) for p in curves.panels for line in p.lines}
        parts = [
            (panel.box, panel.x_label, panel.y_label, panel.bins, panel.limits())
            for panel in curves.panels
        ]
        key = _key(self.font, [curves.size, parts, marks])
        earlier = (self._earlier.get(name) or {}).get("frame")
        if earlier and earlier["key"] == key:
            return earlier
        return {"key": key, "frame": frame_of(curves)._asdict()}

    def close(self) -> None:
        """Write the record; files of figures that are no longer drawn are removed."""
        for name in self._earlier.keys() - self._record.keys():
            for file in self._earlier[name]["files"]:
                (self.folder / file).unlink(missing_ok=True)
        if self._record != self._earlier:
            write_json(self.folder / RECORD, self._record)


def _key(font: str | None, shown: object) -> str:
    """Digest of what a figure shows, and of the code that draws it."""
    sha256 = hashlib.sha256(_code())
    _feed(sha256, [font, shown])
    return sha256.hexdigest()


@cache
def _code() -> bytes:
    """The code that draws, and matplotlib's version: other ones draw other figures."""
    import matplotlib

    packages = map(resources.files, ("attnlab.report", "attnlab.report.page"))
    files = [file for package in packages for file in package.iterdir()]
    code = [
        file.read_bytes()
        for file in sorted(files, key=lambda file: file.name)
        if file.name.endswith(".py")
    ]
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
