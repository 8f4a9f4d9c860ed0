"""Runs on this machine: one pinned process a core, for one run or for replicas."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.sweep import groups

LOG = "log.txt"
POLL_SECONDS = 0.2
OPTIONS = ("--quiet", "--wait")  # a run left over from a killed sweep is waited for


class Going(NamedTuple):
    """Runs under way in one process."""

    folders: list[Path]
    process: subprocess.Popen
    core: int | None


def cores() -> Sequence[int | None]:
    """The cores this process may use; [None] where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [None] * (os.cpu_count() or 1)


def run_all(
    folders: Sequence[Path],
    *,
    processes: int | None = None,
    cache: Path | None = None,
    notify: Callable[[str, Path], None] = lambda event, folder: None,
    poll: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Finish the runs of `folders`, in their order, `processes` at a time.

    Finished runs are skipped. Every run is a process of its own (its memory, its crash)
    pinned to a core, since small models gain nothing from a second one; where replicas
    pay, a process trains several. `cache` is where compiled programs are shared between
    runs, and where it is kept whether replicas pay: without it every run is on its own.
    A run that fails leaves its error.json and log.txt, and the others go on. `notify`
    hears "start", "done" and "failed"; `poll` is called several times a second; `say`
    is told how the runs go. Interrupted, the runs under way are ended, to be resumed
    next time.
    """
    waiting = [f for f in folders if not (f / runs.RESULT).exists()]
    free = list(cores())
    if processes is not None:
        if processes < 1:
            raise ValueError(f"processes is {processes}; it must be positive")
        free = [free[k % len(free)] for k in range(processes)]
    jobs = [[folder] for folder in waiting]
    if cache is not None and waiting:
        alike = groups.grouped(waiting)
        decision = _decide(alike, free[0], cache, poll)
        say(groups.reason(alike, decision))
        if decision is not None and decision.pays:
            jobs = groups.programs(alike, decision, len(free))
    going: list[Going] = []
    try:
        while jobs or going:
            while jobs and free:
                job = jobs.pop(0)
                for folder in job:
                    notify("start", folder)
                going.append(_start(job, free.pop(0), cache))
            time.sleep(POLL_SECONDS)
            poll()
            for job in [job for job in going if job.process.poll() is not None]:
                going.remove(job)
                free.append(job.core)
                for folder in job.folders:
                    notify(_outcome(job, folder), folder)
    finally:
        for job in going:
            job.process.terminate()
        for job in going:
            job.process.wait()


def _decide(
    alike: list[list[Path]],
    core: int | None,
    cache: Path,
    poll: Callable[[], None],
) -> groups.Decision | None:
    """Whether replicas pay, measured where it is not known; None if that fails."""
    several = [group for group in alike if len(group) > 1]
    decision = groups.recall(cache) if several else None
    while several and decision is None:
        words = ["attnlab.sweep.groups", str(cache), *map(str, several[0])]
        process = _launch(words, several.pop(0)[0] / LOG, core, cache)
        try:
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                poll()
        finally:
            process.terminate()
            process.wait()
        decision = groups.recall(cache)
    return decision


def _start(folders: list[Path], core: int | None, cache: Path | None) -> Going:
    words = ["attnlab.train.run", *map(str, folders), *OPTIONS]
    return Going(folders, _launch(words, folders[0] / LOG, core, cache), core)


def _launch(
    words: Sequence[str], log: Path, core: int | None, cache: Path | None
) -> subprocess.Popen:
    """`python -m words` on a core, what it prints added to a file."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env={**environment(cache), **os.environ},
        )
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    return process


def environment(cache: Path | None) -> dict[str, str]:
    """What the process of a run finds in its environment, unless the shell differs."""
    variables = {
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # runs share an accelerator
    }
    if cache is not None:
        variables |= {
            "JAX_COMPILATION_CACHE_DIR": str(cache.absolute()),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
    return variables


def _outcome(job: Going, folder: Path) -> str:
    if (folder / runs.RESULT).exists():
        return "done"
    if not (folder / runs.ERROR).exists():  # it had no time to say why
        code = job.process.returncode
        how = (
            f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        )
        log = os.path.relpath(job.folders[0] / LOG, folder)
        message = f"the process ended with {how}; see {log}"
        runs.write_json(folder / runs.ERROR, {"error": message})
    return "failed"
