"""What the page itself holds as JSON: the table and the numbers of each run.

Numbers are those of the tables and figures; nothing is computed anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from attnlab.report import figures, render, rows
from attnlab.report.rows import Row
from attnlab.report.table import Column, Table, TableCell, value
from attnlab.runs import Run

Json = dict[str, object]

# What rows can be filtered by: printed name -> the setting. Those that all rows share
# are left out.
AXES = {
    "sweep": "",
    "task": "task",
    "data": "data.name",
    "preset": "model.preset",
    "decoder": "model.decoder",
    "score": "model.score",
    "window": "model.window",
    "normalizer": "model.normalizer",
    "read": "model.read",
    "learning": "estimator.learning",
}


def collect(
    title: str,
    rows: Sequence[Row],
    table: Table,
    gallery: Sequence[tuple[str, str]],
    sets: Sequence[Mapping[str, object]],
    sets_of: Mapping[str, Sequence[str]],
) -> Json:
    """Everything but curves, words and weights.

    Args:
      title: of the page.
      rows: of the sweep.
      table: its table.
      gallery: (path, caption) of pictures.
      sets: the sets of aligned sentences.
      sets_of: {row's slug: keys of the sets it has}.

    Returns:
      What the scripts call `report`, in JSON's own types.
    """
    # Failed runs are shown below their row, by `_run`.
    cells = {line.name: line.cells for line in table.lines if not line.failure}
    return {
        "title": title,
        "columns": [
            {"key": column.key, "title": column.title, "better": column.better}
            for column in table.columns
        ],
        "rows": [
            _row(row, place, cells.get(row.name, {}), table.columns)
            | {"sets": sets_of.get(row.slug, [])}
            for place, row in enumerate(rows)
        ],
        "axes": _axes(rows),
        "notes": render.sentences(table, "in bold"),
        "figures": [{"file": file, "caption": caption} for file, caption in gallery],
        "sets": sets,
    }


def _row(
    row: Row, place: int, cells: Mapping[str, TableCell], columns: Sequence[Column]
) -> Json:
    look = figures.look_of(place)
    dashes = look["linestyle"]
    width = _half_width(row)
    return {
        "name": row.name,
        "slug": row.slug,
        "color": look["color"],
        "marker": look["marker"],
        "dashes": [] if dashes == "-" else list(dashes[1]),
        "axes": {name: _choice(row, name) for name in AXES},
        "cells": {
            column.key: _cell(cells[column.key], column)
            for column in columns
            if column.key in cells
        },
        "runs": [_run(run, columns) for run in row.runs],
        **({} if width is None else {"half_width": width}),
    }


def _cell(cell: TableCell, column: Column) -> Json:
    """The printed number and the mean to sort by; p where it was tested."""
    content: Json = {
        "text": render.number(cell, column),
        # JSON has no number that is not finite
        "mean": float(f"{cell.mean:.6g}") if np.isfinite(cell.mean) else None,
        "seeds": cell.seeds,
    }
    if cell.best:
        content["best"] = True
    if cell.p_value is not None:
        content |= {"p": float(f"{cell.p_value:.3g}"), "marked": cell.marked}
    return content


def _run(run: Run, columns: Sequence[Column]) -> Json:
    values = {column: value(run, column) for column in columns}
    content: Json = {
        "seed": run.seed,
        "state": rows.state(run),
        "cells": {
            column.key: f"{number:,.{column.digits}f}"
            for column, number in values.items()
            if number is not None
        },
    }
    if run.error:
        content["failure"] = rows.failure(run)
    return content


def _axes(rows: Sequence[Row]) -> list[Json]:
    """The axes along which rows differ, with how many rows have each choice."""
    counted = {name: Counter(_choice(row, name) for row in rows) for name in AXES}
    return [
        {"name": name, "choices": list(counts.items())}
        for name, counts in counted.items()
        if len(counts) > 1
    ]


def _choice(row: Row, axis: str) -> str:
    """The row's choice along an axis, "—" where its configuration has none."""
    choice = row.sweep if axis == "sweep" else row.setting(AXES[axis])
    return str(choice) if choice else "—"


def _half_width(row: Row) -> int | None:
    """D of a local window, where positions are words; else no window can be drawn.

    What the units of shards are, their writer knows and not the configuration.
    """
    width = row.setting("model.half_width")
    local = row.setting("model.window") not in (None, "global")
    words = row.setting("data.units") in (None, "words")
    whole = words and row.setting("data.name") != "shards"
    return width or None if local and whole and isinstance(width, int) else None
