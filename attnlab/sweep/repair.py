"""Repair run folders with damaged files, so that the runs can be resumed."""

from collections.abc import Mapping
from pathlib import Path

from attnlab import runs
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.run_config import learned_fingerprint


def repair(folder: Path, config: Mapping[str, object]) -> list[str]:
    """Make a run folder with damaged files fit to be resumed.

    A finished run with a damaged file becomes unfinished: its test is done again from
    its checkpoints. An unfinished one whose config.json is not what its checkpoints
    were saved under gets `config`, where that is. The damaged files are moved into the
    folder `damaged`. Nothing happens to a run that another process is training.

    Args:
      folder: the run's.
      config: what its config.json should hold.

    Returns:
      Lines on what was damaged, to be printed; [] where all is well.

    Raises:
      ValueError: where config.json cannot be read and the checkpoints are of another
        configuration than this one.
    """
    finished = (folder / runs.RESULT).exists()
    if not (folder / runs.CONFIG).exists():
        return []
    other = _is_other(folder, config)
    if not (runs.damaged_files(folder) if finished else other):
        return []
    try:
        # Looked at again under the lock: another process may have repaired it.
        with runs.only_one(folder):
            damaged = runs.reopen(folder)
            if not (folder / runs.RESULT).exists() and _is_other(folder, config):
                wrong = (folder / runs.CONFIG).read_bytes()
                runs.keep(folder, {runs.CONFIG: wrong})
                runs.write_json(folder / runs.CONFIG, config)
                damaged = [*dict.fromkeys([*damaged, runs.CONFIG])]
    except runs.BusyRun:
        return []
    if not damaged:
        return []
    lost = finished and Checkpoints(folder / runs.CHECKPOINTS).latest_step is None
    how = "; without checkpoints it is trained from the start" if lost else ""
    return [f"{folder}: damaged and made anew: {', '.join(damaged)}{how}"]


def _is_other(folder: Path, config: Mapping[str, object]) -> bool:
    """Whether config.json is damaged, and `config` what belongs there.

    ValueError where it cannot be read and the checkpoints are of yet another one.
    """
    trained = Checkpoints(folder / runs.CHECKPOINTS).fingerprints
    ours = trained == {learned_fingerprint(config)}
    try:
        there = learned_fingerprint(runs.read_json(folder / runs.CONFIG))
        return ours and there not in trained
    except ValueError as damage:
        if trained and not ours:
            raise ValueError(
                f"{damage}; and the run's checkpoints were saved under another "
                "configuration than this one"
            ) from None
        return True
