"""Whose files these are: a run removes and overwrites only files of a run's names, and
never begins in a folder where somebody else's files have them."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from attnlab.runs.files import (
    ALIGNMENTS,
    CHECKPOINTS,
    CONFIG,
    CORPUS,
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
from attnlab.runs.lock import LOCK, read_owner
from attnlab.runs.manifest import DAMAGED, MANIFEST, read_manifest
from attnlab.runs.progress import PROGRESS

# The files of a run; a task's vocabularies have names of their own before these ends.
NAMES = {
    *(ALIGNMENTS, CONFIG, CORPUS, ENVIRONMENT, ERROR, EXAMPLES, EXAMPLE_COUNTS),
    *(HYPOTHESES, LOG, LOSSES, MANIFEST, METRICS, PROGRESS, REFERENCES, RESULT),
    *(SOURCES, TEXTS),
}
VOCABULARIES = (".codec", ".vocabulary")
TEMPORARY = re.compile(r"\.(.+)\.\d+\.tmp")  # of `write_bytes`: name and process
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


def leftovers(folder: Path) -> list[Path]:
    """Temporary files of a run that a killed process has left.

    Args:
      folder: the run's.

    Returns:
      Their paths. Those of config.json and error.json, which are written without the
      run's lock, may be another process's of just now, and are not among them.
    """
    unlocked = (CONFIG, ERROR)
    return [
        path
        for path in sorted(folder.glob(".*.tmp"))
        if (name := TEMPORARY.fullmatch(path.name))
        and _is_name(name[1])
        and name[1] not in unlocked
    ]


def _is_own(path: Path) -> bool:
    return path.is_file() and _is_name(path.name)


def _is_name(name: str) -> bool:
    return name in NAMES or name.endswith(VOCABULARIES)


def check_folder(folder: Path) -> None:
    """Refuse a folder in which a run would overwrite what no run has written.

    Args:
      folder: where a run begins or goes on; it need not exist.

    Raises:
      ValueError: where it holds files of a run's names, or checkpoints, and nothing
        that tells of a run; where it holds runs itself; where it is a file; or where a
        folder or a pipe has the name of one of its files, or a file that of its
        checkpoints.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is no folder; choose another --workdir")
    odd = _odd_kind(folder)
    if odd:
        raise ValueError(
            f"{folder} holds {', '.join(odd)}, which no run of attnlab has written; "
            "nothing was changed: choose another --workdir"
        )
    there = [path.name for path in own_files(folder)]
    if _has_content(folder / CHECKPOINTS):
        there.append(f"{CHECKPOINTS}{os.sep}")
    if _is_foreign(folder / LOCK):
        there.append(LOCK)
    if _is_run(folder):
        return
    below = [*folder.glob(f"*/{CONFIG}"), *folder.glob(f"*/*/{CONFIG}")]
    for config in sorted(below):
        if config.parent.name != DAMAGED and _is_run(config.parent):
            raise ValueError(
                f"{folder} holds runs, such as {config.parent}, which a run there "
                "would hide from reports; choose another --workdir"
            )
    if there:
        raise ValueError(
            f"{folder} holds {', '.join(there)}, which no run of attnlab has written; "
            "nothing was changed: choose another --workdir"
        )


def check_above(workdir: Path, places: Iterable[Path]) -> None:
    """Refuse folders above runs in which a report would see a run, and none below.

    Args:
      workdir: a sweep's folder.
      places: of its runs, from there.

    Raises:
      ValueError: for the first that holds a config.json.
    """
    for folder in sorted({workdir / above for run in places for above in run.parents}):
        if (folder / CONFIG).exists():
            raise ValueError(
                f"{folder} holds {CONFIG}, and is no folder of a sweep; nothing was "
                "changed: choose another --workdir"
            )


def _odd_kind(folder: Path) -> list[str]:
    """What has the name of a file of a run and is none: a folder, a pipe."""
    if not folder.is_dir():
        return []
    odd = [
        path.name
        for path in sorted(folder.iterdir())
        if (_is_name(path.name) or path.name == LOCK)
        and not path.is_file()
        and os.path.lexists(path)
    ]
    checkpoints = folder / CHECKPOINTS
    if os.path.lexists(checkpoints) and not checkpoints.is_dir():
        odd.append(CHECKPOINTS)
    return odd


def _is_foreign(lock: Path) -> bool:
    """Whether a file has the name of a lock, and content that no owner has written."""
    return lock.is_file() and bool(lock.stat().st_size) and read_owner(lock) is None


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
