"""From the lines of a sweep to the resolved configuration of every run.

A config file's `sweep(add)` reads like the table it makes:

    def sweep(add):
        for seed in range(2):
            add("local-p (general)", window="local-p", score="general", seed=seed)

A setting is named by its last word ("window") where that is unique, or in full
("train.steps", given as `**{"train.steps": 100}`).
"""

import copy
import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from attnlab import runs
from attnlab.attention.presets import PRESETS
from attnlab.sweep.repair import repair
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.run import FINAL, LAYOUT, learned_fingerprint

# What a sweep may ask anew of a run that is already there.
ADJUSTABLE = ("order", "row", "wandb")


class RunSpec(NamedTuple):
    """A run to be: its folder below the sweep's, and its resolved configuration."""

    place: Path  # <row-slug>/<seed>
    config: dict[str, Any]


def resolve(
    base: ConfigDict,
    settings: Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
) -> ConfigDict:
    """`base` with a preset's choices, then `settings`, then `overrides` on top.

    A preset (a paper's variant) pins what the paper decides, as far as this system has
    such settings; what the row or the command line says itself outranks it. ValueErrors
    name unknown settings.
    """
    config = copy.deepcopy(base)  # which keeps the types of settings; a "copy" does not
    full = {_full_name(config, name): value for name, value in settings.items()}
    full |= overrides or {}
    model: Any = config.model
    preset = full.get("model.preset", model.get("preset"))
    if preset:
        if preset not in PRESETS:
            choices = ", ".join(PRESETS)
            raise ValueError(f"unknown preset {preset!r}; choose {choices}")
        own, tasks = PRESETS[preset].settings, PRESETS[preset].tasks
        if config.task not in tasks:
            raise ValueError(
                f"preset {preset!r} is for {' and '.join(tasks)}, not {config.task}"
            )
        there = {name.rsplit(".", 1)[-1] for name in _names(config)}
        pinned = {name: value for name, value in own.items() if name in there}
        full = {_full_name(config, key): value for key, value in pinned.items()} | full
    for name, value in full.items():
        _set(config, name, value)
    return config


def plan(
    base: ConfigDict,
    sweep: Callable[[Callable[..., None]], None],
    overrides: Mapping[str, Any] | None = None,
) -> list[RunSpec]:
    """The runs of a sweep, in the order of its lines.

    ValueErrors name a line added twice, two rows that would share a folder, and
    settings that do not exist.
    """
    planned: list[RunSpec] = []
    rows: dict[str, str] = {}  # slug -> printed name, in order
    places: set[Path] = set()

    def add(row: str, **settings):
        try:
            config = resolve(base, settings, overrides)
        except ValueError as error:
            raise ValueError(f"row {row!r}: {error}") from None
        slug = runs.slug(row)
        if rows.setdefault(slug, row) != row:
            raise ValueError(
                f"rows {rows[slug]!r} and {row!r} share the folder {slug!r}; rename one"
            )
        place = Path(slug) / str(config.seed)
        if place in places:
            hint = ""
            if "seed" in (overrides or {}):
                hint = "; --config.seed is for all runs, and the sweep sets its own"
            raise ValueError(
                f"row {row!r} is added twice with seed {config.seed}{hint}"
            )
        places.add(place)
        order = list(rows).index(slug)
        plain = json.loads(config.to_json())
        planned.append(
            RunSpec(place, plain | {"row": row, "slug": slug, "order": order})
        )

    sweep(add)
    if not planned:
        raise ValueError("the sweep adds no row")
    return planned


def write_folders(
    planned: list[RunSpec],
    workdir: str | Path,
    log: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Make the run folders of a sweep, or find them again; returns them in order.

    A folder where something was learned keeps its run. If its configuration is another
    one, a ValueError says what differs, before anything is written; how the test set is
    decoded may still change until the run has finished, and on which devices it trains.
    A folder without a checkpoint (a run that failed on a wrong setting) is made anew,
    unless a process is at work there: that is a ValueError, too. Damaged files are
    mended first (`attnlab.sweep.repair`), and `log` is told of them.
    """
    folders = [Path(workdir) / run.place for run in planned]
    for folder, run in zip(folders, planned, strict=True):
        for line in repair(folder, run.config):
            log(line)
    known, stale = {}, []
    for folder, run in zip(folders, planned, strict=True):
        if not (folder / runs.CONFIG).exists():
            continue
        known[folder] = runs.read_json(folder / runs.CONFIG)
        differing = _differences(folder, known[folder], run.config)
        if differing and _learned(folder):
            raise ValueError(
                f"{folder} holds a run of another configuration: "
                f"{'; '.join(differing)}. Choose another --workdir, or remove that "
                "folder"
            )
        if differing:
            stale.append(folder)
    for folder, run in zip(folders, planned, strict=True):
        if folder not in known:
            runs.write_json(folder / runs.CONFIG, run.config)
        elif not (folder / runs.RESULT).exists():
            _configure(folder, known[folder], run.config, folder in stale)
    return folders


def _configure(
    folder: Path, there: Mapping[str, Any], wanted: Mapping[str, Any], stale: bool
) -> None:
    """Give a run that has begun the configuration it goes on with."""
    if not stale:
        wanted = _as_learned(folder, there, wanted)
    if wanted == there:
        return
    try:
        with runs.only_one(folder):
            for path in folder.iterdir() if stale else ():  # a vocabulary, say
                if path.is_file() and not path.name.startswith("."):
                    path.unlink()
            runs.write_json(folder / runs.CONFIG, wanted)
    except runs.BusyRun as busy:
        changed = {key for key in wanted if wanted[key] != there.get(key)}
        if not changed <= set(ADJUSTABLE):
            raise ValueError(
                f"{busy}, and under other settings of {', '.join(sorted(changed))} "
                "than these; wait for it, or end it"
            ) from None


def _as_learned(
    folder: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Mapping[str, Any]:
    """`wanted`, or what the run's checkpoints were saved under, with what may change.

    They differ where attnlab has got a setting since, which the run goes on without.
    """
    trained = Checkpoints(folder / runs.CHECKPOINTS).fingerprints
    if learned_fingerprint(wanted) in trained:
        return wanted
    if learned_fingerprint(there) not in trained:
        return wanted
    kept = json.loads(json.dumps(there))
    kept |= {name: wanted[name] for name in ADJUSTABLE if name in wanted}
    for section, names in (("evaluate", FINAL), ("train", LAYOUT)):
        own = wanted[section]
        kept[section] |= {name: own[name] for name in names if name in own}
    return kept


def _learned(folder: Path) -> bool:
    checkpoint = Checkpoints(folder / runs.CHECKPOINTS).latest_step
    return checkpoint is not None or (folder / runs.RESULT).exists()


def _differences(
    folder: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]
) -> list[str]:
    """ "train.steps was 10, is now 20", for all that may not change."""
    free = {*ADJUSTABLE, *(f"train.{name}" for name in LAYOUT)}
    if not (folder / runs.RESULT).exists():
        free |= {f"evaluate.{name}" for name in FINAL}

    def learned(config):
        flat = _flat(runs.plain(config))
        return {k: v for k, v in flat.items() if not {k, k.split(".")[0]} & free}

    old, new = learned(there), learned(wanted)
    return [
        f"{name} was {old.get(name)!r}, is now {new.get(name)!r}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _names(config: ConfigDict, prefix: str = "") -> list[str]:
    """All settings in full: "train.steps"."""
    names = []
    for key in config.keys():
        value = config[key]
        if isinstance(value, ConfigDict):
            names += _names(value, f"{prefix}{key}.")
        else:
            names.append(prefix + key)
    return names


def _full_name(config: ConfigDict, name: str) -> str:
    names = _names(config)
    if name in names:
        return name
    found = [full for full in names if full.rsplit(".", 1)[-1] == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"setting {name!r} is ambiguous; choose {', '.join(found)}")
    leaves = {full.rsplit(".", 1)[-1] for full in names} | set(names)
    near = difflib.get_close_matches(name, sorted(leaves), 3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"unknown setting {name!r}{hint}")


def _set(config: ConfigDict, name: str, value: Any) -> None:
    *sections, leaf = name.split(".")
    section: Any = config
    for part in sections:
        section = section[part]
    if leaf not in section:
        raise ValueError(f"unknown setting {name!r}")
    try:
        section[leaf] = value
    except TypeError as error:
        raise ValueError(f"setting {name!r}: {error}") from None
