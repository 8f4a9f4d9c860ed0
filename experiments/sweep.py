"""Run every row of a sweep, then print its table and draw its figures.

    python -m experiments.sweep --config=configs/ablations/synthetic.py \\
        --workdir=runs/synthetic

The config file holds `get_config()` and `sweep(add)`. Any setting can be overridden for
all rows: --config.train.steps=100. Finished runs are skipped and unfinished ones go on
where they stopped, so the same command also resumes a sweep.

--only=local runs only rows whose printed name contains "local"; repeated, those that
contain any of the texts.

Settings of all rows and their data are checked before anything starts, and so are
--baseline and --x, which the report takes as `experiments.report` does.

On a cluster nothing else changes; --workdir has to be a folder that its nodes see:
    --executor=slurm --partition=gpu --gpus=1 --memory=16 --processes=20
    --executor=ray --address=head:6379 --gpus=0.25
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import app, flags
from ml_collections import config_flags

from attnlab.sweep.executors import EXECUTORS, make_executor
from attnlab.sweep.jobs import Refused
from attnlab.training.plugin_history import changed_since
from experiments.configs import last_line, launch, load_module, sweep_of, working, wrote

if TYPE_CHECKING:  # it brings JAX, which `--help` does without
    from attnlab.sweep.rows import RunSpec

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file with get_config() and sweep(add).", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", None, "The sweep's folder, runs/<name>.")
_PROCESSES = flags.DEFINE_integer(
    "processes",
    None,
    "Runs at a time; by default one a core, on Slurm 256, on Ray as many as fit.",
    lower_bound=1,
)
_EXECUTOR = flags.DEFINE_enum(
    "executor", "local", list(EXECUTORS), "Where the runs go, each a process."
)
_RETRIES = flags.DEFINE_integer(
    "retries",
    2,
    "How often a run that was killed is tried again, from its checkpoint.",
    lower_bound=0,
)
_SILENCE = flags.DEFINE_float(
    "silence",
    120.0,
    "Minutes without progress after which a run counts as hanging: it is ended, and "
    "tried again as one that was killed; 0: it is waited for.",
    lower_bound=0.0,
)
_OPTIONS = [
    flags.DEFINE_integer(
        "cpus",
        None,
        "Slurm, Ray: cores of a run, 1 by default. On a CPU the last digits of a run "
        "depend on them.",
        lower_bound=1,
    ),
    flags.DEFINE_float(
        "gpus",
        None,
        "Slurm, Ray: GPUs of a run, none by default; on Ray a fraction, too.",
        lower_bound=0.0,
    ),
    flags.DEFINE_float("memory", None, "Slurm: GB of a run.", lower_bound=0.0),
    flags.DEFINE_integer(
        "minutes",
        None,
        "Slurm: time limit of a job, 240 by default. A run that needs longer queues "
        "anew and goes on from its checkpoint.",
        lower_bound=1,
    ),
    flags.DEFINE_string("partition", None, "Slurm: the partition."),
    flags.DEFINE_string("account", None, "Slurm: the account that pays."),
    flags.DEFINE_multi_string(
        "sbatch", None, "Slurm: any other option of sbatch, as qos=low; repeatable."
    ),
    flags.DEFINE_string(
        "address", None, "Ray: the cluster's head, by default the one of this machine."
    ),
]
_REPLICAS = flags.DEFINE_enum(
    "replicas",
    "measured",
    ["measured", "always", "never"],
    "Whether runs that differ in seed and learning rate alone train in one program: "
    "never on a CPU, elsewhere where a measurement of a minute says so; or as given.",
)
_ONLY = flags.DEFINE_multi_string(
    "only",
    None,
    "Run only rows whose printed name contains this text; repeated, any of the texts.",
)
_BASELINE = flags.DEFINE_string(
    "baseline", None, "The row that the report tests the others against."
)
_X = flags.DEFINE_string(
    "x", None, "A setting that the report draws every score against."
)
_CHECK_DATA = flags.DEFINE_bool(
    "check_data",
    True,
    "Read every corpus once before the first run starts. --nocheck_data where it is on "
    "the nodes of a cluster alone.",
)
_DRY = flags.DEFINE_bool("dry_run", False, "List the runs and stop.")


def _log(line: str) -> None:
    print(line, file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    """Run the sweep of the command line, then write its report.

    Args:
      arguments: what is left of the command line beside flags: none are allowed.

    Returns:
      The exit status: 0, or 1 where a run has failed.

    Raises:
      app.UsageError: with a line for each mistake of any row, before anything starts.
    """
    if arguments:
        raise app.UsageError(f"unexpected argument {arguments[0]!r}")
    module = load_module(_CONFIG)
    sweep = sweep_of(module)
    stem = Path(str(module.__file__)).stem
    workdir = Path(_WORKDIR.value or Path("runs") / stem)

    try:
        with working("reading the settings"):
            from attnlab.sweep import rows
            from attnlab.sweep.data_checks import check_data

            specs = rows.plan(
                _CONFIG.value,
                sweep,
                config_flags.get_override_values(flags.FLAGS["config"]),
            )
        specs = _asked(specs)
        rows.check_report(specs, workdir, _BASELINE.value, _X.value)
        if _DRY.value:
            for spec in specs:
                print(f"{workdir / spec.place}  {spec.row}")
            last_line(f"{len(specs)} runs in {workdir}, none of them started")
            return 0
        if _CHECK_DATA.value:
            with working("reading the data once"):
                check_data(specs, workdir)
        folders = rows.write_folders(specs, workdir, log=_log)
        for line in changed_since(folders, _plugins(specs)):
            _log(line)
        options = {flag.name: flag.value for flag in _OPTIONS}
        executor = make_executor(_EXECUTOR.value, workdir, _PROCESSES.value, options)
    except ValueError as error:
        raise app.UsageError(str(error)) from None

    from attnlab import runs
    from attnlab.report import render
    from attnlab.report.report import make_table, write_report
    from attnlab.sweep.display import Display
    from attnlab.sweep.execute import run_all
    from attnlab.sweep.wandb_report import conclude
    from attnlab.training.program_cache import folder

    try:
        with Display(folders, workdir) as display:
            run_all(
                folders,
                executor,
                # A cluster's nodes see the workdir, and perhaps nothing else of here.
                cache=folder() if executor.groups else workdir / ".compiled",
                replicas={"always": True, "never": False}.get(_REPLICAS.value),
                retries=_RETRIES.value,
                silence=_SILENCE.value or None,
                notify=display.notify,
                poll=display.poll,
                log=display.log,
            )
    except Refused as error:
        raise app.UsageError(str(error)) from None
    _log("writing the report")
    try:
        written = write_report(workdir, baseline=_BASELINE.value, x=_X.value)
    except (OSError, ValueError) as error:
        # The runs are there, whatever keeps the report from being written.
        print(render.text(make_table(workdir)))
        raise app.UsageError(f"no report was written: {error}") from None
    table = next(path for path in written if path.name == "table.txt")
    print(table.read_text(encoding="utf-8"))
    for line in conclude(workdir, folders, written, specs[0].settings.wandb):
        print(line)
    print(wrote(written))
    failed = [folder for folder in folders if not (folder / runs.RESULT).exists()]
    for line in failures(failed):
        last_line(line)
    return int(bool(failed))


def _asked(specs: "list[RunSpec]") -> "list[RunSpec]":
    """The runs of rows that --only names; ValueError for a text that no row has."""
    texts = _ONLY.value or [""]
    for text in texts:
        if not any(text in spec.row for spec in specs):
            raise ValueError(f"no row contains {text!r}")
    return [spec for spec in specs if any(text in spec.row for text in texts)]


def _plugins(specs: "Sequence[RunSpec]") -> list[str]:
    """The plugins of all runs, each once."""
    return list(dict.fromkeys(name for spec in specs for name in spec.settings.plugins))


def failures(failed: Sequence[Path]) -> list[str]:
    """Where to look for what went wrong.

    Args:
      failed: the folders of runs without a result.

    Returns:
      A line for each of them.
    """
    from attnlab import runs

    lines = []
    for folder in failed:
        # Runs of one program share the log of the first one.
        files = [folder / name for name in (runs.ERROR, runs.LOG)]
        there = " and ".join(str(file) for file in files if file.exists())
        lines.append(f"no result in {folder}; see {there or folder}")
    return lines


if __name__ == "__main__":
    sys.exit(launch(main, "sweep"))
