"""Train one model.

    python -m experiments.train --config=configs/translation.py:bahdanau2014 \\
        --config.data.name=hansards --workdir=runs/hansards/bahdanau2014/0

The same command resumes a run that was stopped. The workdir is a run folder; by default
runs/<config>/<variant>/<seed>.

With --config.train.devices=8 (or all) so many devices share the rows of each batch. So
do several processes, which start the same command, a folder that all of them see and

    --coordinator=<host of the first>:<free port> --processes=2 --process=0   (then 1)

or, where Slurm has started them, --coordinator=auto alone.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from experiments.configs import launch

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "configs/translation.py[:preset]", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
_COORDINATOR = flags.DEFINE_string(
    "coordinator",
    None,
    'host:port of the first of several processes; "auto": Slurm knows it, and the rest',
)
_PROCESSES = flags.DEFINE_integer("processes", 0, "How many processes train together.")
_PROCESS = flags.DEFINE_integer("process", -1, "Which of them this is, from 0.")


def variant(config) -> str:
    """What a run of these settings is called where no sweep names it."""
    model = config.model
    if model.get("preset"):
        return model.preset
    kinds = [model[key] for key in ("system", "reader", "pooling") if key in model]
    if "window" in model:
        kinds.append(f"{model.window} ({model.score})")
    if model.get("read", "soft") != "soft":
        kinds.append(config.get("estimator", {}).get("learning", model.read))
    return ", ".join(kinds) or config.task


def main(arguments: Sequence[str]) -> None:
    if arguments:
        raise app.UsageError(f"unexpected argument {arguments[0]!r}")
    if _CONFIG.value is None:
        raise app.UsageError("give --config=configs/translation.py")

    from attnlab import runs
    from attnlab.sweep import rows
    from attnlab.training import processes
    from attnlab.training.run import BusyRun, run

    overrides = config_flags.get_override_values(flags.FLAGS["config"])
    try:
        if _COORDINATOR.value:
            processes.connect(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
        config = rows.resolve(_CONFIG.value, {}, overrides)
        file = config_flags.get_config_filename(flags.FLAGS["config"]).split(":")[0]
        name = variant(config)
        slug = runs.slug(name)
        default = Path("runs") / Path(file).stem / slug / str(config.seed)
        folder = Path(_WORKDIR.value or default)
        settings = json.loads(config.to_json())
        settings |= {"row": name, "slug": slug, "order": 0}
        planned = rows.RunSpec(Path(folder.name), settings)

        def prepare():
            rows.write_folders(
                [planned], folder.parent, log=lambda line: print(line, file=sys.stderr)
            )

        processes.lead(prepare)
    except (ValueError, processes.LeaderFailed) as error:
        raise app.UsageError(str(error)) from None
    try:
        result = run(folder)
    except (BusyRun, processes.LeaderFailed) as error:
        raise app.UsageError(str(error)) from None
    except (ArithmeticError, MemoryError, OSError, RuntimeError, ValueError) as error:
        where = folder / runs.ERROR
        raise app.UsageError(f"{error} (the traceback is in {where})") from None
    if processes.leading():
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    sys.exit(launch(main, "train"))
