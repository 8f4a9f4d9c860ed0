"""Runs on this machine: one process a run, one pinned process a core."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab import runs

LOG = "log.txt"
POLL_SECONDS = 0.2
OPTIONS = ("--quiet", "--wait")  # a run left over from a killed sweep is waited for


class Going(NamedTuple):
    """A run under way."""

    folder: Path
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
) -> None:
    """Finish the runs of `folders`, in their order, `processes` at a time.

    Finished runs are skipped. Every run is a process of its own (its memory, its crash)
    pinned to a core, since small models gain nothing from a second one. `cache` is
    where compiled programs are shared between runs. A run that fails leaves its
    error.json and log.txt, and the others go on. `notify` hears "start", "done" and
    "failed"; `poll` is called several times a second. Interrupted, the runs under way
    are ended, to be resumed next time.
    """
    waiting = [f for f in folders if not (f / runs.RESULT).exists()]
    free = list(cores())
    if processes is not None:
        if processes < 1:
            raise ValueError(f"processes is {processes}; it must be positive")
        free = [free[k % len(free)] for k in range(processes)]
    going: list[Going] = []
    try:
        while waiting or going:
            while waiting and free:
                folder = waiting.pop(0)
                notify("start", folder)
                going.append(_start(folder, free.pop(0), cache))
            time.sleep(POLL_SECONDS)
            poll()
            for run in [run for run in going if run.process.poll() is not None]:
                going.remove(run)
                free.append(run.core)
                notify(_outcome(run), run.folder)
    finally:
        for run in going:
            run.process.terminate()
        for run in going:
            run.process.wait()


def _start(folder: Path, core: int | None, cache: Path | None) -> Going:
    environment = {
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # runs share an accelerator
    }
    if cache is not None:
        environment |= {
            "JAX_COMPILATION_CACHE_DIR": str(cache.absolute()),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
    with open(folder / LOG, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "attnlab.train.run", str(folder), *OPTIONS],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**environment, **os.environ},
        )
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    return Going(folder, process, core)


def _outcome(run: Going) -> str:
    if (run.folder / runs.RESULT).exists():
        return "done"
    if not (run.folder / runs.ERROR).exists():  # it had no time to say why
        code = run.process.returncode
        how = (
            f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        )
        message = f"the process ended with {how}; see {LOG}"
        runs.write_json(run.folder / runs.ERROR, {"error": message})
    return "failed"
