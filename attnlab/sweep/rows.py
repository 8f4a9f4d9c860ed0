"""From the lines of a sweep to the resolved configuration of every run.

A config file's `sweep(add)` reads like the table it makes:

    def sweep(add):
        for seed in range(2):
            add("local-p (general)", window="local-p", score="general", seed=seed)

A setting is named by its last word ("window") where that is unique, or in full
("train.steps", given as `**{"train.steps": 100}`). `add.grid` adds every combination of
several values (`attnlab.sweep.grid`).
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ml_collections import ConfigDict

from attnlab import runs
from attnlab.attention.presets import PRESETS
from attnlab.plugins import check_loaded
from attnlab.registration import check_named, plain_settings
from attnlab.report.rows import listed
from attnlab.report.setting_curves import choose_setting
from attnlab.report.summary import settings_in
from attnlab.settings import VERSION
from attnlab.sweep.attention_options import check_options
from attnlab.sweep.grid import combinations
from attnlab.sweep.run_folders import RunSpec, write_folders
from attnlab.sweep.setting_names import all_values, full_names, set_value
from attnlab.tasks import parse_settings
from attnlab.training.tensorboard_writer import check_installed

__all__ = [
    "Add",
    "RunSpec",
    "check_report",
    "make_run_spec",
    "plan",
    "resolve",
    "write_folders",
]

Values = Mapping[str, object]  # of settings, by name


def check_report(
    specs: Sequence[RunSpec], workdir: Path, baseline: str | None, x: str | None
) -> None:
    """Refuse what the report at the end of a sweep could not do.

    Args:
      specs: the runs.
      workdir: the sweep's folder, which may have further rows from before.
      baseline: name or slug of a row, or None.
      x: a setting that varies, or None.

    Raises:
      ValueError: for a row or a setting that is not there, with the choices.
    """
    if baseline is not None:
        names = dict.fromkeys(spec.row for spec in specs)
        known = {*names, *map(runs.slug, names)}
        # A row of before, which is not run this time.
        earlier = workdir / runs.slug(baseline)
        if baseline not in known and not earlier.is_dir():
            raise ValueError(
                f"no row {baseline!r} to compare with; choose {listed(names)}"
            )
    if x is not None:
        choose_setting([settings_in(spec.config) for spec in specs], x)


def make_run_spec(
    config: ConfigDict, place: Path, row: str, slug: str, order: int = 0
) -> RunSpec:
    """The run of a resolved configuration.

    Args:
      config: all settings.
      place: its folder below the sweep's.
      row: the printed name of its row.
      slug: that name, fit for a folder.
      order: place of the row in the table, from 0.

    Returns:
      The RunSpec.

    Raises:
      ValueError: a line for each setting that is wrong, or not possible here.
    """
    settings = parse_settings(json.loads(config.to_json()))
    check_installed(settings)
    check_loaded(settings.plugins, f"row {row!r}")
    check_named(settings)
    plain = plain_settings(settings)
    names = {"row": row, "slug": slug, "order": order}
    return RunSpec(place, {"version": VERSION, **plain, **names}, settings, row)


def resolve(
    base: ConfigDict, values: Values, overrides: Values | None = None
) -> ConfigDict:
    """A configuration with a preset's choices, a row's and the command line's on top.

    A preset (a paper's variant) pins what the paper decides, as far as this system has
    such settings; what the row or the command line gives outranks it.

    Args:
      base: the config file's; it is not changed.
      values: the row's, by any names.
      overrides: the command line's, by full names.

    Returns:
      The configuration of the row.

    Raises:
      ValueError: for an unknown setting or preset, a value of another type, and a
        preset that is for other tasks.
    """
    config = copy.deepcopy(base)  # which keeps the types of settings; a "copy" does not
    settings = all_values(config)
    given = full_names(settings, values) | dict(overrides or {})
    name = (settings | given).get("model.preset")
    preset = _preset_values(config, str(name)) if name else {}
    for setting, value in (full_names(settings, preset) | given).items():
        set_value(config, setting, value)
    return config


def _preset_values(config: ConfigDict, name: str) -> Values:
    """What a preset pins, of the settings that this task has."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; choose {', '.join(PRESETS)}")
    preset = PRESETS[name]
    if config.task not in preset.tasks:
        raise ValueError(
            f"preset {name!r} is for {' and '.join(preset.tasks)}, not {config.task}"
        )
    # A preset may name settings that only some of its tasks have.
    there = {setting.rsplit(".", 1)[-1] for setting in all_values(config)}
    return {key: value for key, value in preset.settings.items() if key in there}


class _Plan:
    """The runs of the rows added so far, and what is wrong with the others."""

    def __init__(self, base: ConfigDict, overrides: Values):
        self.base, self.overrides = base, overrides
        self.settings = all_values(base)
        self.specs: list[RunSpec] = []
        self.places: set[Path] = set()  # of the specs
        self.rows: dict[str, str] = {}  # slug -> printed name, in order
        self.order: dict[str, int] = {}  # slug -> its place there
        # (what `add` was called for, a line on what is wrong): all are shown at once
        self.mistakes: list[tuple[str, str]] = []

    def add(self, row: str, values: Values) -> None:
        """A row with a seed."""
        try:
            self._add(row, values)
        except ValueError as error:
            self._refuse(f"row {row!r}", error)

    def add_grid(self, template: str | None, values: Values) -> None:
        """A row with a seed for every combination of several values."""
        try:
            added = combinations(template, values, self.settings)
        except ValueError as error:
            called = (
                repr(template) if template is not None else f"of {', '.join(values)}"
            )
            self._refuse(f"grid {called}", error)
            return
        for row, of_row in added:
            self.add(row, of_row)

    def _refuse(self, called: str, error: ValueError) -> None:
        self.mistakes += [(called, line) for line in str(error).split("\n")]

    def _add(self, row: str, values: Values) -> None:
        slug = runs.slug(row)
        # Names may differ only in signs that a slug drops: "a b" and "a-b".
        if self.rows.setdefault(slug, row) != row:
            raise ValueError(
                f"shares the folder {slug!r} with row {self.rows[slug]!r}; rename one"
            )
        order = self.order.setdefault(slug, len(self.order))
        config = resolve(self.base, values, self.overrides)
        place = Path(slug) / str(config.seed)
        spec = make_run_spec(config, place, row, slug, order)
        check_options([spec.settings], full_names(self.settings, values))
        if place in self.places:
            hint = ""
            if "seed" in self.overrides:
                hint = "; --config.seed is for all runs, and the sweep sets its own"
            raise ValueError(f"it is added twice with seed {config.seed}{hint}")
        self.specs.append(spec)
        self.places.add(place)

    def _lines(self) -> list[str]:
        """A line for each mistake; one that many rows share is shown once."""
        rows: dict[str, list[str]] = {}
        for called, line in dict.fromkeys(self.mistakes):
            rows.setdefault(line, []).append(called)
        return [
            f"all {len(names)} rows: {line}"
            if len(names) == len(self.rows) > 2
            else "\n".join(f"{name}: {line}" for name in names)
            for line, names in rows.items()
        ]

    def finish(self) -> list[RunSpec]:
        """The runs, once all rows have been added and are right."""
        if not self.mistakes and self.specs:
            try:  # with mistakes, a row that takes an option may be missing here
                check_options([spec.settings for spec in self.specs], self.overrides)
            except ValueError as error:
                raise ValueError(
                    "\n".join(f"no row: {line}" for line in str(error).split("\n"))
                ) from None
        if self.mistakes:
            raise ValueError("\n".join(self._lines()))
        if not self.specs:
            raise ValueError("the sweep adds no row")
        return self.specs


class Add:
    """What a config file's `sweep(add)` adds rows with: add(...) and add.grid(...)."""

    def __init__(self, made: _Plan):
        self._made = made

    def __call__(self, row: str, **values: object) -> None:
        """Add a row with a seed.

        Args:
          row: its name in the table.
          **values: of settings, by last words where unique, or names in full.
        """
        self._made.add(row, values)

    def grid(self, template: str | None = None, /, **values: object) -> None:
        """Add every combination of values as a row with a seed.

        Args:
          template: of the rows' names, with settings in braces: "{score}, D={width}";
            None: the values of all lists but the seed's, joined by ", ".
          **values: of settings; a list or a range is several values, anything else is
            one that all rows share. The last list runs fastest. Of a setting that is a
            tuple, several values are a list of tuples.
        """
        self._made.add_grid(template, values)


def plan(
    base: ConfigDict,
    sweep: Callable[[Add], None],
    overrides: Values | None = None,
) -> list[RunSpec]:
    """The runs of a sweep, in the order of its lines, all of them checked.

    Args:
      base: the config file's settings.
      sweep: calls add(row, **settings) for each row and seed, or add.grid for many.
      overrides: the command line's settings, by full names.

    Returns:
      The runs.

    Raises:
      ValueError: a line for each mistake of any row: settings that are unknown or
        wrong, options of the attention that nothing takes, a row added twice, two rows
        that would share a folder.
    """
    made = _Plan(base, overrides or {})
    sweep(Add(made))
    return made.finish()
