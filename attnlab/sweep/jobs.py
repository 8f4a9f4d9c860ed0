"""A job is one process of a sweep, and an executor is where jobs run.

Executors differ in how a process starts and how it is known to have ended. What it
learned and what went wrong it writes to its run folders, wherever it runs.
"""

import importlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

LOG = "log.txt"
OPTIONS = ("--quiet", "--wait")  # a run left over from a killed sweep is waited for


class Job(NamedTuple):
    """`python -m module arguments`, what it prints added to `log`.

    folders: those of its runs. cache: where compiled programs are shared.
    """

    module: str
    arguments: tuple[str, ...]
    log: Path
    folders: tuple[Path, ...] = ()
    cache: Path | None = None


class End(NamedTuple):
    """How a process ended, in words ("signal SIGKILL"); `killed` from outside, so that
    another try from the checkpoint may get further."""

    how: str
    killed: bool


class Refused(RuntimeError):
    """A cluster does not take the jobs; the message says why."""


class Executor(Protocol):
    """Where jobs run. `slots` of them at a time."""

    slots: int

    @property
    def hardware(self) -> str | None:
        """The name under which it is kept whether replicas pay there; None where that
        is not worth a measurement."""
        ...

    @property
    def room(self) -> int:
        """How many more jobs it would take now."""
        ...

    def submit(self, jobs: Sequence[Job]) -> str:
        """Start jobs, at most `room`; returns a line to print, or nothing."""
        ...

    def news(self) -> Iterable[tuple[Job, End | None]]:
        """Jobs that have started (None) or ended since it was last asked."""
        ...

    def close(self) -> None:
        """End the jobs under way and let go of the cluster."""
        ...


def training(folders: Sequence[Path], cache: Path | None = None) -> Job:
    """Finish one run, or several as replicas of one program."""
    words = (*map(str, folders), *OPTIONS)
    return Job("attnlab.training.run", words, folders[0] / LOG, tuple(folders), cache)


def environment(cache: Path | None, threads: int = 1) -> dict[str, str]:
    """What the process of a run finds in its environment, unless the shell differs.

    The last digits of what XLA computes on a CPU depend on its number of threads, so
    every executor says it, and it is one unless a run is given more cores.
    """
    variables = {
        "NPROC": str(threads),  # XLA's name for it
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


def work(module: str, arguments: Sequence[str], log: str, directory: str) -> int:
    """What a cluster's process does for a job: module's main(arguments), here.

    The process is the job's own: a crash or too little memory ends this one alone, and
    its end frees what JAX holds. Starting another one below it would leave that behind
    when a cluster kills this one.
    """
    os.chdir(directory)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    return importlib.import_module(module).main(list(arguments))
