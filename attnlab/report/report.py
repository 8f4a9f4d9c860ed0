"""A sweep's report: index.html, report.md, the table in three forms, and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from attnlab import runs
from attnlab.report import (
    curves,
    example_stats,
    figures,
    page,
    pairwise,
    render,
    stored_counts,
)
from attnlab.report import rows as row_groups
from attnlab.report import table as tables
from attnlab.report.drawings import Drawing, Drawings
from attnlab.report.example_stats import ExampleStats
from attnlab.report.row_curves import learning_curves
from attnlab.report.rows import Row
from attnlab.report.stored_counts import StoredCounts
from attnlab.report.table import Table
from attnlab.report.task_plots import draw_task
from attnlab.runs import write_bytes


def make_table(root: str | Path, *, baseline: str | None = None) -> Table:
    """The table of the runs below a folder.

    Args:
      root: folder of a sweep, or of several.
      baseline: the row that the others are tested against, by default the best one.

    Returns:
      The table, see `table.make_table`.

    Raises:
      FileNotFoundError: where `root` is no folder.
      ValueError: where it holds no runs, or not the baseline.
    """
    rows = read_rows(root)
    stored = StoredCounts(Path(root) / stored_counts.NAME)
    stats = _example_stats(rows, stored)
    return tables.make_table(rows, stats, baseline=baseline, stored=stored)


def write_report(
    root: str | Path,
    *,
    baseline: str | None = None,
    chain: str | None = None,
    chain_by: str = "perplexity",
    folder: str | Path | None = None,
    font: str | None = None,
) -> list[Path]:
    """Write the report of a sweep, or of as much of it as there is.

    Half a sweep gives a report of that half, which names what is missing. A run with a
    damaged file counts as failed.

    Args:
      root: folder of a sweep, or of several.
      baseline: the row that the others are tested against, by default the best one.
      chain: an order to check, "first <= second <= third" (names of rows).
      chain_by: the score that `chain` is about.
      folder: where to write, `<root>/report` by default.
      font: the font family of the figures.

    Returns:
      The files written, index.html first.

    Raises:
      FileNotFoundError: where `root` is no folder.
      ValueError: where it holds no runs or not the rows asked for.
    """
    rows = read_rows(root)
    stored = StoredCounts(Path(root) / stored_counts.NAME)
    stats = _example_stats(rows, stored)
    table = tables.make_table(rows, stats, baseline=baseline, stored=stored)
    stored.save()
    if chain is not None:
        steps = pairwise.check(rows, stats, chain, chain_by)
        below = [*table.notes, *pairwise.sentences(steps, chain_by)]
        table = table._replace(notes=below)
    folder = Path(root) / "report" if folder is None else Path(folder)
    texts = {
        "table.txt": render.text(table),
        "table.md": render.markdown(table),
        "table.tex": render.latex(table),
        "summary.csv": row_groups.summary_csv(rows, root),
    }
    ranked = rank(rows, table, baseline)
    with figures.font(font):
        drawings = draw(ranked, stats, folder / "figures", font)
    title = Path(root).resolve().name
    pictures = [
        (drawing.paths[0].relative_to(folder).as_posix(), drawing.caption)
        for drawing in drawings
    ]
    parts = [f"# {title}\n", texts["table.md"]]
    parts += [f"![{caption}]({file})\n\n{caption}\n" for file, caption in pictures]
    texts = {"report.md": "\n".join(parts), **texts}
    for name, content in texts.items():
        write_bytes(folder / name, content.encode())
    charts = [(each.chart, each.caption) for each in drawings if each.chart]
    gallery = [
        picture
        for picture, drawing in zip(pictures, drawings, strict=True)
        if not drawing.chart
    ]
    written = [folder / name for name in texts]
    written += [path for drawing in drawings for path in drawing.paths]
    pages = page.write(folder, title, rows, table, charts, gallery, ranked)
    return [*pages, *written]


def read_rows(root: str | Path) -> list[Row]:
    """The rows of all runs below a folder, those with a damaged file as failed runs.

    Args:
      root: folder of a sweep, or of several.

    Returns:
      The rows in the order of their sweep.

    Raises:
      FileNotFoundError: where `root` is no folder.
      ValueError: where it holds no runs.
    """
    below = runs.find(root)
    if not below:
        raise ValueError(f"no runs below {root}: no folder there has a {runs.CONFIG}")
    return row_groups.group([row_groups.checked(run) for run in below])


def _example_stats(
    rows: Sequence[Row], stored: StoredCounts
) -> dict[str, ExampleStats]:
    return {row.name: example_stats.read(row, stored) for row in rows}


def rank(
    rows: Sequence[Row], table: Table, baseline: str | None = None
) -> Sequence[Row]:
    """The rows in the order in which figures take them, until they are full.

    Args:
      rows: of a sweep.
      table: its table.
      baseline: name or slug of a row that is always shown.

    Returns:
      As they are where a figure can show all of them; else the baseline, then the best
      ones in the table's first score.
    """
    scores = [column for column in table.columns if column.better]
    if len(rows) <= figures.MOST_ROWS or not scores:
        return rows
    means = {line.name: line.cells for line in table.lines if not line.failure}

    def place(row: Row) -> tuple[bool, float]:
        cell = means.get(row.name, {}).get(scores[0].key)
        merit = -math.inf if cell is None else scores[0].better * cell.mean
        return baseline not in (row.name, row.slug), -merit

    return sorted(rows, key=place)


def draw(
    rows: Sequence[Row],
    stats: Mapping[str, ExampleStats],
    folder: Path,
    font: str | None = None,
) -> list[Drawing]:
    """Every figure that the runs so far allow.

    Args:
      rows: of any tasks, as `rank` orders them.
      stats: counts by example, by row name.
      folder: where PNG and PDF files go.
      font: the font family of the figures.

    Returns:
      The figures: learning curves, then those of each task.
    """
    many = len(rows) > figures.MOST_ROWS
    shown = [row.name for row in rows[: figures.MOST_ROWS]] if many else None
    drawings = Drawings(folder, shown, font)
    learning = curves.learning(rows)
    if learning:  # before the first evaluation there is nothing to draw
        drawings.add(
            learning_curves(learning, rows=[row.name for row in rows]),
            "learning-curves",
            "Development scores by training step: mean and range over seeds.",
        )
    for task in dict.fromkeys(row.task for row in rows):
        members = [row for row in rows if row.task == task]
        draw_task(task, members, stats, drawings.add)
    drawings.close()
    if not many:
        return drawings.drawn
    limited = f" Of {len(rows)} rows the first {len(shown or ())} by merit are shown."
    return [each._replace(caption=each.caption + limited) for each in drawings.drawn]
