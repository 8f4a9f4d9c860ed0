"""The tasks by name: a new one is a line here."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnlab.task import Task

# Makers, (config, folder) -> Task: imported when asked for, as each brings its own.
TASKS = {
    "translation": "attnlab.tasks.translation.task:make_task",
    "classification": "attnlab.tasks.classification.task:make_task",
    "memn2n": "attnlab.tasks.memn2n.task:make_task",
    "ntm": "attnlab.tasks.ntm.task:make_task",
    "captioning": "attnlab.tasks.captioning.task:make_task",
    "cloze": "attnlab.tasks.cloze.task:make_task",
}


def make_task(config: Mapping[str, Any], folder: Path) -> Task:
    """The task that a configuration names, with its run folder."""
    if config["task"] not in TASKS:
        choices = ", ".join(TASKS)
        raise ValueError(f"unknown task {config['task']!r}; choose {choices}")
    module, name = TASKS[config["task"]].split(":")
    return getattr(importlib.import_module(module), name)(config, folder)
