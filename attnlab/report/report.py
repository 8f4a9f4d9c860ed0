"""A sweep's report: index.html, report.md, the table in three forms, and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from attnlab import runs
from attnlab.report import curves, example_stats, figures, page, pairwise, render
from attnlab.report import rows as row_groups
from attnlab.report import table as tables
from attnlab.report.example_stats import ExampleStats
from attnlab.report.rows import Row
from attnlab.report.table import Table
from attnlab.report.task_plots import draw_task
from attnlab.runs import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Drawing(NamedTuple):
    """A figure of the report.

    paths: its files, the PNG first.
    caption: a sentence or more.
    svg: an element for the page; "" for a figure that the page shows as a picture.
    """

    paths: list[Path]
    caption: str
    svg: str


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
    return tables.make_table(rows, _example_stats(rows), baseline=baseline)


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
    stats = _example_stats(rows)
    table = tables.make_table(rows, stats, baseline=baseline)
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
    with figures.font(font):
        drawings = draw(rows, stats, folder / "figures")
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
    charts = [(drawing.svg, drawing.caption) for drawing in drawings if drawing.svg]
    gallery = [
        picture
        for picture, drawing in zip(pictures, drawings, strict=True)
        if not drawing.svg
    ]
    written = [folder / name for name in texts]
    written += [path for drawing in drawings for path in drawing.paths]
    return [*page.write(folder, title, rows, table, charts, gallery), *written]


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


def _example_stats(rows: Sequence[Row]) -> dict[str, ExampleStats]:
    return {row.name: example_stats.read(row) for row in rows}


def draw(
    rows: Sequence[Row], stats: Mapping[str, ExampleStats], folder: Path
) -> list[Drawing]:
    """Every figure that the runs so far allow.

    Args:
      rows: of any tasks.
      stats: counts by example, by row name.
      folder: where PNG and PDF files go.

    Returns:
      The figures: learning curves, then those of each task.
    """
    drawings: list[Drawing] = []

    def add(figure: Figure, name: str, caption: str) -> None:
        paths = figures.save(figure, folder / name)
        drawings.append(Drawing(paths, caption, page.inline_svg(figure)))

    learning = curves.learning(rows)
    if learning:  # before the first evaluation there is nothing to draw
        add(
            figures.learning_curves(learning, rows=[row.name for row in rows]),
            "learning-curves",
            "Development scores by training step: mean and range over seeds.",
        )
    for task in dict.fromkeys(row.task for row in rows):
        draw_task(task, [row for row in rows if row.task == task], stats, add)
    return drawings
