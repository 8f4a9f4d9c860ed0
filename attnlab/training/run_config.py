"""The configuration of a run folder, and its fingerprint, which checkpoints bear."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.parsing import fields_of
from attnlab.plugins import check_loaded
from attnlab.runs.config import place
from attnlab.settings import RUN_KEYS, TaskSettings

# What may change between a run and its resumption without changing what is learned.
PRESENTATION = ("version", "row", "slug", "order", "wandb", "tensorboard", "places")
# Of `train`: on which devices it is learned, and not what.
LAYOUT = ("devices", "strategy")
# Settings of `evaluate` that matter once training is over; the others choose the best
# checkpoint.
FINAL = ("beams", "length_penalty", "alpha", "ratio", "replace_unknown", "gold")
FINAL += ("metrics",)
# By section of a config.json, what is not learned by.
_FREE = {"train": LAYOUT, "evaluate": FINAL}


class RunConfig(NamedTuple):
    """What config.json says of a run.

    settings: checked. plain: the same as nested dicts under today's names, with row,
    slug and order. fingerprint: of what decides what is learned, as the file has it; it
    ties checkpoints to the run.
    """

    settings: TaskSettings
    plain: dict[str, object]
    fingerprint: str

    @property
    def begins_at(self) -> int:
        """The step that the run begins at: 0, or where it goes on from another one."""
        extends = self.plain.get("extends")
        step = extends.get("step") if isinstance(extends, Mapping) else 0
        return step if isinstance(step, int) else 0


def read_run_config(folder: Path, places: Mapping[str, str] | None = None) -> RunConfig:
    """The configuration of a run folder, also of one that an older attnlab wrote.

    A setting that the file lacks has its default.

    Args:
      folder: the run's folder.
      places: by dotted setting ("data.files.train"), where files are that are no longer
        where the run was begun.

    Returns:
      Its RunConfig.

    Raises:
      FileNotFoundError: where there is no config.json.
      ValueError: where it is damaged, or has settings or values that this attnlab does
        not know, or names plugins that have not been imported: one line, which names
        the file, the settings and their values.
    """
    # Imported here, as tasks bring JAX, and the fingerprint of a folder needs none.
    from attnlab.tasks import parse_settings

    path = Path(folder) / runs.CONFIG
    plain = runs.read_config(folder)
    # Before settings are checked, which do not know the choices of a missing plugin.
    check_loaded(plain.get("plugins"), f"run {folder}")
    if places:
        plain = place(plain, places)
    try:
        settings = parse_settings(plain)
    except KeyError as missing:
        raise ValueError(f"{path}: it does not say {missing}") from None
    except ValueError as error:
        lines = _unknown_settings(plain) or str(error).splitlines()
        raise ValueError(f"{path}: {'; '.join(lines)}") from None
    # Of the file as it stands: an older run's checkpoints know it by that.
    return RunConfig(settings, plain, learned_fingerprint(runs.read_json(path)))


def _unknown_settings(plain: Mapping[str, object]) -> list[str]:
    """A line for each setting that the run's task does not have; [] where all exist."""
    from attnlab.tasks import TASKS, spec

    task = plain.get("task")
    if task not in TASKS:
        return []
    names = tuple(name for name, _ in fields_of(spec(str(task)).settings))
    return [
        f"{name} ({value!r}) is a setting that this attnlab does not have; a newer one "
        "may have written it"
        for name, value in flat(plain).items()
        if name.split(".")[0] not in RUN_KEYS
        # A setting that is a mapping itself (gold sets by name) has no fields below it.
        and not any(f"{name}.".startswith(f"{setting}.") for setting in names)
    ]


def flat(tree: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested settings by their dotted names.

    Args:
      tree: nested dicts, as a config.json holds.
      prefix: put before each name.

    Returns:
      {"train.steps": 100, ...}, in the order of the tree.
    """
    leaves: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[prefix + key] = value
    return leaves


def learned_fingerprint(config: Mapping[str, object]) -> str:
    """Fingerprint of all that decides what is learned; ties checkpoints to it.

    Args:
      config: what a config.json holds, of any version: names are not translated, so
        that a run keeps its fingerprint when settings get other names.

    Returns:
      16 hexadecimal digits, the same however keys are ordered.
    """
    learned = {
        section: {k: v for k, v in value.items() if k not in _FREE.get(section, ())}
        if isinstance(value, Mapping)
        else value
        for section, value in config.items()
        # A run without plugins is the one that it was before there were any.
        if section not in PRESENTATION and (section != "plugins" or value)
    }
    return runs.fingerprint(learned)
