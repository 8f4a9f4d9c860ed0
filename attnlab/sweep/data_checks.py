"""Data that a sweep lacks or that its settings do not fit, before any run starts.

Every corpus of the sweep is read once; else each of its runs would fail by itself, one
after another.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from attnlab import runs
from attnlab.sweep.run_folders import RunSpec
from attnlab.tasks import spec


def check_data(specs: Sequence[RunSpec], workdir: str | Path) -> None:
    """Refuse a sweep of which a run could not read its data.

    Args:
      specs: the runs.
      workdir: the sweep's folder; runs that have finished there need no data.

    Raises:
      ValueError: a line for each mistake, with its rows: files that are missing or
        damaged, an option that the corpus refuses, and settings that it does not fit.
    """
    mistakes: dict[str, list[str]] = {}
    for those in _by_corpus(specs, Path(workdir)):
        try:
            corpus = those[0].settings.data.load()
        except (OSError, ValueError) as error:
            _note(mistakes, error, [run.row for run in those])
            continue
        for run in those:
            check = spec(run.settings.task).check
            try:
                if check is not None:
                    check(run.settings, corpus)
            except ValueError as error:
                _note(mistakes, error, [run.row])
    if mistakes:
        every = {run.row for run in specs}
        raise ValueError(
            "\n".join(_line(line, rows, every) for line, rows in mistakes.items())
        )


def _by_corpus(specs: Sequence[RunSpec], workdir: Path) -> list[list[RunSpec]]:
    """The runs that have not finished, by what they read."""
    groups: dict[str, list[RunSpec]] = {}
    for run in specs:
        if (workdir / run.place / runs.RESULT).exists():
            continue
        data, task = run.settings.data, run.settings.task
        key = json.dumps([task, data.name, data.options], default=str)
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def _note(
    mistakes: dict[str, list[str]], error: Exception, rows: Sequence[str]
) -> None:
    line = " ".join(str(error).split())
    noted = mistakes.setdefault(line, [])
    noted += [row for row in dict.fromkeys(rows) if row not in noted]


def _line(line: str, rows: Sequence[str], every: set[str]) -> str:
    if set(rows) == every and len(every) > 1:
        return f"all {len(every)} rows: {line}"
    names = ", ".join(map(repr, rows))
    return f"row{'s' if len(rows) > 1 else ''} {names}: {line}"
