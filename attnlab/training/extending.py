"""A finished run trained on: a new run that begins at its last checkpoint.

The finished run stays as it is, since `train.steps` is a part of what it is: its
schedule may depend on it. The new one has `extends` in its config.json, from which its
fingerprint follows too:

    {"run": "<fingerprint>", "step": 100, "checkpoint": "<sha256 of its manifest>"}
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attnlab import runs
from attnlab.registration import plain_settings
from attnlab.runs.manifest import MANIFEST
from attnlab.settings import VERSION, TaskSettings
from attnlab.tasks import parse_settings
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.optimizers import make_schedule
from attnlab.training.run_config import read_run_config

# What a run begins with and does not make itself, beside vocabularies.
TAKEN = (runs.TEXTS, runs.ENVIRONMENT, runs.METRICS)
SUFFIX = re.compile(r", \d+ updates$")  # of the row of a run that was extended before


class Extension(NamedTuple):
    """A finished run, and the run that goes on from it.

    source: the finished run's folder. former: its settings. steps: of its checkpoints
    that are taken: the best and the last. step: the last. config: what the new
    config.json holds. settings: the same as a record. row: its printed name.
    """

    source: Path
    former: TaskSettings
    steps: tuple[int, ...]
    step: int
    config: dict[str, object]
    settings: TaskSettings
    row: str


def plan_extension(source: Path, more: int) -> Extension:
    """The run that goes on from a finished one; nothing is written.

    Args:
      source: the finished run's folder.
      more: updates beyond its last one.

    Returns:
      The Extension.

    Raises:
      FileNotFoundError: where there is no run.
      ValueError: for a run that is not finished, damaged, or without its last or best
        checkpoint, and for `more` below 1.
    """
    if more < 1:
        raise ValueError(f"{more} more updates; it must be at least 1")
    former = read_run_config(source)
    if not (source / runs.RESULT).exists():
        raise ValueError(
            f"{source} has not finished; the command that began it goes on with it"
        )
    step = runs.check_result(source).get("steps")
    checkpoints = Checkpoints(source / runs.CHECKPOINTS)
    if not isinstance(step, int) or checkpoints.latest_step != step:
        there = ", ".join(map(str, checkpoints.steps)) or "none"
        raise ValueError(
            f"{source} has no checkpoint of its last step, {step}; there: {there}"
        )
    best = checkpoints.best_step
    steps = tuple(sorted({step, step if best is None else best}))
    for number in steps:
        checkpoints.check(number)
    settings = former.settings.extended(step + more)
    row = f"{SUFFIX.sub('', str(former.plain['row']))}, {step + more} updates"
    config: dict[str, object] = {
        "version": VERSION,
        **plain_settings(settings),
        "row": row,
        "slug": runs.slug(row),
        "order": former.plain.get("order", 0),
        "extends": {
            "run": former.fingerprint,
            "step": step,
            "checkpoint": checkpoints.manifest_digest(step),
        },
    }
    # Checked anew: more steps than can be counted, say.
    checked = parse_settings(config)
    return Extension(source, former.settings, steps, step, config, checked, row)


def begin_extension(extension: Extension, folder: Path) -> None:
    """Give a run folder what its run begins with; what is there already stays.

    Args:
      extension: which has written its config.json to the folder.
      folder: the new run's.

    Raises:
      ValueError: where a file of the finished run is damaged.
      BusyRun: where another process is training in the folder.
    """
    source = extension.source
    if (folder / runs.RESULT).exists():
        return
    with runs.only_one(folder):
        new = Checkpoints(
            folder / runs.CHECKPOINTS,
            fingerprint=read_run_config(folder).fingerprint,
        )
        new.adopt(Checkpoints(source / runs.CHECKPOINTS), extension.steps)
        vocabularies = {
            path.name: path.read_bytes()
            for path in runs.own_files(source)
            if path.name.endswith((".codec", ".vocabulary"))
            and not (folder / path.name).exists()
        }
        for name, content in vocabularies.items():
            runs.write_bytes(folder / name, content, folders=False)
        runs.list_files(folder, vocabularies)
        for name in TAKEN:
            if (source / name).exists() and not (folder / name).exists():
                content = (source / name).read_bytes()
                runs.write_bytes(folder / name, content, folders=False)
    # Read last: what was copied meanwhile is what the finished run lists.
    for name in runs.damaged_files(source):
        raise ValueError(f"{source / name} is damaged: see {MANIFEST}")


def describe_schedule(extension: Extension) -> str:
    """A line on the learning rate of a run that goes on.

    Args:
      extension: of the run.

    Returns:
      What the rate was at the last update, and what it is at the next one.
    """
    train, step = extension.settings.train, extension.step
    line = f"{extension.source} goes on from step {step} to {train.steps}"
    if train.schedule != "cosine":
        return f"{line}; schedule {train.schedule} goes on"
    # Which does not depend on the length of an epoch.
    before = float(np.asarray(make_schedule(extension.former.train, 1)(step - 1)))
    after = float(np.asarray(make_schedule(train, 1)(step)))
    return (
        f"{line}; schedule cosine is that of {train.steps} updates, so the learning "
        f"rate goes from {before:.2g} to {after:.2g}, and falls from there"
    )
