"""One run, from its config.json to its result.json, or several as one program.

python -m attnlab.training.run RUN_FOLDER...     is what a sweep starts
"""

import argparse
import logging
import math
import os
import platform
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from attnlab import runs
from attnlab.runs.lock import LOCK, BusyRun, only_one
from attnlab.training import processes
from attnlab.training.wandb_writer import wandb_writer
from attnlab.training.writers import Writer, console_writer, jsonl_writer, several

__all__ = ["BusyRun", "only_one", "run", "run_together"]

# What may change between a run and its resumption without changing what is learned.
PRESENTATION = ("row", "slug", "order", "wandb")
LAYOUT = ("devices", "strategy")  # of `train`: where it is learned, and not what
# Settings of `evaluate` that matter once training is over; the others choose the best
# checkpoint.
FINAL = ("beams", "length_penalty", "alpha", "ratio", "replace_unknown", "gold")
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "sacrebleu")


def run(
    folder: str | os.PathLike, *, console: bool = True, wait: bool = False
) -> dict[str, Any]:
    """Train and evaluate the run of a folder; resumes, and skips a finished one.

    Returns the result. Whatever goes wrong is also written to error.json, where it
    stays until the next try. A run that another process is training raises BusyRun, or
    with `wait` is waited for. FileNotFoundError where there is no run.
    """
    folder = Path(folder)
    with ExitStack() as held:

        def begin() -> dict[str, Any] | None:
            if not (folder / runs.CONFIG).exists():
                raise FileNotFoundError(f"no {runs.CONFIG} in {folder}")
            held.enter_context(only_one(folder, wait))
            _reopen(folder)
            if (folder / runs.RESULT).exists():
                return runs.check_result(folder)
            held.enter_context(_recorded(folder))
            return None

        finished = processes.lead(begin, tell=_as_it_is)
        return _run(folder, console) if finished is None else finished


def _as_it_is(value: Any) -> Any:
    return value


def run_together(
    folders: Sequence[str | os.PathLike], *, wait: bool = False
) -> dict[Path, Exception]:
    """Train the runs of several folders as replicas of one program.

    Each folder ends up as `run` leaves it; finished ones are skipped. Returns the
    errors of those that failed. ValueError where the configurations differ in more
    than replicas may (see `attnlab.training.replicas`).
    """
    from attnlab.training.replicas import Replica, check_alike, train_together

    failed: dict[Path, Exception] = {}
    with ExitStack() as stack:
        places = sorted({Path(folder) for folder in folders})  # so none waits in a ring
        for folder in places:
            stack.enter_context(only_one(folder, wait))
            _reopen(folder)
        places = [folder for folder in places if not (folder / runs.RESULT).exists()]
        if not places:
            return failed
        for folder in places:
            stack.enter_context(_recorded(folder))
        configs = {folder: runs.read_json(folder / runs.CONFIG) for folder in places}
        check_alike(list(configs.values()))
        replicas = []
        for folder, config in configs.items():
            try:
                with _recorded(folder):
                    task = _prepare(folder, config, beside=len(places))
            except Exception as error:  # its own: the others go on
                failed[folder] = error
                continue
            if replicas:  # compiled once, for all
                task = replicas[0].task._replace(batches=task.batches)
            writer = _writer(folder, config, console=False)
            stack.callback(writer.close)
            replicas.append(
                Replica(
                    task,
                    config["train"],
                    folder,
                    config["seed"],
                    writer,
                    learned_fingerprint(config),
                )
            )
        outcomes = train_together(replicas) if replicas else []
        for own, outcome in zip(replicas, outcomes, strict=True):
            try:
                with _recorded(own.folder):
                    if isinstance(outcome, Exception):
                        raise outcome
                    config = configs[own.folder]
                    _conclude(own.folder, config, own.task, outcome, own.writer)
            except Exception as error:
                failed[own.folder] = error
    return failed


def _reopen(folder: Path) -> None:
    """A finished run with damaged files is finished again, which is said."""
    found = runs.reopen(folder)
    if found:
        names = ", ".join(found)
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
        runs.write_json(folder / runs.ERROR, record)
        raise


def _run(folder: Path, console: bool) -> dict[str, Any]:
    from attnlab.training.loop import train

    config = runs.read_json(folder / runs.CONFIG)
    task = processes.in_turn(lambda: _prepare(folder, config))
    writer = _writer(folder, config, console) if processes.leading() else several()
    try:
        trained = train(
            task,
            config["train"],
            folder,
            seed=config["seed"],
            writer=writer,
            fingerprint=learned_fingerprint(config),
        )
        return processes.lead(
            lambda: _conclude(folder, config, task, trained, writer), tell=_as_it_is
        )
    finally:
        writer.close()


def _prepare(folder: Path, config: Mapping[str, Any], beside: int = 1) -> Any:
    """The task of a run, whose environment is written down: `beside` is the number of
    replicas in its program."""
    for name in ("absl", "jax"):  # checkpoints and missing accelerators, at length
        logging.getLogger(name).setLevel(logging.ERROR)
    from attnlab.tasks import make_task
    from attnlab.training.parallel import layout_of

    layout = layout_of(config["train"])
    if processes.leading():
        where = {
            "replicas": beside,
            "devices": len(layout.devices),
            "strategy": layout.strategy,
            "processes": processes.count(),
        }
        _tidy(folder)
        runs.write_json(folder / runs.ENVIRONMENT, environment() | where)
    task = make_task(config, folder)
    for note in task.notes if processes.leading() else ():
        print(note, file=sys.stderr)
    return task


def _tidy(folder: Path) -> None:
    """Remove what a killed process has left half-written, under a name of its own."""
    unlocked = (
        f"{LOCK}.",
        f".{runs.CONFIG}.",
        f".{runs.ERROR}.",
    )  # others write these without the lock
    for path in folder.glob(".*.tmp"):
        if not path.name.startswith(unlocked):
            path.unlink(missing_ok=True)


def _conclude(
    folder: Path, config: Mapping[str, Any], task: Any, trained: Any, writer: Writer
) -> dict[str, Any]:
    """Test the best parameters and write result.json; returns what it says."""
    results = task.finish(trained.params, folder)
    result = {
        "row": config["row"],
        "slug": config["slug"],
        "order": config["order"],
        "seed": config["seed"],
        **results,
        "parameters": count_parameters(trained.params),
        "tokens_per_second": trained.progress.tokens / trained.progress.timed,
        "seconds_per_step": seconds_per_step(trained),
        "seconds": trained.progress.seconds,
        "steps": trained.step,
        "best_step": trained.best_step,
        "stopped": trained.progress.stopped,
    }
    final = {k: v for k, v in results.items() if isinstance(v, float)}
    writer.write(trained.step, "test", final)
    runs.write_result(folder, result)
    writer.conclude()
    return runs.read_json(folder / runs.RESULT)


def count_parameters(params: Any) -> int:
    """Numbers in a tree of parameters."""
    import jax

    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def seconds_per_step(trained: Any) -> float:
    """Seconds of an update: the timed ones over all updates.

    `timed` leaves out updates that compiled, a handful, so this is a little too small:
    by 1 % where 6 of 600 compiled.
    """
    return trained.progress.timed / trained.step


def learned_fingerprint(config: Mapping[str, Any]) -> str:
    """Fingerprint of all that decides what is learned; ties checkpoints to it."""
    learned = {k: v for k, v in config.items() if k not in PRESENTATION}
    train = {k: v for k, v in config["train"].items() if k not in LAYOUT}
    evaluate = config["evaluate"]
    judging = {k: v for k, v in evaluate.items() if k not in FINAL}
    return runs.fingerprint(learned | {"train": train, "evaluate": judging})


def _writer(folder: Path, config: Mapping[str, Any], console: bool) -> Writer:
    from attnlab.training.checkpoint import Checkpoints

    mirror = wandb_writer(folder, config, fingerprint=learned_fingerprint(config))
    writers = [jsonl_writer(folder), mirror]
    if console:
        train = config["train"]
        begun = Checkpoints(folder / runs.CHECKPOINTS).latest_step or 0
        every = train["evaluate_every"]
        writers.append(console_writer(train["steps"], every=every, start=begun))
    return several(*writers)


def environment() -> dict[str, Any]:
    """Where a run takes place: commit, versions, device."""
    import jax

    device = jax.devices()[0]
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "device": {"kind": device.device_kind, "count": jax.device_count()},
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }


def _commit() -> str | None:
    """Commit of the source tree, "+" appended if it has changes; None outside git."""

    def git(*words):
        folder = Path(__file__).parent
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        commit = git("rev-parse", "HEAD")
        return commit and commit + ("+" if git("status", "--porcelain", "-uno") else "")
    except FileNotFoundError:  # no git on this machine
        return None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Train the run of one run folder, or of several as one program."
    )
    parser.add_argument("folder", nargs="+", help="a folder that holds config.json")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
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
    failed = run_together(options.folder, wait=options.wait)
    for folder, error in failed.items():
        print(f"{folder}: {type(error).__name__}: {error}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
