"""What the page itself holds as JSON: the table, and how each run ended.

Numbers are those of the tables and figures; nothing is computed anew.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from attnlab.report import figures, meanings, render, rows
from attnlab.report.heatmaps import GOLD
from attnlab.report.page.axes import Axis, axes_of
from attnlab.report.rows import Row
from attnlab.report.table import Column, Table, TableCell, value
from attnlab.runs import Run

Json = dict[str, object]


def collect(
    title: str,
    rows: Sequence[Row],
    table: Table,
    gallery: Sequence[tuple[str, str]],
    sets: Sequence[Mapping[str, object]],
    sets_of: Mapping[str, Mapping[str, Sequence[int]]],
    looks: Mapping[str, int],
) -> Json:
    """Everything but curves, the numbers of single runs, words and weights.

    Args:
      title: of the page.
      rows: of the sweep.
      table: its table.
      gallery: (path, caption) of pictures.
      sets: the sets of aligned sentences.
      sets_of: {row's slug: {key of a set: the seeds that have it}}.
      looks: {row's slug: its place for `figures.look_of`}.

    Returns:
      What the scripts call `report`, in JSON's own types.
    """
    # Failed runs are shown below their row, by `_run`.
    cells = {line.name: line.cells for line in table.lines if not line.failure}
    axes = axes_of(rows)
    return {
        "title": title,
        "gold": GOLD,
        "marks": meanings.MARKS,
        "columns": [
            {"key": column.key, "title": column.title, "better": column.better}
            for column in table.columns
        ],
        "meanings": meanings.terms(
            [(column.key, column.title) for column in table.columns],
            {cell.mark for line in table.lines for cell in line.cells.values()},
        ),
        "rows": [
            _row(
                row,
                looks[row.slug],
                cells.get(row.name, {}),
                table.columns,
            )
            | {
                "axes": _choices(axes, place),
                "sets": sets_of.get(row.slug, {}),
            }
            for place, row in enumerate(rows)
        ],
        "axes": [
            {"name": axis.name, "choices": list(axis.counts.items())} for axis in axes
        ],
        "notes": render.sentences(table, "in bold"),
        "figures": [{"file": file, "caption": caption} for file, caption in gallery],
        "sets": sets,
    }


def seeds(rows: Sequence[Row], table: Table) -> Json:
    """The numbers of single runs, loaded when a row is unfolded.

    Args:
      rows: of the sweep.
      table: its table.

    Returns:
      {row's slug: [cells of a run, by seed]}, in JSON's own types.
    """
    return {
        row.slug: [_numbers(run, table.columns) for run in row.runs] for row in rows
    }


def _row(
    row: Row,
    place: int,
    cells: Mapping[str, TableCell],
    columns: Sequence[Column],
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
        "cells": {
            column.key: _cell(cells[column.key], column, len(row.runs))
            for column in columns
            if column.key in cells
        },
        "runs": [_run(run) for run in row.runs],
        **({} if width is None else {"half_width": width}),
    }


def _choices(axes: Sequence[Axis], place: int) -> list[int]:
    """The row's choice along each axis, as a number: names would fill the page."""
    return [[*axis.counts].index(axis.choices[place]) for axis in axes]


def _cell(cell: TableCell, column: Column, runs: int) -> Json:
    """The printed number and the mean to sort by; mark and p where it was tested.

    The number of seeds is there where it is not that of the runs.
    """
    content: Json = {
        "text": render.number(cell, column),
        # JSON has no number that is not finite
        "mean": float(f"{cell.mean:.6g}") if np.isfinite(cell.mean) else None,
    }
    if cell.seeds != runs:
        content["seeds"] = cell.seeds
    if cell.best:
        content["best"] = True
    if cell.p_value is not None:
        content |= {"p": float(f"{cell.p_value:.3g}"), "mark": cell.mark}
    if cell.p_both is not None:
        content["p_both"] = float(f"{cell.p_both:.3g}")
    return content


def _numbers(run: Run, columns: Sequence[Column]) -> Json:
    values = {column: value(run, column) for column in columns}
    return {
        column.key: f"{number:,.{column.digits}f}"
        for column, number in values.items()
        if number is not None
    }


def _run(run: Run) -> Json:
    content: Json = {"seed": run.seed}
    if not run.result:
        content["state"] = rows.state(run)
    if run.error:
        content["failure"] = rows.failure(run)
    return content


def _half_width(row: Row) -> int | None:
    """D of a local window, where positions are words; else no window can be drawn.

    What the units of shards are, their writer knows and not the configuration.
    """
    width = row.setting("model.half_width")
    local = row.setting("model.window") not in (None, "global")
    words = row.setting("data.units") in (None, "words")
    whole = words and row.setting("data.name") != "shards"
    return width or None if local and whole and isinstance(width, int) else None
