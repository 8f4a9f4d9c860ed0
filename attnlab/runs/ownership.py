"""Whose files these are: a run removes and overwrites only files of a run's names, and
never begins in a folder where somebody else's files have them."""

import os
from pathlib import Path

from attnlab.runs.files import (
    ALIGNMENTS,
    CHECKPOINTS,
    CONFIG,
    ENVIRONMENT,
    ERROR,
    EXAMPLE_COUNTS,
    EXAMPLES,
    HYPOTHESES,
    LOG,
    LOSSES,
    METRICS,
    REFERENCES,
    RESULT,
    SOURCES,
    TEXTS,
    read_json,
)
from attnlab.runs.manifest import MANIFEST, read_manifest
from attnlab.runs.progress import PROGRESS

# The files of a run; a task's vocabularies have names of their own before these ends.
NAMES = {
    *(ALIGNMENTS, CONFIG, ENVIRONMENT, ERROR, EXAMPLES, EXAMPLE_COUNTS, HYPOTHESES),
    *(LOG, LOSSES, MANIFEST, METRICS, PROGRESS, REFERENCES, RESULT, SOURCES, TEXTS),
}
VOCABULARIES = (".codec", ".vocabulary")
SECTIONS = ("data", "model", "train")  # of every run's config.json


def own_files(folder: Path) -> list[Path]:
    """The files of a run folder that a run writes.

    Args:
      folder: the run's; it need not exist.

    Returns:
      Their paths in order. Folders (checkpoints, wandb) and hidden files are not among
      them.
    """
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if _is_own(path)]


def _is_own(path: Path) -> bool:
    return path.is_file() and (path.name in NAMES or path.name.endswith(VOCABULARIES))


def check_folder(folder: Path) -> None:
    """Refuse a folder in which a run would overwrite what no run has written.

    Args:
      folder: where a run begins or goes on; it need not exist.

    Raises:
      ValueError: where it holds files of a run's names, or checkpoints, and nothing
        that tells of a run; or where it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is no folder; choose another --workdir")
    there = [path.name for path in own_files(folder)]
    if _has_content(folder / CHECKPOINTS):
        there.append(f"{CHECKPOINTS}{os.sep}")
    if there and not _is_run(folder):
        raise ValueError(
            f"{folder} holds {', '.join(there)}, which no run of attnlab has written; "
            "nothing was changed: choose another --workdir"
        )


def _has_content(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _is_run(folder: Path) -> bool:
    """Whether a configuration, a list of files or a checkpoint tells of a run.

    Any of them will do, since each can be damaged.
    """
    try:
        config = read_json(folder / CONFIG)
        if all(isinstance(config.get(section), dict) for section in SECTIONS):
            return True
    except (FileNotFoundError, ValueError):
        pass
    try:
        listed = read_manifest(folder)
    except ValueError:
        listed = {}
    if any(name == RESULT or name.endswith(VOCABULARIES) for name in listed):
        return True
    return any((folder / CHECKPOINTS).glob("*.manifest.json"))
