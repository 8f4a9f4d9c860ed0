"""Run folders with damaged files are made fit to go on, and it is said which."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnlab import runs
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.run import learned_fingerprint


def repair(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Lines on what was damaged in a run's folder, which now can be resumed.

    A finished run with a damaged file becomes unfinished: its test is done again from
    its checkpoints. An unfinished one whose config.json is not what its checkpoints
    were saved under gets `config`, where that is. What was damaged is kept in the
    folder `damaged`. Nothing happens to a run that another process is training.
    """
    finished = (folder / runs.RESULT).exists()
    if not (folder / runs.CONFIG).exists():
        return []
    other = _is_other(folder, config)
    if not (runs.damaged_files(folder) if finished else other):
        return []
    try:
        with runs.only_one(folder):
            found = runs.reopen(folder)
            if not (folder / runs.RESULT).exists() and _is_other(folder, config):
                wrong = (folder / runs.CONFIG).read_bytes()
                runs.keep(folder, {runs.CONFIG: wrong})
                runs.write_json(folder / runs.CONFIG, config)
                found = [*dict.fromkeys([*found, runs.CONFIG])]
    except runs.BusyRun:
        return []
    if not found:
        return []
    lost = finished and Checkpoints(folder / runs.CHECKPOINTS).latest_step is None
    how = "; without checkpoints it is trained from the start" if lost else ""
    return [f"{folder}: damaged and made anew: {', '.join(found)}{how}"]


def _is_other(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether config.json is damaged, and `config` what belongs there.

    ValueError where it cannot be read and the checkpoints are of yet another one.
    """
    trained = Checkpoints(folder / runs.CHECKPOINTS).fingerprints
    ours = trained == {learned_fingerprint(config)}
    try:
        there = learned_fingerprint(runs.read_json(folder / runs.CONFIG))
        return ours and there not in trained
    except (KeyError, TypeError):  # an object, but no configuration
        return ours
    except ValueError as damage:
        if trained and not ours:
            raise ValueError(
                f"{damage}; and the run's checkpoints were saved under another "
                "configuration than this one"
            ) from None
        return True
