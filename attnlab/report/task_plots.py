"""The figures that a task has of its own, by the task's name: a new one is a line here.

Each is drawn from run folders alone, as the rest of the report.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attnlab.report import example_stats, rows
from attnlab.report.example_stats import ExampleStats
from attnlab.report.rows import Row
from attnlab.runs import Run

# add(figure, its file name, its caption); the figure is one of matplotlib's, or a page
# of HTML as a string, which report.md links to.
Add = Callable[[Any, str, str], None]

# draw(rows, evidence by row name, add): imported when there is something to draw.
GALLERIES = {
    "translation": "attnlab.tasks.translation.plots:draw",
    "classification": "attnlab.tasks.classification.plots:draw",
    "memn2n": "attnlab.tasks.memn2n.plots:draw",
    "ntm": "attnlab.tasks.ntm.plots:draw",
    "captioning": "attnlab.tasks.captioning.plots:draw",
    "cloze": "attnlab.tasks.cloze.plots:draw",
}


def draw_examples(
    task: str, found: Sequence[Row], known: Mapping[str, ExampleStats], add: Add
) -> None:
    """Add the figures of a task's rows; none for a task that has no gallery."""
    if task in GALLERIES:
        module, name = GALLERIES[task].split(":")
        own = {row.name: known[row.name] for row in found}
        getattr(importlib.import_module(module), name)(found, own, add)


def of_run(run: Run) -> list[tuple[Any, str, str]]:
    """The figures that a run alone allows, as `Add` takes them: figure, name, caption.

    Names do not end in the row's, so that those of several runs are told to be alike.
    """
    found = rows.group([rows.checked(run)])
    known = {row.name: example_stats.read(row) for row in found}
    drawn: list[tuple[Any, str, str]] = []

    def add(figure: Any, name: str, caption: str) -> None:
        drawn.append((figure, name.removesuffix(f"-{found[0].slug}"), caption))

    draw_examples(str(run.config.get("task", "translation")), found, known, add)
    return drawn
