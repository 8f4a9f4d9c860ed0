"""A sweep's report: index.html, report.md, the table in four forms, and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from attnlab import runs
from attnlab.report import (
    curves,
    example_stats,
    figures,
    meanings,
    page,
    pairwise,
    render,
    stored_counts,
)
from attnlab.report import rows as row_groups
from attnlab.report import table as tables
from attnlab.report.drawings import RECORD, Drawing, Drawings
from attnlab.report.example_stats import ExampleStats
from attnlab.report.further_scores import add_scores
from attnlab.report.row_curves import learning_curves
from attnlab.report.rows import Row
from attnlab.report.setting_curves import (
    SettingCurves,
    setting_curves,
    setting_panels,
)
from attnlab.report.stored_counts import StoredCounts
from attnlab.report.summary import summary_csv
from attnlab.report.table import Table
from attnlab.report.task_plots import draw_task
from attnlab.runs import write_bytes


def make_table(
    root: str | Path,
    *,
    baseline: str | None = None,
    also: Sequence[str] = (),
    columns: Sequence[str] | None = None,
) -> Table:
    """The table of the runs below a folder.

    Args:
      root: folder of a sweep, or of several.
      baseline: the row that the others are tested against, by default the best one.
      also: further columns, "chrf" or "ter", of the text that runs have written.
      columns: those to show, by title or key ("AER" or "aer"); None: all there are.

    Returns:
      The table, see `table.make_table`.

    Raises:
      FileNotFoundError: where `root` is no folder.
      ValueError: where it holds no runs, or not the baseline or a column.
    """
    stored = StoredCounts(Path(root) / stored_counts.NAME)
    rows = add_scores(read_rows(root), also, stored)
    stats = _example_stats(rows, stored)
    return tables.make_table(
        rows, stats, baseline=baseline, columns=columns, stored=stored
    )


def write_report(
    root: str | Path,
    *,
    baseline: str | None = None,
    chain: str | None = None,
    chain_by: str = "perplexity",
    folder: str | Path | None = None,
    font: str | None = None,
    also: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    x: str | None = None,
) -> list[Path]:
    """Write the report of a sweep, or of as much of it as there is.

    Half a sweep gives a report of that half, which names what is missing. A run with a
    damaged file counts as failed. Tables come first, and a figure that cannot be drawn
    costs itself and a line below them.

    Args:
      root: folder of a sweep, or of several.
      baseline: the row that the others are tested against, by default the best one.
      chain: an order to check, "first <= second <= third" (names of rows).
      chain_by: the score that `chain` is about.
      folder: where to write, `<root>/report` by default.
      font: the font family of the figures.
      also: further columns, "chrf" or "ter", of the text that runs have written.
      columns: those that tables and the page show, by title or key ("AER" or "aer");
        None: all there are.
      x: a setting that varies, which every score is drawn against: "model.half_width",
        or its last word.

    Returns:
      The files written, index.html first.

    Raises:
      FileNotFoundError: where `root` is no folder.
      ValueError: where it holds no runs or not the rows, columns or setting asked for,
        and where files that are no report's would be overwritten.
    """
    stored = StoredCounts(Path(root) / stored_counts.NAME)
    rows = add_scores(read_rows(root), also, stored)
    stats = _example_stats(rows, stored)
    table = tables.make_table(
        rows, stats, baseline=baseline, columns=columns, stored=stored
    )
    stored.save()
    by_setting = None if x is None else setting_curves(rows, table.columns, x)
    if chain is not None:
        steps = pairwise.check(rows, stats, chain, chain_by)
        below = [*table.notes, *pairwise.sentences(steps, chain_by)]
        table = table._replace(notes=below)
    folder = Path(root) / "report" if folder is None else Path(folder)
    texts = _tables(table) | {"summary.csv": summary_csv(rows, root)}
    ranked = rank(rows, table, baseline)
    with figures.font(font):
        claim(folder)
        _write(folder, texts)  # before the figures, whatever becomes of them
        drawings, failed = draw(ranked, stats, folder / "figures", font, by_setting)
    if failed:
        table = table._replace(notes=[*table.notes, *failed])
        texts |= _tables(table)
    # A folder's name may hold bytes that are not UTF-8, which no page can show.
    title = Path(root).resolve().name.encode(errors="replace").decode()
    pictures = [
        (drawing.paths[0].relative_to(folder).as_posix(), drawing.caption)
        for drawing in drawings
    ]
    parts = [f"# {title}\n", texts["table.md"]]
    parts += [f"![{caption}]({file})\n\n{caption}\n" for file, caption in pictures]
    texts = {"report.md": "\n".join(parts), **texts}
    _write(folder, texts)
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


MARK = ".attnlab"  # in a folder whose report is attnlab's
FILES = ("index.html", "report.md", "table.txt", "table.md", "table.tex", "table.csv")
FILES += ("summary.csv",)
FOLDERS = ("data", "figures")
BRAND = b'class="brand">attnlab report<'  # of every page, older ones too


def claim(folder: Path) -> None:
    """Mark a folder as that of a report, whose files are overwritten from then on.

    Args:
      folder: where the report goes; it need not exist.

    Raises:
      ValueError: where it holds files of a report's names that are no report's; nothing
        is written then.
    """
    if (folder / MARK).is_file():
        return
    page_there = folder / FILES[0]
    older = page_there.is_file() and BRAND in page_there.read_bytes()
    if not older and not (folder / "figures" / RECORD).is_file():
        there = [name for name in FILES if (folder / name).exists()]
        for name in FOLDERS:
            if (folder / name).is_dir() and any((folder / name).iterdir()):
                there.append(f"{name}/")
        if there:
            raise ValueError(
                f"{folder} holds {', '.join(there)}, which no report of attnlab has "
                "written; nothing was changed: choose another folder"
            )
    try:
        write_bytes(folder / MARK, b"The report in this folder is made by attnlab.\n")
    except OSError as error:  # nobody knows the hidden file: it is the folder's fault
        raise OSError(error.errno, error.strerror, str(folder)) from None


def _tables(table: Table) -> dict[str, str]:
    """The table's files by name."""
    return {
        "table.txt": render.text(table),
        "table.md": render.markdown(table),
        "table.tex": render.latex(table),
        "table.csv": render.csv(table),
    }


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, content in texts.items():
        write_bytes(folder / name, content.encode())


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
    by_setting: SettingCurves | None = None,
) -> tuple[list[Drawing], list[str]]:
    """Every figure that the runs so far allow.

    Args:
      rows: of any tasks, as `rank` orders them.
      stats: counts by example, by row name.
      folder: where PNG and PDF files go.
      font: the font family of the figures.
      by_setting: scores against a setting; None: no such figure.

    Returns:
      The figures: scores by a setting, learning curves, then those of each task; and a
      line for each that could not be drawn.
    """
    many = len(rows) > figures.MOST_ROWS
    shown = [row.name for row in rows[: figures.MOST_ROWS]] if many else None
    drawings = Drawings(folder, shown, font)
    if by_setting is not None and by_setting.scores:
        drawings.add(
            partial(setting_panels, by_setting),
            f"by-{by_setting.setting.rsplit('.', 1)[-1]}",
            by_setting.caption,
        )
    learning = curves.learning(rows)
    if learning:  # before the first evaluation there is nothing to draw
        drawings.add(
            learning_curves(learning, rows=[row.name for row in rows]),
            "learning-curves",
            f"Development scores by training step; {meanings.RANGE}.",
        )
    for task in dict.fromkeys(row.task for row in rows):
        members = [row for row in rows if row.task == task]
        drawings.attempt(
            f"of {task}", partial(draw_task, task, members, stats, drawings.add)
        )
    drawings.close()
    if not many:
        return drawings.drawn, drawings.failed
    limited = f" Of {len(rows)} rows the first {len(shown or ())} by merit are shown."
    drawn = [
        each._replace(
            caption=each.caption
            + ("" if by_setting and each.caption == by_setting.caption else limited)
        )
        for each in drawings.drawn
    ]
    return drawn, drawings.failed
