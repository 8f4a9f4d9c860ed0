"""Train one model.

    python -m experiments.train --config=configs/translation.py:bahdanau2014 \\
        --config.data.name=hansards --workdir=runs/hansards/bahdanau2014/0

The same command resumes a run that was stopped. The workdir is a run folder; by default
runs/<config>/<variant>/<seed>.

With --config.train.devices=8 (or all) so many devices share the rows of each batch. So
do several processes, which start the same command, a folder that all of them see and

    --coordinator=<host of the first>:<free port> --processes=2 --process=0   (then 1)

or, where Slurm has started them, --coordinator=auto alone.

A finished run is trained on, for 500 more updates, by

    python -m experiments.train --extend=runs/x/0 --steps=500 --workdir=runs/x-longer/0

It stays as it is. The new run begins with its last checkpoint (weights, optimizer,
place in the data), its curves and its best checkpoint so far. Schedules go on: constant
ones, and those that halve the learning rate after so many epochs. cosine becomes that
of all the updates: the rate goes up to where it is there, and falls from there.
Patience begins anew. The same command resumes the new run.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import app, flags
from ml_collections import config_flags

from attnlab.training.start import prepare_process
from experiments.configs import last_line, launch
from experiments.run_folders import check_run

if TYPE_CHECKING:
    from attnlab.settings import TaskSettings
    from attnlab.sweep.run_folders import RunSpec

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "configs/translation.py[:preset]", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
_EXTEND = flags.DEFINE_string(
    "extend", None, "A finished run, from which a new one in --workdir goes on."
)
_STEPS = flags.DEFINE_integer("steps", None, "--extend: how many more updates.")
_COORDINATOR = flags.DEFINE_string(
    "coordinator",
    None,
    'host:port of the first of several processes; "auto": Slurm knows it, and the rest',
)
_PROCESSES = flags.DEFINE_integer("processes", 0, "How many processes train together.")
_PROCESS = flags.DEFINE_integer("process", -1, "Which of them this is, from 0.")


def variant(settings: "TaskSettings") -> str:
    """What a run is called where no sweep names it.

    Args:
      settings: of the run.

    Returns:
      The preset; without one the model's kind, its attention and its learning rule.
    """
    from attnlab.settings import AttentionSettings, LearningSettings

    model = settings.model
    # Tasks call what tells their models apart by these names; most have one of them.
    names = {"preset": "", "system": "", "reader": "", "pooling": ""}
    values = names | {k: v for k, v in model.model_dump().items() if k in names}
    if values["preset"]:
        return values["preset"]
    kinds = [value for value in values.values() if value]
    if isinstance(model, AttentionSettings):
        kinds.append(f"{model.window} ({model.score})")
        rule = ""
        if isinstance(settings, LearningSettings):
            rule = settings.estimator.learning.removeprefix("cross-entropy")
        if model.read != "soft":
            kinds.append(rule or model.read)
    return ", ".join(kinds) or settings.task


def main(arguments: Sequence[str]) -> None:
    """Train the run of the command line and print its result.

    Args:
      arguments: what is left of the command line beside flags: none are allowed.

    Raises:
      app.UsageError: for settings that are wrong, and for a run that failed.
    """
    if arguments:
        raise app.UsageError(f"unexpected argument {arguments[0]!r}")
    if _EXTEND.value is None and _CONFIG.value is None:
        raise app.UsageError("give --config=configs/translation.py")
    from attnlab import runs
    from attnlab.training import processes
    from attnlab.training.run import BusyRun, run

    try:
        if _COORDINATOR.value:
            processes.connect(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
        folder, prepare = _extended() if _EXTEND.value is not None else _configured()
        processes.lead(prepare)
    except (ValueError, BusyRun, processes.LeaderFailed) as error:
        raise app.UsageError(str(error)) from None
    try:
        result = run(folder)
    except (BusyRun, processes.LeaderFailed) as error:
        raise app.UsageError(str(error)) from None
    except (ArithmeticError, MemoryError, OSError, RuntimeError, ValueError) as error:
        where = folder / runs.ERROR
        more = f" (the traceback is in {where})" if where.exists() else ""
        raise app.UsageError(f"{error}{more}") from None
    if processes.leading():
        print(json.dumps(result, indent=2))
        last_line(f"wrote {folder / runs.RESULT}; the run's other files are beside it")


Prepared = tuple[Path, Callable[[], None]]


def _log(line: str) -> None:
    print(line, file=sys.stderr)


def _configured() -> Prepared:
    """The run folder of the config file's settings, and what writes it."""
    from attnlab import runs
    from attnlab.sweep import rows
    from attnlab.sweep.attention_options import check_options
    from attnlab.tasks import parse_settings

    if _STEPS.value is not None:
        raise ValueError("--steps is for --extend; give --config.train.steps")
    overrides = config_flags.get_override_values(flags.FLAGS["config"])
    config = rows.resolve(_CONFIG.value, {}, overrides)
    settings = parse_settings(json.loads(config.to_json()))
    check_options([settings], overrides)
    file = config_flags.get_config_filename(flags.FLAGS["config"]).split(":")[0]
    name = variant(settings)
    slug = runs.slug(name)
    default = Path("runs") / Path(file).stem / slug / str(settings.seed)
    folder = Path(_WORKDIR.value or default)
    spec = rows.make_run_spec(config, Path(folder.name), name, slug)
    return folder, lambda: _write([spec], folder)


def _extended() -> Prepared:
    """The run folder that goes on from a finished run, and what writes it."""
    from attnlab.sweep.run_folders import RunSpec
    from attnlab.training import extending

    if _CONFIG.value is not None:
        raise ValueError("--extend has the settings of its run; leave out --config")
    if _STEPS.value is None:
        raise ValueError("give --steps, how many more updates --extend is for")
    if not _WORKDIR.value:
        raise ValueError("give --workdir, a new folder for the run that goes on")
    source, folder = Path(_EXTEND.value), Path(_WORKDIR.value)
    check_run(source)
    if folder.resolve() == source.resolve():
        raise ValueError(f"--workdir is {folder}, the run itself; choose a new folder")
    extension = extending.plan_extension(source, _STEPS.value)
    place = Path(folder.name)
    spec = RunSpec(place, extension.config, extension.settings, extension.row)

    def prepare() -> None:
        _write([spec], folder)
        extending.begin_extension(extension, folder)
        _log(extending.describe_schedule(extension))

    return folder, prepare


def _write(specs: "Sequence[RunSpec]", folder: Path) -> None:
    from attnlab.sweep import rows

    rows.write_folders(specs, folder.parent, log=_log)


if __name__ == "__main__":
    sys.exit(launch(main, "train", prepare_process))
