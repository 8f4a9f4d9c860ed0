"""What the page itself holds: the table, each run's numbers, and the curves.

Numbers are those of the tables and figures; nothing is computed anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attnlab.report import curves, figures, render, rows
from attnlab.report.example_stats import ExampleStats
from attnlab.report.figures import Bins, Series
from attnlab.report.rows import Row
from attnlab.report.table import Column, Table, TableCell, value
from attnlab.runs import Run

# What rows can be filtered by: printed name -> where it stands in config.json. Those
# that all rows share are left out.
AXES = {
    "sweep": (),
    "task": ("task",),
    "data": ("data", "name"),
    "preset": ("model", "preset"),
    "decoder": ("model", "decoder"),
    "score": ("model", "score"),
    "window": ("model", "window"),
    "normalizer": ("model", "normalizer"),
    "read": ("model", "read"),
    "learning": ("estimator", "learning"),
}
MOST = {"BLEU": 100, "AER": 1}  # what no score, and no band around one, goes beyond


def collect(
    title: str,
    found: Sequence[Row],
    known: Mapping[str, ExampleStats],
    table: Table,
    drawn: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Everything but the alignments, in JSON's own types; the scripts show its use."""
    lines = {line.name: line.cells for line in table.lines if not line.failure}
    return {
        "title": title,
        "columns": [
            {"key": column.key, "title": column.title, "better": column.better}
            for column in table.columns
        ],
        "rows": [
            _row(row, place, lines.get(row.name, {}), table.columns)
            for place, row in enumerate(found)
        ],
        "axes": _axes(found),
        "notes": render.sentences(table, "in bold"),
        "charts": _charts(found, known),
        "figures": [{"file": file, "captioning": caption} for file, caption in drawn],
    }


def _row(
    row: Row, place: int, cells: Mapping[str, TableCell], columns: Sequence[Column]
) -> dict[str, Any]:
    look = figures.look_of(place)
    dashes = look["linestyle"]
    width = _half_width(row)
    return {
        "name": row.name,
        "slug": row.slug,
        "color": look["color"],
        "marker": look["marker"],
        "dashes": [] if dashes == "-" else list(dashes[1]),
        "axes": {name: _axis(row, name) for name in AXES},
        "cells": {
            column.key: _cell(cells[column.key], column)
            for column in columns
            if column.key in cells
        },
        "runs": [_run(run, columns) for run in row.runs],
        **({} if width is None else {"half_width": width}),
    }


def _cell(cell: TableCell, column: Column) -> dict[str, Any]:
    """The printed number and the mean to sort by; p where it was tested."""
    shown: dict[str, Any] = {
        "text": render.number(cell, column),
        "mean": _number(cell.mean),
        "seeds": cell.seeds,
    }
    if cell.best:
        shown["best"] = True
    if cell.p_value is not None:
        shown |= {"p": float(f"{cell.p_value:.3g}"), "marked": cell.marked}
    return shown


def _run(run: Run, columns: Sequence[Column]) -> dict[str, Any]:
    values = {column.key: value(run, column) for column in columns}
    shown: dict[str, Any] = {
        "seed": run.seed,
        "state": rows.state(run),
        "cells": {
            column.key: f"{values[column.key]:,.{column.digits}f}"
            for column in columns
            if values[column.key] is not None
        },
    }
    if run.error:
        shown["failure"] = rows.failure(run)
    return shown


def _axes(found: Sequence[Row]) -> list[dict[str, Any]]:
    """The axes along which rows differ, with how many rows have each choice."""
    axes = []
    for name in AXES:
        counts: dict[str, int] = {}
        for row in found:
            choice = _axis(row, name)
            counts[choice] = counts.get(choice, 0) + 1
        if len(counts) > 1:
            axes.append({"name": name, "choices": list(counts.items())})
    return axes


def _axis(row: Row, name: str) -> str:
    """The row's choice, "—" where its configuration says nothing of it."""
    found: Any = row.sweep if name == "sweep" else row.config
    for key in AXES[name]:
        found = found.get(key) if isinstance(found, Mapping) else None
    if name == "task" and not found:
        found = "translation"
    return str(found) if found else "—"


def _half_width(row: Row) -> int | None:
    """D of a local window, where positions are words; else no window can be drawn.

    What the units of shards are, their writer knows and not the configuration.
    """
    config = row.config
    model, data = config.get("model") or {}, config.get("data") or {}
    local = model.get("window", "global") != "global"
    whole = data.get("units", "words") == "words" and data.get("name") != "shards"
    return int(model.get("half_width") or 0) or None if local and whole else None


def _charts(
    found: Sequence[Row], known: Mapping[str, ExampleStats]
) -> list[dict[str, Any]]:
    slugs = {row.name: row.slug for row in found}
    charts = []
    translations = {row.name: known[row.name] for row in found if _translates(row)}
    for bins, title, x, y, counted in (
        (
            curves.by_length(translations),
            "BLEU by source length",
            "source length (words)",
            "BLEU",
            "sentences",
        ),
        (
            curves.by_distance(translations),
            "AER by reordering distance",
            "distance |t − s| of a sure link",
            "AER",
            "sure links",
        ),
    ):
        if bins is not None:
            charts.append({"title": title, "x": x, "y": y, "counted": counted})
            charts[-1]["most"] = MOST.get(y)
            charts[-1] |= _binned(bins, slugs)
    for score, series in curves.learning(found).items():
        logarithm = score in figures.LOGARITHMIC
        charts.append(
            {
                "title": f"Learning: {score} on the development set",
                "x": "training step",
                "y": figures.LOGARITHMIC.get(score, score),
                "most": MOST.get(score),
                "band": "range over seeds",
                "lines": [
                    _learned(slugs[name], seeds, logarithm)
                    for name, seeds in series.items()
                ],
            }
        )
    return charts


def _translates(row: Row) -> bool:
    return _axis(row, "task") == "translation"


def _binned(bins: Bins, slugs: Mapping[str, str]) -> dict[str, Any]:
    lines = []
    for name, values in bins.values.items():
        mean, low, high = figures.band(np.asarray(values, float))
        lines.append(_line(slugs[name], range(len(mean)), mean, low, high, len(values)))
    return {
        "band": "standard deviation over seeds",
        "labels": list(bins.labels),
        "counts": [int(count) for count in bins.counts],
        "lines": lines,
    }


def _learned(slug: str, seeds: Sequence[Series], logarithm: bool) -> dict[str, Any]:
    steps, values, rests = figures.learned(seeds, logarithm)
    line: dict[str, Any] = {"row": slug, "x": [], "mean": []}
    if steps:
        mean, low, high = values.mean(0), values.min(0), values.max(0)
        line = _line(slug, steps, mean, low, high, len(values))
    rest = [{"x": list(x), "y": [_number(v) for v in y]} for x, y in rests]
    return line | ({"rests": rest} if rest else {})


def _line(slug, x, mean, low, high, seeds: int) -> dict[str, Any]:
    line = {"row": slug, "x": list(x), "mean": [_number(v) for v in mean]}
    if seeds > 1:
        line |= {"low": [_number(v) for v in low], "high": [_number(v) for v in high]}
    return line


def _number(value: float) -> float | None:
    """Six digits of a number; None where it is no number."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
