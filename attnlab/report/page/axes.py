"""What rows can be filtered by: their sweep, and every setting that varies."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from attnlab.report.notes import OWN
from attnlab.report.rows import Row, flatten
from attnlab.report.summary import settings as settings_of
from attnlab.report.summary import varying

# Settings with a short printed name, which come first; the others have that of the
# last part of their path, or all of it where two end alike.
SHORT = {
    "task": "task",
    "data.name": "data",
    "model.preset": "preset",
    "model.decoder": "decoder",
    "model.score": "score",
    "model.window": "window",
    "model.normalizer": "normalizer",
    "model.read": "read",
    "estimator.learning": "learning",
}


class Axis(NamedTuple):
    """A setting in which rows differ.

    name: printed. counts: how many rows have each choice, in the order of rows.
    choices: of each row.
    """

    name: str
    counts: dict[str, int]
    choices: Sequence[str]


def axes_of(rows: Sequence[Row]) -> list[Axis]:
    """The settings in which rows differ.

    Args:
      rows: of one sweep or several.

    Returns:
      An axis for the sweep and for each such setting, the best known first.
    """
    settings = [flatten(row.config) for row in rows]
    paths = [
        path
        for path in varying([settings_of(run) for row in rows for run in row.runs])
        if path not in OWN and path not in SHORT and not path.startswith("wandb.")
    ]
    printed = SHORT | _printed(paths)
    axes = [_axis("sweep", [row.sweep for row in rows])]
    for path, name in printed.items():
        axes.append(_axis(name, [each.get(path) for each in settings]))
    # Runs of one row may differ, which is no difference of rows.
    return [axis for axis in axes if len(axis.counts) > 1]


def _printed(paths: Sequence[str]) -> dict[str, str]:
    """A name for each setting, which no other one has."""
    last = Counter([path.rpartition(".")[2] for path in paths])
    taken = {"sweep", *SHORT.values()}
    names = {}
    for path in paths:
        name = path.rpartition(".")[2]
        names[path] = path if last[name] > 1 or name in taken else name
    return names


def _axis(name: str, values: Sequence[object]) -> Axis:
    choices = [_choice(value) for value in values]
    return Axis(name, dict(Counter(choices)), choices)


def _choice(value: object) -> str:
    """A value in words, "—" where a configuration has none."""
    if value in (None, ""):
        return "—"
    if isinstance(value, float):
        return f"{value:.6g}"  # and not 0.30000000000000004
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
