"""The run folders of a sweep: made, or resumed where they are there already."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.registration import plain_settings
from attnlab.runs.config import CHANGED_DEFAULTS
from attnlab.runs.files import json_bytes
from attnlab.settings import RUN_KEYS, TaskSettings
from attnlab.sweep.repair import repair
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.run_config import (
    FINAL,
    LAYOUT,
    flat,
    learned_fingerprint,
    read_run_config,
)
from attnlab.training.run_texts import moved

# What a sweep may change of a run that is already there.
ADJUSTABLE = ("order", "row", "wandb", "tensorboard")

Config = Mapping[str, object]  # what a config.json holds


class RunSpec(NamedTuple):
    """A run to be: its folder below the sweep's, and its checked settings.

    place: <row-slug>/<seed>. config: what its config.json will hold. settings: the same
    as a record. row: the printed name of its row.
    """

    place: Path
    config: dict[str, object]
    settings: TaskSettings
    row: str


def write_folders(
    specs: Sequence[RunSpec],
    workdir: str | Path,
    log: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Make the run folders of a sweep, or take those that are there.

    A folder where something was learned keeps its run, if that is the same one; how the
    test set is decoded may still change until the run has finished, and on which
    devices it trains. A folder without a checkpoint (a run that failed on a wrong
    setting) is made anew. Damaged files are repaired first (`attnlab.sweep.repair`).

    Args:
      specs: the runs.
      workdir: the sweep's folder.
      log: called with a line for each repair.

    Returns:
      The folders, in the order of the runs.

    Raises:
      ValueError: where a folder holds a run of another configuration, with what
        differs, or files that no run has written, or would be made anew while a process
        is at work there. Nothing has been written then.
    """
    folders = [Path(workdir) / run.place for run in specs]
    # A run alone has no row's folder above it: what is there is no sweep.
    runs.check_above(
        Path(workdir), [run.place for run in specs if len(run.place.parts) > 1]
    )
    for folder in folders:
        runs.check_folder(folder)
        Checkpoints(folder / runs.CHECKPOINTS).check_own()
    for folder, run in zip(folders, specs, strict=True):
        for line in repair(folder, run.config):
            log(line)
    # All folders are checked before one is configured: a refusal configures none.
    existing: dict[Path, Config] = {}
    stale: set[Path] = set()  # of another configuration, and without a checkpoint
    for folder, run in zip(folders, specs, strict=True):
        if not (folder / runs.CONFIG).exists():
            continue
        existing[folder] = runs.read_json(folder / runs.CONFIG)
        differing = _differences(folder, run)
        if differing and _learned(folder):
            raise ValueError(
                f"{folder} holds a run of another configuration: "
                f"{'; '.join(differing)}. Choose another --workdir, or remove that "
                "folder"
            )
        if differing:
            stale.add(folder)
    for folder, run in zip(folders, specs, strict=True):
        if folder not in existing:
            runs.write_json(folder / runs.CONFIG, run.config)
        elif not (folder / runs.RESULT).exists():
            _configure(folder, existing[folder], run, folder in stale)
        else:
            _place(folder, existing[folder], run)
    return folders


def _place(folder: Path, there: Config, run: RunSpec) -> None:
    """Write down where the files of a finished run lie now."""
    places = _places(folder, there, run)
    if places == there.get("places", {}):
        return
    config = {**there, "places": places}
    with suppress(runs.BusyRun), runs.only_one(folder):
        if runs.CONFIG in runs.read_manifest(folder):
            runs.list_files(folder, {runs.CONFIG: json_bytes(config)})
        runs.write_json(folder / runs.CONFIG, config)


def _places(folder: Path, there: Config, run: RunSpec) -> dict[str, object]:
    """The settings whose files lie elsewhere than a run's config.json says."""
    old, new = flat(there), flat(run.config)
    differing = [name for name in new if old.get(name) != new[name]]
    return {name: new[name] for name in moved(folder, run.settings, differing)}


def _configure(folder: Path, there: Config, run: RunSpec, stale: bool) -> None:
    """Give a run that has begun the configuration it goes on with."""
    wanted: Config = run.config
    if not stale:
        wanted = _as_learned(folder, there, run)
    if wanted == there:
        return
    try:
        with runs.only_one(folder):
            for path in runs.own_files(folder) if stale else ():  # a vocabulary, say
                path.unlink()
            runs.write_json(folder / runs.CONFIG, wanted)
    except runs.BusyRun as busy:
        # Names and mirrors may differ from what the other process trains under.
        changed = {key for key in wanted if wanted[key] != there.get(key)}
        if not changed <= set(ADJUSTABLE):
            raise ValueError(
                f"{busy}, and under other settings of {', '.join(sorted(changed))} "
                "than these; wait for it, or end it"
            ) from None


def _as_learned(folder: Path, there: Config, run: RunSpec) -> Config:
    """What is wanted, or what the run's checkpoints were saved under, with what may
    change.

    They differ where a setting has been added or renamed since, or files were moved:
    the run goes on without it, as its fingerprint is that of the file.
    """
    wanted = run.config
    trained = Checkpoints(folder / runs.CHECKPOINTS).fingerprints
    if learned_fingerprint(wanted) in trained:
        return wanted
    if learned_fingerprint(there) not in trained:
        return wanted
    changed = json.loads(json.dumps(there))  # a deep copy
    changed |= _known_or_on(ADJUSTABLE, wanted, there)
    changed["places"] = _places(folder, there, run)
    if not changed["places"]:
        del changed["places"]
    for section, names in (("evaluate", FINAL), ("train", LAYOUT)):
        values = wanted[section]
        assert isinstance(values, Mapping)
        changed[section] |= _known_or_on(names, values, changed[section])
    return changed


def _known_or_on(names: Sequence[str], values: Config, there: Config) -> Config:
    """Values by name; a file older than a setting stays as it is while that is off."""
    return {
        name: values[name]
        for name in names
        if name in values and (name in there or values[name])
    }


def _learned(folder: Path) -> bool:
    checkpoint = Checkpoints(folder / runs.CHECKPOINTS).latest_step
    return checkpoint is not None or (folder / runs.RESULT).exists()


def _differences(folder: Path, run: RunSpec) -> list[str]:
    """ "train.steps was 10, is now 20", for all that may not change."""
    wanted = run.config
    free = {*ADJUSTABLE, "version", "places", *(f"train.{name}" for name in LAYOUT)}
    if not (folder / runs.RESULT).exists():
        free |= {f"evaluate.{name}" for name in FINAL}

    def learned(config: Config) -> dict[str, object]:
        return {
            name: value
            for name, value in flat(runs.plain(config)).items()
            if not {name, name.split(".")[0]} & free
        }

    old, new = learned(_complete(folder)), learned(wanted)
    version = runs.read_json(folder / runs.CONFIG).get("version", 1)
    for name, (changed, *values) in CHANGED_DEFAULTS.items():
        if version < changed and [old.get(name), new.get(name)] == values:
            del old[name], new[name]
    differing = sorted(
        name for name in old.keys() | new.keys() if old.get(name) != new.get(name)
    )
    same = moved(folder, run.settings, differing)  # the same text at another place
    return [
        f"{name} was {old.get(name)!r}, is now {new.get(name)!r}"
        for name in differing
        if name not in same
    ]


def _complete(folder: Path) -> Config:
    """The configuration of a run with today's names; what it lacks has its default."""
    try:
        run = read_run_config(folder)
    except ValueError:  # not a configuration, or one of another attnlab
        return runs.read_config(folder)
    names = {name: run.plain[name] for name in RUN_KEYS if name in run.plain}
    return {**plain_settings(run.settings), **names}
