"""The report as one page, index.html: a table, curves, and a viewer of alignments.

It needs no network and opens from a file. Table, curves and the page's own style and
script are inside; sentences and their weights are scripts in `data/` beside it, loaded
when they are shown: a page that was opened from a file may not fetch anything else.
"""

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from attnlab.report.example_stats import ExampleStats
from attnlab.report.page import payload, sentences
from attnlab.report.page.escaping import embedded
from attnlab.report.rows import Row
from attnlab.report.table import Table
from attnlab.runs import write_bytes

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
    known: Mapping[str, ExampleStats],
    table: Table,
    figures: Sequence[tuple[str, str]] = (),
) -> list[Path]:
    """The files written into `folder`, index.html first.

    figures: (path from `folder`, caption) of those that report.md shows. Scripts that
    an earlier report left in `data/`, and this one has no use for, are removed.
    """
    sets, held, written = sentences.write(folder / DATA, rows)
    shown = payload.collect(title, rows, known, table, figures)
    for row in shown["rows"]:
        row["sets"] = held.get(row["slug"], [])
    shown["sets"] = sets
    write_bytes(folder / NAME, _page(title, shown).encode())
    for path in set((folder / DATA).rglob("*.js")) - set(written):
        with open(path, "rb") as file:
            ours = file.read(len(sentences.OPENING)) == sentences.OPENING
        if ours:
            path.unlink()
    return [folder / NAME, *written]


def _page(title: str, shown: Mapping[str, Any]) -> str:
    """The page; its policy allows this very style and script, and files beside it."""
    style = _file("page.css")
    script = "\n".join(_file(name) for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    parts = {
        "title": html.escape(title),
        "policy": (
            f"default-src 'none'; script-src 'self' file: '{_digest(script)}'; "
            f"style-src '{_digest(style)}'; img-src 'self' file: data: blob:; "
            "base-uri 'none'; form-action 'none'"
        ),
        "style": style,
        "report": embedded(shown),
        "script": script,
    }
    template = _file("page.html")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _file(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
