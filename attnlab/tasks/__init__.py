"""The tasks by name. To add one: a folder here, and a line in TASKS.

Training, sweeps, reports and programs go through `spec` and know no task by name; tasks
never import each other.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnlab.corpora.catalogue import Entry
from attnlab.parsing import near, parse
from attnlab.settings import TaskSettings
from attnlab.task import Task, TaskSpec

# Where the TaskSpec of each is, imported when it is asked for: each brings its own.
TASKS = {
    "translation": "attnlab.tasks.translation.spec:SPEC",
    "alignment": "attnlab.tasks.alignment.spec:SPEC",
    "captioning": "attnlab.tasks.captioning.spec:SPEC",
    "cloze": "attnlab.tasks.cloze.spec:SPEC",
    "memn2n": "attnlab.tasks.memn2n.spec:SPEC",
    "ntm": "attnlab.tasks.ntm.spec:SPEC",
    "classification": "attnlab.tasks.classification.spec:SPEC",
}


def spec(name: str | None) -> TaskSpec:
    """The TaskSpec of a task.

    Args:
      name: one of TASKS.

    Returns:
      Its TaskSpec.

    Raises:
      ValueError: for another name; the choices are given.
    """
    if not isinstance(name, str) or name not in TASKS:
        choices = ", ".join(TASKS)
        raise ValueError(
            f"unknown task {name!r}{near(str(name), [*TASKS])}; choose {choices}"
        )
    module, attribute = TASKS[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def parse_settings(config: Mapping[str, Any]) -> TaskSettings:
    """The checked settings of a configuration of any task.

    Args:
      config: a ConfigDict, or what a config.json holds; `task` names the task.

    Returns:
      The record of that task's settings.

    Raises:
      ValueError: a line for each setting that is wrong, see `attnlab.parsing.parse`.
    """
    return parse(spec(config.get("task")).settings, config)


def make_task(settings: TaskSettings, folder: Path) -> Task:
    """The Task of one run.

    Args:
      settings: the checked settings.
      folder: the run's folder.

    Returns:
      The model with its data and metrics.
    """
    return spec(settings.task).make_task(settings, folder)


def catalogue() -> list[Entry]:
    """What is known of the corpora of all tasks.

    Returns:
      Their entries, each with its task: those with files first, then the generated.
    """
    entries = [
        entry._replace(task=name) for name in TASKS for entry in spec(name).catalogue
    ]
    return sorted(entries, key=lambda entry: not entry.folders)
