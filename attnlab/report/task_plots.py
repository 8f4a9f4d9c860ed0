"""The figures of a task: those of its TaskSpec, drawn from run folders alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from attnlab.report import example_stats, rows
from attnlab.report.example_stats import ExampleStats
from attnlab.report.row_curves import RowCurves
from attnlab.report.rows import Row
from attnlab.runs import Run
from attnlab.tasks import TASKS, spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    # add(figure, its file name without ending, its caption); as a partial call, or as
    # curves, it is drawn only where `drawings` does not have the same one.
    Add = Callable[[Figure | partial[Figure] | RowCurves, str, str], None]
else:
    Add = Callable


def draw_task(
    task: str,
    rows: Sequence[Row],
    example_stats: Mapping[str, ExampleStats],
    add: Add,
) -> None:
    """Add the figures of a task's rows.

    Args:
      task: name of the task; nothing is drawn for one that is not known here.
      rows: of that task.
      example_stats: by row name; may have others.
      add: takes each figure with its file name and its caption.
    """
    if task in TASKS:
        names = [row.name for row in rows]
        spec(task).plots(rows, {name: example_stats[name] for name in names}, add)


def of_run(run: Run) -> list[tuple[Figure, str, str]]:
    """The figures that a run alone allows.

    Args:
      run: of any task.

    Returns:
      (figure, name, caption) of each. Names do not end in the row's slug, so that the
      same figure of several runs has one name.
    """
    (row,) = rows.group([rows.checked(run)])
    drawn: list[tuple[Figure, str, str]] = []

    def add(
        figure: Figure | partial[Figure] | RowCurves, name: str, caption: str
    ) -> None:
        if isinstance(figure, RowCurves):
            figure = figure.figure()
        made = figure() if isinstance(figure, partial) else figure
        drawn.append((made, name.removesuffix(f"-{row.slug}"), caption))

    draw_task(row.task, [row], {row.name: example_stats.read(row)}, add)
    return drawn
