"""The tasks by name: a new one is a line here."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnlab.tasks.base import Task

# Makers, (config, folder) -> Task: imported when asked for, as each brings its own.
TASKS = {
    "translate": "attnlab.tasks.translate:translate",
    "classify": "attnlab.tasks.classify:classify",
    "answer": "attnlab.tasks.answer:answer",
    "memorise": "attnlab.tasks.memorise:memorise",
    "caption": "attnlab.tasks.caption:caption",
    "read": "attnlab.tasks.read:read",
}


def make_task(config: Mapping[str, Any], folder: Path) -> Task:
    """The task that a configuration names, with its run folder."""
    if config["task"] not in TASKS:
        choices = ", ".join(TASKS)
        raise ValueError(f"unknown task {config['task']!r}; choose {choices}")
    module, name = TASKS[config["task"]].split(":")
    return getattr(importlib.import_module(module), name)(config, folder)
