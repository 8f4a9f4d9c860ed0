"""The figures that a task has of its own, by the task's name: a new one is a line here.

Each is drawn from run folders alone, as the rest of the report.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attnlab.report.evidence import Evidence
from attnlab.report.rows import Row

# add(figure, its file name, its caption); the figure is one of matplotlib's, or a page
# of HTML as a string, which report.md links to.
Add = Callable[[Any, str, str], None]

# draw(rows, evidence by row name, add): imported when there is something to draw.
GALLERIES = {
    "translate": "attnlab.report.translation:draw",
    "classify": "attnlab.report.classification:draw",
    "answer": "attnlab.report.answers:draw",
    "memorise": "attnlab.report.memory:draw",
    "caption": "attnlab.report.captions:draw",
    "read": "attnlab.report.reading:draw",
}


def draw_examples(
    task: str, rows: Sequence[Row], known: Mapping[str, Evidence], add: Add
) -> None:
    """Add the figures of a task's rows; none for a task that has no gallery."""
    if task in GALLERIES:
        module, name = GALLERIES[task].split(":")
        own = {row.name: known[row.name] for row in rows}
        getattr(importlib.import_module(module), name)(rows, own, add)
