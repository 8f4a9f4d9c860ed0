"""One run, from its config.json to its result.json, or several in one process.

python -m attnlab.training.run RUN_FOLDER...     is what a sweep starts
"""

import argparse
import logging
import math
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from attnlab import runs
from attnlab.plugins import PluginError
from attnlab.runs.lock import BusyRun, only_one
from attnlab.training import processes
from attnlab.training.environment import environment
from attnlab.training.plugin_history import go_on_with, read_history
from attnlab.training.run_config import (
    RunConfig,
    learned_fingerprint,
    read_run_config,
)
from attnlab.training.run_texts import check_texts
from attnlab.training.start import prepare_process
from attnlab.training.tensorboard_writer import tensorboard_writer
from attnlab.training.wandb_writer import wandb_writer
from attnlab.training.writers import (
    Writer,
    console_writer,
    jsonl_writer,
    progress_writer,
    several,
)

if TYPE_CHECKING:  # they bring JAX, which `--help` does without
    from attnlab.task import Task
    from attnlab.training.loop import Compiled
    from attnlab.training.replicas import Replica
    from attnlab.training.run_state import Trained
    from attnlab.training.step import Pytree

__all__ = [
    "BusyRun",
    "learned_fingerprint",
    "only_one",
    "read_run_config",
    "run",
    "run_in_turn",
    "run_together",
]

Result = dict[str, object]  # what a result.json holds
Folder = str | os.PathLike[str]


class Alike(NamedTuple):
    """A run whose compiled programs a later one may use.

    key: of the settings that replicas have alike. task, programs: its own.
    """

    key: str
    task: "Task"
    programs: "Compiled"


def run(
    folder: Folder,
    *,
    console: bool = True,
    wait: bool = False,
    before: list[Alike] | None = None,
) -> Result:
    """Train and evaluate the run of a folder; resumes, and skips a finished one.

    Whatever goes wrong is also written to error.json, where it stays until the next
    try.

    Args:
      folder: the run's folder, which holds its config.json.
      console: whether progress is shown on stderr.
      wait: whether to wait for another process that trains this run.
      before: the run before in this process, if any; it is replaced by this one.

    Returns:
      What result.json holds.

    Raises:
      FileNotFoundError: where there is no run.
      BusyRun: where another process trains it and `wait` is not set.
      NonFiniteLoss: where training diverged.
      ValueError: for settings that do not work, and where JAX_ENABLE_X64 is on.
    """
    folder = Path(folder)
    with ExitStack() as stack:

        def begin() -> Result | None:
            if not (folder / runs.CONFIG).exists():
                raise FileNotFoundError(f"no {runs.CONFIG} in {folder}")
            runs.check_folder(folder)
            stack.enter_context(only_one(folder, wait))
            _reopen(folder)
            if (folder / runs.RESULT).exists():
                return runs.check_result(folder)
            _check_32_bits()
            stack.enter_context(_recorded(folder))
            return None

        finished = processes.lead(begin, tell=_unchanged)
        return finished or _run(folder, console, [] if before is None else before)


def run_in_turn(
    folders: Sequence[Folder], *, wait: bool = False
) -> dict[Path, Exception]:
    """Train the runs of several folders, one after the other.

    A run that is like the one before, but for what replicas may differ in, goes through
    its compiled programs: to trace and load them again takes longer than a small run.

    Args:
      folders: those of the runs.
      wait: whether to wait for other processes that train any of them.

    Returns:
      The errors of those that failed, by folder.
    """
    failed: dict[Path, Exception] = {}
    before: list[Alike] = []  # none, or the last that was prepared
    for folder in map(Path, folders):
        try:
            run(folder, console=False, wait=wait, before=before)
        except Exception as error:  # of this run alone: the others go on
            failed[folder] = error
    return failed


def _check_32_bits() -> None:
    # Imported here, as it brings JAX, which a finished run does without.
    from attnlab.precision import check_32_bits

    check_32_bits()


def _unchanged(result: Result | None) -> Result | None:
    return result


def run_together(
    folders: Sequence[Folder], *, wait: bool = False
) -> dict[Path, Exception]:
    """Train the runs of several folders as replicas of one program.

    Each folder ends up as `run` leaves it; finished ones are skipped.

    Args:
      folders: those of the runs.
      wait: whether to wait for other processes that train any of them.

    Returns:
      The errors of those that failed, by folder.

    Raises:
      ValueError: where the configurations differ in more than replicas may (see
        `attnlab.training.replicas`).
      BusyRun: where another process trains a run and `wait` is not set.
    """
    from attnlab.training.replicas import check_alike, train_together

    failed: dict[Path, Exception] = {}
    with ExitStack() as stack:
        # Sorted: two programs that wait for each other's locks would wait for ever.
        places = sorted({Path(folder) for folder in folders})
        for folder in places:
            runs.check_folder(folder)
            stack.enter_context(only_one(folder, wait))
            _reopen(folder)
        places = [folder for folder in places if not (folder / runs.RESULT).exists()]
        if not places:
            return failed
        _check_32_bits()
        for folder in places:
            stack.enter_context(_recorded(folder))
        configs = {folder: read_run_config(folder) for folder in places}
        check_alike([config.settings for config in configs.values()])
        replicas: list[Replica] = []
        progress: dict[Path, Writer] = {}
        for folder, config in configs.items():
            progress[folder] = shown = _progress(folder, config, console=False)
            stack.callback(shown.close)
            shown.stage(runs.READING, 0)
        for folder, config in configs.items():
            try:
                with _recorded(folder):
                    task = _prepare(folder, config, replicas=len(places))
            except Exception as error:  # of this run alone: the others go on
                failed[folder] = error
                progress[folder].close()
                continue
            if replicas:  # the functions of the first: compiled once, for all
                task = replicas[0].task._replace(batches=task.batches)
            progress[folder].stage(runs.COMPILING, 0)
            replicas.append(_replica(folder, config, task, progress[folder]))
            stack.callback(replicas[-1].writer.close)
        outcomes = train_together(replicas) if replicas else []
        for replica, outcome in zip(replicas, outcomes, strict=True):
            folder = replica.folder
            try:
                with _recorded(folder):
                    if isinstance(outcome, Exception):
                        raise outcome
                    task, writer = replica.task, replica.writer
                    _conclude(folder, configs[folder], task, outcome, writer)
            except Exception as error:
                failed[folder] = error
    return failed


def _replica(folder: Path, config: RunConfig, task: "Task", shown: Writer) -> "Replica":
    from attnlab.training.replicas import Replica

    settings = config.settings
    writer = _writer(folder, config, shown)
    train, seed = settings.train, settings.seed
    begins_at = config.begins_at
    return Replica(task, train, folder, seed, writer, config.fingerprint, begins_at)


def _reopen(folder: Path) -> None:
    """A finished run with damaged files is finished again; stderr says which."""
    damaged = runs.reopen(folder)
    if damaged:
        names = ", ".join(damaged)
        print(f"{folder}: damaged and made anew: {names}", file=sys.stderr)


@contextmanager
def _recorded(folder: Path) -> Iterator[None]:
    """What goes wrong inside is also written to error.json."""
    (folder / runs.ERROR).unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        record = {
            "error": f"{type(error).__name__}: {error}",
            "step": getattr(error, "step", None),
            "traceback": traceback.format_exc(),
        }
        with suppress(FileNotFoundError):  # a folder that was removed stays so
            runs.write_json(folder / runs.ERROR, record, folders=False)
        raise


def _run(folder: Path, console: bool, before: list[Alike]) -> Result:
    config = read_run_config(folder)
    with ExitStack() as stack:
        shown = several()
        if processes.leading():
            shown = _progress(folder, config, console)
            stack.callback(shown.close)
        shown.stage(runs.READING, 0)
        # They bring JAX, after the first word.
        from attnlab.training.loop import compiled, train
        from attnlab.training.replicas import shared

        task = processes.in_turn(lambda: _prepare(folder, config))
        key = runs.fingerprint(shared(config.settings))
        if before and before[0].key == key:
            task = before[0].task._replace(batches=task.batches)
        else:
            before[:] = [Alike(key, task, compiled(task, config.settings.train))]
        shown.stage(runs.COMPILING, 0)
        writer = several()
        if processes.leading():
            writer = _writer(folder, config, shown)
            stack.callback(writer.close)
        trained = train(
            task,
            config.settings.train,
            folder,
            seed=config.settings.seed,
            writer=writer,
            fingerprint=config.fingerprint,
            begins_at=config.begins_at,
            programs=before[0].programs,
        )

        def conclude() -> Result:
            assert trained is not None  # this is the first process
            return _conclude(folder, config, task, trained, writer)

        return processes.lead(conclude, tell=_unchanged)


def _prepare(folder: Path, config: RunConfig, replicas: int = 1) -> "Task":
    """The task of a run, one of so many `replicas` of a program; writes
    environment.json."""
    for name in ("absl", "jax"):  # they tell of checkpoints and missing accelerators
        logging.getLogger(name).setLevel(logging.ERROR)
    from attnlab.tasks import make_task
    from attnlab.training.checkpoint import Checkpoints
    from attnlab.training.parallel import layout_of

    layout = layout_of(config.settings.train)
    # One process alone writes to the folder.
    begins = False
    if processes.leading():
        place = {
            "replicas": replicas,
            "devices": len(layout.devices),
            "strategy": layout.strategy,
            "processes": processes.count(),
        }
        _tidy(folder)
        begins = check_texts(folder, config.settings)
        record = environment() | place
        if config.settings.plugins:
            learned = Checkpoints(folder / runs.CHECKPOINTS).latest_step is not None
            former = read_history(folder) if learned else {}
            history, lines = go_on_with(former, config.settings.plugins)
            for line in lines:
                print(f"{folder}: {line}", file=sys.stderr)
            record["plugins"] = history
        runs.write_json(folder / runs.ENVIRONMENT, record, folders=False)
    try:
        task = make_task(config.settings, folder)
    except ValueError:
        if begins:  # a text that cannot be read may be mended
            (folder / runs.TEXTS).unlink(missing_ok=True)
        raise
    for note in task.notes if processes.leading() else ():
        print(note, file=sys.stderr)
    return task


def _tidy(folder: Path) -> None:
    """Remove temporary files that a killed process has left."""
    for path in runs.leftovers(folder):
        path.unlink(missing_ok=True)


def _conclude(
    folder: Path, config: RunConfig, task: "Task", trained: "Trained", writer: Writer
) -> Result:
    """Test the best parameters and write result.json; returns what it holds."""
    writer.stage(runs.TESTING, trained.step)
    scores = task.finish(trained.params, folder)
    if not (folder / runs.CONFIG).exists():  # removed under way
        raise FileNotFoundError(f"no {runs.CONFIG} in {folder}")
    result = {
        **{name: config.plain[name] for name in ("row", "slug", "order")},
        "seed": config.settings.seed,
        **scores,
        "parameters": count_parameters(trained.params),
        "tokens_per_second": trained.progress.tokens / trained.progress.timed,
        "seconds_per_step": seconds_per_step(trained),
        "seconds": trained.progress.seconds,
        "steps": trained.step,
        "best_step": trained.best_step,
        "stopped": trained.progress.stopped,
    }
    final = {name: value for name, value in scores.items() if isinstance(value, float)}
    # Before the result, whose list of files has the digest of metrics.jsonl.
    writer.write(trained.step, "test", final)
    runs.write_result(folder, result)
    # After the result, as the mirror reads the finished folder.
    writer.conclude()
    return runs.read_json(folder / runs.RESULT)


def count_parameters(params: "Pytree") -> int:
    """How many numbers a model learns.

    Args:
      params: the tree of its parameters, or of their shapes.

    Returns:
      The sum of their sizes.
    """
    import jax

    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def seconds_per_step(trained: "Trained") -> float:
    """Mean time of an update: the timed ones over all updates.

    Args:
      trained: what training came to.

    Returns:
      Seconds. `timed` leaves out updates that compiled, a handful, so this is a little
      too small: by 1 % where 6 of 600 compiled.
    """
    return trained.progress.timed / trained.step


def _progress(folder: Path, config: RunConfig, console: bool) -> Writer:
    """What shows the progress of a run, from before its data are read."""
    train = config.settings.train
    published = progress_writer(folder, train.steps, train.evaluate_every)
    if not console:
        return published
    return several(published, console_writer(train.steps, train.evaluate_every))


def _writer(folder: Path, config: RunConfig, shown: Writer) -> Writer:
    """All writers of a run; `shown` is closed by who made it."""
    wandb = wandb_writer(
        folder, config.settings, config.plain, fingerprint=config.fingerprint
    )
    # After metrics.jsonl, which it copies.
    tensorboard = tensorboard_writer(folder, config.settings)
    shown = shown._replace(close=lambda: None)
    return several(jsonl_writer(folder), wandb, tensorboard, shown)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the runs that the command line names.

    Args:
      arguments: of the command line; those of this process by default.

    Returns:
      The exit status: 1 where a replica failed. A run alone raises what went wrong.
    """
    parser = argparse.ArgumentParser(
        description="Train the run of one run folder, or those of several."
    )
    parser.add_argument("folder", nargs="+", help="a folder that holds config.json")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    parser.add_argument(
        "--in-turn",
        action="store_true",
        help="several runs one after the other, and not as replicas of one program",
    )
    parser.add_argument(
        "--wait", action="store_true", help="wait for another process that trains it"
    )
    group = parser.add_argument_group(
        "several processes, which share one run",
        "Start the same command once for each, on machines that share the folder.",
    )
    group.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help='where the first process listens; "auto": Slurm knows it, and the rest',
    )
    group.add_argument("--processes", type=int, default=0, help="how many they are")
    group.add_argument("--process", type=int, default=-1, help="which this is, from 0")
    options = parser.parse_args(arguments)
    for folder in options.folder:
        if not (Path(folder) / runs.CONFIG).exists():
            parser.error(f"no {runs.CONFIG} in {folder}")
    try:
        prepare_process()
    except PluginError as error:
        parser.error(str(error))
    if options.coordinator:
        try:
            processes.connect(options.coordinator, options.processes, options.process)
        except ValueError as error:
            parser.error(str(error))
    if len(options.folder) == 1:
        run(options.folder[0], console=not options.quiet, wait=options.wait)
        return 0
    if processes.count() > 1:
        parser.error("several processes share one run; replicas need one process")
    run_all = run_in_turn if options.in_turn else run_together
    failed = run_all(options.folder, wait=options.wait)
    for folder, error in failed.items():
        print(f"{folder}: {type(error).__name__}: {error}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
