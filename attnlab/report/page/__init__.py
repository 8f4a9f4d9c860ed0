"""The report as one page, index.html: a table, curves, and a viewer of alignments.

It needs no network and opens from a file. Table, curves and the page's own style and
script are inside; sentences and their weights are scripts in `data/` beside it, loaded
when they are shown: a page that was opened from a file may not fetch anything else.
"""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from attnlab.report.page import payload, sentences
from attnlab.report.page.charts import inline_svg
from attnlab.report.page.escaping import embedded
from attnlab.report.rows import Row
from attnlab.report.table import Table
from attnlab.runs import write_bytes

__all__ = ["inline_svg", "write"]

NAME = "index.html"
DATA = "data"
# One function around all of them, in this order: later ones use earlier ones.
SCRIPTS = (
    "base.js",
    "state.js",
    "table.js",
    "charts.js",
    "data.js",
    "marks.js",
    "picture.js",
    "words.js",
    "list.js",
    "export.js",
    "viewer.js",
    "main.js",
)


def write(
    folder: Path,
    title: str,
    rows: Sequence[Row],
    table: Table,
    charts: Sequence[tuple[str, str]] = (),
    gallery: Sequence[tuple[str, str]] = (),
) -> list[Path]:
    """Write the page of a sweep.

    Scripts that an earlier report left in `data/`, and this one has no use for, are
    removed.

    Args:
      folder: where index.html and `data/` go.
      title: of the page.
      rows: of the sweep.
      table: its table.
      charts: (`inline_svg`, caption) of the curves.
      gallery: (path from `folder`, caption) of pictures.

    Returns:
      The files written, index.html first.
    """
    sets, sets_of, written = sentences.write(folder / DATA, rows)
    content = payload.collect(title, rows, table, gallery, sets, sets_of)
    write_bytes(folder / NAME, _page(title, content, charts).encode())
    # Only files that begin as ours do: `data/` may hold somebody else's, too.
    for path in set((folder / DATA).rglob("*.js")) - set(written):
        with open(path, "rb") as file:
            ours = file.read(len(sentences.OPENING)) == sentences.OPENING
        if ours:
            path.unlink()
    return [folder / NAME, *written]


def _page(title: str, content: object, charts: Sequence[tuple[str, str]]) -> str:
    """The page; its policy allows this very style and script, and files beside it."""
    style = _file("page.css")
    script = "\n".join(_file(name) for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    figures = [
        f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"
        for svg, caption in charts
    ]
    parts = {
        "title": html.escape(title),
        "policy": (
            f"default-src 'none'; script-src 'self' file: '{_digest(script)}'; "
            f"style-src '{_digest(style)}'; img-src 'self' file: data: blob:; "
            "base-uri 'none'; form-action 'none'"
        ),
        "style": style,
        "charts": "\n".join(figures),
        "report": embedded(content),
        "script": script,
    }
    template = _file("page.html")
    # A function, as in a replacement text backslashes would be read as escapes.
    # One pass, so that braces in a row's name are not filled in.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template)


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _file(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
