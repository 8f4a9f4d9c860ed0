"""Jobs on this machine: a process each, pinned to a core."""

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab.sweep.jobs import End, Job, environment


class Going(NamedTuple):
    """A job under way. kills: how often the system had run out of memory before."""

    job: Job
    process: subprocess.Popen
    core: int | None
    kills: int


def cores() -> Sequence[int | None]:
    """The cores this process may use; [None] where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [None] * (os.cpu_count() or 1)


class Local:
    """`processes` jobs at a time, by default one a core: small models gain nothing from
    a second one."""

    def __init__(self, processes: int | None = None):
        self.free = list(cores())
        if processes is not None:
            if processes < 1:
                raise ValueError(f"processes is {processes}; it must be positive")
            self.free = [self.free[k % len(self.free)] for k in range(processes)]
        self.slots = len(self.free)
        self.hardware = hardware()
        self.going: list[Going] = []
        self.started: list[Job] = []

    @property
    def room(self) -> int:
        return len(self.free)

    def submit(self, jobs: Sequence[Job]) -> str:
        for job in jobs:
            core, kills = self.free.pop(0), out_of_memory_kills()
            self.going.append(Going(job, _launch(job, core), core, kills))
        self.started += jobs
        return ""

    def news(self) -> Iterator[tuple[Job, End | None]]:
        started, self.started = self.started, []
        for job in started:
            yield job, None
        for ended in [one for one in self.going if one.process.poll() is not None]:
            self.going.remove(ended)
            self.free.append(ended.core)
            yield ended.job, _end(ended)

    def close(self) -> None:
        for going in self.going:
            going.process.terminate()
        for going in self.going:
            going.process.wait()


def _launch(job: Job, core: int | None) -> subprocess.Popen:
    with open(job.log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", job.module, *job.arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env={**environment(job.cache), **os.environ},
        )
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    return process


def _end(ended: Going) -> End:
    code = ended.process.returncode
    if code >= 0:
        return End(f"exit code {code}", False)
    how = f"signal {signal.Signals(-code).name}"
    if -code == signal.SIGKILL and out_of_memory_kills() > ended.kills:
        how += ", when the system was out of memory"
    return End(how, True)


def out_of_memory_kills() -> int:
    """How many processes Linux has killed for want of memory; 0 elsewhere."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def hardware() -> str:
    """What decides the device, told without JAX, which would take hold of it."""
    patterns = ("nvidia[0-9]*", "accel*", "kfd")
    devices = [path.name for p in patterns for path in sorted(Path("/dev").glob(p))]
    names = ("JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES")
    told = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    return " ".join([platform.machine(), *devices, *told])
