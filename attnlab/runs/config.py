"""config.json: the settings of a run, also of one that an older attnlab wrote.

A config.json says its `version`; without one it is version 1. `read_config` gives the
settings as this version names them, and never changes the file: checkpoints are tied to
what stands there (`attnlab.training.run.learned_fingerprint`).
"""

import json
from collections.abc import Mapping
from pathlib import Path

from attnlab.runs.files import CONFIG, Json, Record, read_json
from attnlab.settings import VERSION

# Version 1 -> 2: tasks and settings that got another name.
TASKS = {
    "translate": "translation",
    "caption": "captioning",
    "read": "cloze",
    "answer": "memn2n",
    "memorise": "ntm",
    "classify": "classification",
}
RENAMED = {
    ("model", "normaliser"): "normalizer",
    ("train", "optimiser"): "optimizer",
}

# Version 3 -> 4, by task: settings that have come to mean something else, or to be
# something else by default. (section, setting) -> what it was in a run that lacks it,
# and today's names of values that have another.
FORMER: dict[str, dict[tuple[str, str], tuple[Json, dict[str, Json]]]] = {
    "memn2n": {
        ("model", "encoding"): ("released-words", {"released": "released-words"}),
        ("train", "schedule"): ("sukhbaatar", {}),
        ("train", "clip_by"): ("norm", {}),
        ("model", "gaps"): ("independent", {}),
    }
}

# Defaults that changed: in which version, from what, to what. A run that has begun
# under the former one goes on with it where today's would be meant.
CHANGED_DEFAULTS: dict[str, tuple[int, Json, Json]] = {"data.shapes": (3, 6, 0)}


def read_config(folder: Path) -> Record:
    """The settings of a run, under today's names.

    Args:
      folder: the run's folder.

    Returns:
      What config.json holds: nested settings, and row, slug and order.

    Raises:
      FileNotFoundError: where there is none.
      ValueError: where it cannot be read, or was written by a newer attnlab.
    """
    path = Path(folder) / CONFIG
    try:
        return place(upgrade(read_json(path)))
    except ValueError as error:
        text = str(error)
        # `read_json` names the file already, `upgrade` cannot.
        raise ValueError(text if str(path) in text else f"{path}: {text}") from None


def place(config: Record, places: Mapping[str, Json] | None = None) -> Record:
    """A configuration whose files lie at other places than when the run was begun.

    Args:
      config: what a config.json holds.
      places: by dotted setting ("data.files.train"), the files that it names now; by
        default those that the configuration has under `places`.

    Returns:
      The configuration with these values, without `places`.
    """
    placed = json.loads(json.dumps(config))  # a deep copy
    moved = placed.pop("places", {}) if places is None else places
    for name, value in moved.items() if isinstance(moved, Mapping) else ():
        section, parts = placed, name.split(".")
        for part in parts[:-1]:
            section = section.get(part) if isinstance(section, dict) else None
        if not isinstance(section, dict) or parts[-1] not in section:
            raise ValueError(f"places: there is no setting {name}")
        section[parts[-1]] = value
    return placed


def upgrade(config: Mapping[str, Json]) -> Record:
    """A configuration of any version under today's names.

    Args:
      config: what a config.json holds.

    Returns:
      The same settings; `version` is today's.

    Raises:
      ValueError: for a version that is newer than this attnlab.
    """
    version = config.get("version", 1)
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(
            f"version is {version!r}, and this attnlab reads up to {VERSION}: a newer "
            "one wrote it"
        )
    changed = dict(config) | {"version": VERSION}
    if version < 2:
        # A run from before there were other tasks than translation names none.
        task = config.get("task", "translate")
        changed["task"] = TASKS.get(task, task)
        for (section, old), new in RENAMED.items():
            part = changed.get(section)
            if isinstance(part, Mapping) and old in part:
                # Not popped and set, which would move the setting to the end.
                changed[section] = {
                    new if name == old else name: value for name, value in part.items()
                }
    if version < 4:
        former = FORMER.get(str(changed.get("task")), {})
        for (section, name), (default, values) in former.items():
            part = changed.get(section, {})
            if isinstance(part, Mapping):
                value = part.get(name, default)
                # Of a file that somebody changed, a value may be anything.
                today = values.get(value, value) if isinstance(value, str) else value
                changed[section] = {**part, name: today}
    return changed
