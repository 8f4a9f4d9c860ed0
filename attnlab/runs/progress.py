"""What the process of a run is doing just now: progress.json, for whoever watches.

    {"stage": "compiling", "note": "shape 2 of 4", "step": 1, "steps": 600, ...}

The file is there while a process is at work on the run, and goes when that ends. A
killed process leaves it behind; the next one replaces it. Nothing is made from it: it
is no part of a run's configuration, of files.sha256 or of its result.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from attnlab.runs.files import Place, plain, read_json

PROGRESS = "progress.json"
STARTING = "starting"  # stages, in the order in which a run meets them
READING = "reading data"
COMPILING = "compiling"
TRAINING = "training"
EVALUATING = "evaluating"
TESTING = "testing"


class RunProgress(NamedTuple):
    """What a run is doing.

    stage: one of those above. note: more about it ("shape 2 of 4"), or "". step, steps:
    updates that are done, and that there will be. seconds: since the process began.
    left: seconds until the last update, None where nothing can be said of it yet.
    numbers: the last ones by name, such as "loss" and "bleu".
    """

    stage: str = STARTING
    note: str = ""
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    left: float | None = None
    numbers: Mapping[str, float | None] = {}


def write_progress(folder: Place, progress: RunProgress) -> None:
    """Put progress.json in place of the one before, whole.

    It does not wait for the disk, and a full one costs the display and not the run.

    Args:
      folder: the run's.
      progress: what it is doing.
    """
    path = Path(folder) / PROGRESS
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(plain(progress._asdict())), encoding="utf-8")
        os.replace(temporary, path)  # so that no reader sees a part of it
    except OSError:
        remove_progress(folder)  # what is out of date would mislead


def read_progress(folder: Place) -> RunProgress | None:
    """What a run's process has last said of itself.

    Args:
      folder: the run's.

    Returns:
      It; None where there is no such file, or one of another version.
    """
    try:
        return RunProgress(**read_json(Path(folder) / PROGRESS))
    except (OSError, ValueError, TypeError):
        return None


def remove_progress(folder: Place) -> None:
    """Remove progress.json: no process is at work on the run.

    Args:
      folder: the run's.
    """
    path = Path(folder) / PROGRESS
    for file in (path, path.with_name(f".{path.name}.{os.getpid()}.tmp")):
        try:
            file.unlink(missing_ok=True)
        except OSError:  # a disk that fails here will fail the run where it matters
            pass
