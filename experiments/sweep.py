"""Run every row of a sweep, then print its table and draw its figures.

    python -m experiments.sweep --config=configs/ablations/synthetic.py \\
        --workdir=runs/synthetic

The config file holds `get_config()` and `sweep(add)`. Any setting can be overridden for
all rows: --config.train.steps=100. Finished runs are skipped and unfinished ones go on
where they stopped, so the same command also resumes a sweep.
"""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from experiments.configs import launch, load_module

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file with get_config() and sweep(add).", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", None, "The sweep's folder, runs/<name>.")
_PROCESSES = flags.DEFINE_integer(
    "processes", None, "Runs at a time; by default one a core.", lower_bound=1
)
_ONLY = flags.DEFINE_string(
    "only", "", "Run only rows whose printed name contains this text."
)
_DRY = flags.DEFINE_bool("dry_run", False, "List the runs and stop.")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0, or 1 where a run has failed."""
    if arguments:
        raise app.UsageError(f"unexpected argument {arguments[0]!r}")
    module = load_module(_CONFIG)
    if not hasattr(module, "sweep"):
        raise app.UsageError(f"{module.__file__} has no sweep(add)")
    workdir = Path(_WORKDIR.value or Path("runs") / Path(module.__file__).stem)

    from attnlab.sweep import rows

    try:
        planned = rows.plan(
            _CONFIG.value,
            module.sweep,
            config_flags.get_override_values(flags.FLAGS["config"]),
        )
        planned = [run for run in planned if _ONLY.value in run.config["row"]]
        if not planned:
            raise ValueError(f"no row contains {_ONLY.value!r}")
        if _DRY.value:
            for run in planned:
                print(f"{workdir / run.place}  {run.config['row']}")
            return 0
        folders = rows.write_folders(planned, workdir, say=_say)
    except ValueError as error:
        raise app.UsageError(str(error)) from None

    for ending in (signal.SIGTERM, signal.SIGHUP):  # let run_all end its processes
        signal.signal(ending, lambda number, frame: sys.exit(128 + number))
    from attnlab import runs
    from attnlab.report.report import write_report
    from attnlab.sweep.display import Display
    from attnlab.sweep.local import run_all

    with Display(folders, workdir) as display:
        run_all(
            folders,
            processes=_PROCESSES.value,
            cache=workdir / ".compiled",
            notify=display.notify,
            poll=display.poll,
            say=display.say,
        )
    written = write_report(workdir)
    table = next(path for path in written if path.name == "table.txt")
    print(table.read_text(encoding="utf-8"))
    print(f"{len(written)} files in {written[0].parent}; start with {written[0]}")
    return int(not all((folder / runs.RESULT).exists() for folder in folders))


if __name__ == "__main__":
    sys.exit(launch(main, "sweep"))
