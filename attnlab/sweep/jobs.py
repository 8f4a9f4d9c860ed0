"""A job is one process of a sweep, and an executor is where jobs run.

Executors differ in how a process starts and how one learns that it has ended. Its
results and errors it writes to its run folders, wherever it runs.
"""

import importlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from attnlab import plugins, runs
from attnlab.training import program_cache

OPTIONS = ("--quiet", "--wait")  # a run left over from a killed sweep is waited for


class Job(NamedTuple):
    """A process: `python -m module arguments`.

    log: the file that its output is added to. folders: those of its runs. cache: where
    compiled programs are shared. in_turn: whether its runs go one after the other.
    """

    module: str
    arguments: tuple[str, ...]
    log: Path
    folders: tuple[Path, ...] = ()
    cache: Path | None = None
    in_turn: bool = False


class End(NamedTuple):
    """How a process ended.

    how: in words, "signal SIGKILL". killed: from outside, so that another try from the
    checkpoint may get further.
    """

    how: str
    killed: bool


class Refused(RuntimeError):
    """A cluster does not take the jobs; the message says why."""


class Executor(Protocol):
    """Where jobs run.

    Attributes:
      slots: how many run at a time.
      groups: whether a job may finish several runs, one after the other.
    """

    slots: int
    groups: bool

    @property
    def hardware(self) -> str | None:
        """The name under which it is stored whether replicas pay there; None where that
        is not worth a measurement."""
        ...

    @property
    def room(self) -> int:
        """How many more jobs it would take now."""
        ...

    def submit(self, jobs: Sequence[Job]) -> str:
        """Start jobs.

        Args:
          jobs: at most `room` of them.

        Returns:
          A line to print, or "".

        Raises:
          Refused: where the cluster does not take them.
        """
        ...

    def news(self) -> Iterable[tuple[Job, End | None]]:
        """What has happened since the last call.

        Returns:
          Pairs of a job and None where it has started, its End where it has ended.
        """
        ...

    def at_work(self) -> Sequence[Job]:
        """The jobs that compute now: neither queued nor suspended.

        Returns:
          Those of which that can be told.
        """
        ...

    def kill(self, job: Job) -> None:
        """End a job at once, whatever it is at; `news` tells of its end.

        Args:
          job: one that is under way.
        """
        ...

    def close(self) -> None:
        """End the jobs under way and let go of the cluster."""
        ...


def training(
    folders: Sequence[Path], cache: Path | None = None, *, in_turn: bool = False
) -> Job:
    """The job that finishes one run, or several.

    Args:
      folders: those of the runs.
      cache: where compiled programs are shared.
      in_turn: whether several go one after the other, not as replicas of one program.

    Returns:
      The job, whose log is in the first folder.
    """
    words = (*map(str, folders), *OPTIONS, *(("--in-turn",) if in_turn else ()))
    log = folders[0] / runs.LOG
    return Job("attnlab.training.run", words, log, tuple(folders), cache, in_turn)


def environment(cache: Path | None, threads: int = 1) -> dict[str, str]:
    """Environment variables of a run's process; those of the shell outrank them.

    The last digits of what XLA computes on a CPU depend on its number of threads, so
    every executor sets it, and it is one unless a run is given more cores.

    Args:
      cache: where compiled programs are shared.
      threads: of XLA on a CPU.

    Returns:
      {name: value}.
    """
    variables = plugins.variables() | {
        "NPROC": str(threads),  # XLA's name for it
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",  # a crash loses no output
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # runs share an accelerator
    }
    return variables | (program_cache.variables(cache) if cache is not None else {})


def work(module: str, arguments: Sequence[str], log: str, directory: str) -> int:
    """What a cluster's process does for a job: the module's main, in this process.

    The process is the job's own: a crash or too little memory ends this one alone, and
    its end frees what JAX holds. Starting another one below it would leave that behind
    when a cluster kills this one.

    Args:
      module: its name.
      arguments: of its command line.
      log: the file that its output is added to.
      directory: where it works.

    Returns:
      The exit status.
    """
    os.chdir(directory)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for stream in (1, 2):
        # At the level of the system, so that C++ libraries write there, too.
        os.dup2(output, stream)
    os.close(output)
    return importlib.import_module(module).main(list(arguments))
