"""The report as one page, index.html: a table, curves, and a viewer of alignments.

It needs no network and opens from a file. The table, the frames of curves and the
page's own style and script are inside; the rest are scripts in `data/` beside it,
loaded when they are shown: a page that was opened from a file may not fetch anything
else.

    data/seeds.js          the numbers of single runs
    data/curves/<row>.js   what belongs to a row in each chart
    data/<set>/...         sentences and attention weights, see `sentences.py`
"""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from attnlab.report.page import payload, sentences
from attnlab.report.page.charts import Chart, chart_of
from attnlab.report.page.escaping import embedded
from attnlab.report.page.scripts import OPENING, write_script
from attnlab.report.rows import Row
from attnlab.report.table import Table
from attnlab.runs import write_bytes

__all__ = ["Chart", "chart_of", "write"]

NAME = "index.html"
DATA = "data"
# One function around all of them, in this order: later ones use earlier ones.
SCRIPTS = (
    "base.js",
    "state.js",
    "data.js",
    "table.js",
    "charts.js",
    "marks.js",
    "picture.js",
    "stories.js",
    "passages.js",
    "sequences.js",
    "pictures.js",
    "forms.js",
    "words.js",
    "list.js",
    "print.js",
    "export.js",
    "viewer.js",
    "main.js",
)


def write(
    folder: Path,
    title: str,
    rows: Sequence[Row],
    table: Table,
    charts: Sequence[tuple[Chart, str]] = (),
    gallery: Sequence[tuple[str, str]] = (),
    ranked: Sequence[Row] | None = None,
) -> list[Path]:
    """Write the page of a sweep.

    Scripts of an earlier report in `data/` that would be the same stay untouched; those
    that this one has no use for are removed.

    Args:
      folder: where index.html and `data/` go.
      title: of the page.
      rows: of the sweep.
      table: its table.
      charts: (chart, caption) of the curves.
      gallery: (path from `folder`, caption) of pictures.
      ranked: the rows in the order in which they got their colors; by default `rows`.

    Returns:
      The files written, index.html first.
    """
    sets, sets_of, written = sentences.write(folder / DATA, rows)
    seeds = folder / DATA / "seeds.js"
    written.append(write_script(seeds, "seeds", embedded(payload.seeds(rows, table))))
    drawn = [chart for chart, _ in charts]
    written += _write_curves(folder / DATA / "curves", rows, drawn)
    looks = {row.slug: place for place, row in enumerate(ranked or rows)}
    content = payload.collect(title, rows, table, gallery, sets, sets_of, looks)
    content["curves"] = [row.slug for row in rows if _curves(row, drawn)]
    write_bytes(folder / NAME, _page(title, content, charts).encode())
    # Only files that begin as ours do: `data/` may hold somebody else's, too.
    for path in set((folder / DATA).rglob("*.js")) - set(written):
        if not path.is_file():
            continue
        with open(path, "rb") as file:
            ours = file.read(len(OPENING)) == OPENING
        if ours:
            path.unlink()
    return [folder / NAME, *written]


def _curves(row: Row, charts: Sequence[Chart]) -> list[list[object]]:
    """[number of the chart, layer, fragment] of all that belongs to a row."""
    return [
        [number, layer, fragment]
        for number, chart in enumerate(charts)
        for layer, fragment in chart.rows.get(row.name, ())
    ]


def _write_curves(
    folder: Path, rows: Sequence[Row], charts: Sequence[Chart]
) -> list[Path]:
    return [
        write_script(folder / f"{row.slug}.js", f"curves/{row.slug}", embedded(curves))
        for row in rows
        if (curves := _curves(row, charts))
    ]


def _page(title: str, content: object, charts: Sequence[tuple[Chart, str]]) -> str:
    """The page; its policy allows this very style and script, and files beside it."""
    style = _file("page.css")
    script = _compact("\n".join(_file(name) for name in SCRIPTS))
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    figures = [
        f"<figure>{chart.frame}<figcaption>{html.escape(caption)}</figcaption></figure>"
        for chart, caption in charts
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


def _compact(script: str) -> str:
    """A script without its indentation and its lines of comment, a quarter of it.

    None of the page's texts goes over several lines, so that no text is changed.
    """
    return re.sub(r"^[ \t]*(//.*\n)?", "", script, flags=re.MULTILINE)


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _file(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
