"""Jobs on this machine: a process each, pinned to a core."""

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab.sweep.jobs import End, Job, environment

CLOSE_SECONDS = 10.0  # that jobs have to end in
PLACE = Path("/dev")
# Device files of accelerators, and the variables that can hide them: NVIDIA, NVIDIA
# under Windows' Linux, AMD, TPUs of old and of new machines.
DEVICES: dict[str, tuple[str, ...]] = {
    "nvidia[0-9]*": ("CUDA_VISIBLE_DEVICES",),
    "dxg": ("CUDA_VISIBLE_DEVICES",),
    "kfd": ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
    "accel[0-9]*": (),
    "vfio/[0-9]*": (),
}
HIDDEN = ("", "-1", "none", "NoDevFiles")


class Going(NamedTuple):
    """A job under way.

    process: its process. core: the one that it is pinned to, None where the system does
    not tell cores. kills: how often the system had run out of memory before.
    """

    job: Job
    process: subprocess.Popen
    core: int | None
    kills: int


def cores() -> Sequence[int | None]:
    """The cores that this process may use.

    Returns:
      Their numbers; as many None where the system does not tell them.
    """
    if hasattr(os, "sched_getaffinity"):
        # Not cpu_count: a container or taskset may allow fewer.
        return sorted(os.sched_getaffinity(0))
    return [None] * (os.cpu_count() or 1)


class Local:
    """Jobs on this machine, by default one a core: small models gain nothing from a
    second core.

    Attributes:
      slots: jobs at a time, from 1.
      groups: True: runs that are alike go in one process.
      hardware: the name under which it is stored whether replicas pay; None on a CPU,
        where they do not.
    """

    def __init__(self, processes: int | None = None):
        self.free = list(cores())
        if processes is not None:
            if processes < 1:
                raise ValueError(f"processes is {processes}; it must be positive")
            # With more processes than cores, cores are shared in turn.
            self.free = [self.free[k % len(self.free)] for k in range(processes)]
        self.slots, self.groups = len(self.free), True
        self.hardware = hardware() if accelerators() else None
        self.going: list[Going] = []
        self.started: list[Job] = []

    @property
    def room(self) -> int:
        """How many more jobs it would take now."""
        return len(self.free)

    def submit(self, jobs: Sequence[Job]) -> str:
        """Start jobs, each pinned to a core.

        Args:
          jobs: at most `room` of them.

        Returns:
          Nothing to print: "".
        """
        for job in jobs:
            core, kills = self.free.pop(0), out_of_memory_kills()
            self.going.append(Going(job, _launch(job, core), core, kills))
        self.started += jobs
        return ""

    def news(self) -> Iterator[tuple[Job, End | None]]:
        """What has happened since the last call.

        Returns:
          Pairs of a job and None where it has started, its End where it has ended.
        """
        started, self.started = self.started, []
        for job in started:
            yield job, None
        for ended in [job for job in self.going if job.process.poll() is not None]:
            self.going.remove(ended)
            self.free.append(ended.core)
            yield ended.job, _end(ended)

    def at_work(self) -> Sequence[Job]:
        """The jobs under way; one that somebody has stopped (SIGSTOP) is among them.

        Returns:
          Those jobs.
        """
        return [going.job for going in self.going]

    def kill(self, job: Job) -> None:
        """End a job by SIGKILL, which one that is stopped or hangs obeys, too.

        Args:
          job: one that is under way.
        """
        for going in self.going:
            if going.job == job:
                going.process.kill()

    def close(self) -> None:
        """End the jobs under way: by SIGKILL those that do not end by SIGTERM."""
        for going in self.going:
            going.process.terminate()
            going.process.send_signal(signal.SIGCONT)  # a stopped one waits with it
        until = time.monotonic() + CLOSE_SECONDS
        for going in self.going:
            try:
                going.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                going.process.kill()
                going.process.wait()


def _launch(job: Job, core: int | None) -> subprocess.Popen:
    with open(job.log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", job.module, *job.arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env={**environment(job.cache), **os.environ},  # the shell's variables win
        )
    if core is not None and hasattr(os, "sched_setaffinity"):
        # Right after the start: threads that come later inherit it.
        os.sched_setaffinity(process.pid, {core})
    return process


def _end(ended: Going) -> End:
    code = ended.process.returncode
    # It ended by itself; Popen has -n for a process that signal n ended.
    if code >= 0:
        return End(f"exit code {code}", False)
    how = f"signal {signal.Signals(-code).name}"
    if -code == signal.SIGKILL and out_of_memory_kills() > ended.kills:
        how += ", when the system was out of memory"
    return End(how, True)


def out_of_memory_kills() -> int:
    """How many processes Linux has killed for want of memory.

    Returns:
      Their number since the machine started; 0 on other systems.
    """
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def accelerators() -> list[str]:
    """Device files of accelerators that JAX may use here, seen without starting JAX,
    which would occupy them.

    A file is no proof: JAX also needs a package for it. But without one, or where the
    shell hides what there is, JAX runs on the CPU.

    Returns:
      Their names, [] on a CPU.
    """
    # The first platform of the list is the one that JAX computes on.
    if os.environ.get("JAX_PLATFORMS", "").split(",")[0].strip() == "cpu":
        return []
    return [
        path.name
        for pattern, variables in DEVICES.items()
        if not any(os.environ.get(name) in HIDDEN for name in variables)
        for path in sorted(PLACE.glob(pattern))
    ]


def hardware() -> str:
    """The name of this machine's device, for decisions that are stored.

    Returns:
      The architecture, device files of accelerators, and what the shell says of them.
    """
    names = dict.fromkeys(["JAX_PLATFORMS", *sum(DEVICES.values(), ())])
    variables = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    return " ".join([platform.machine(), *accelerators(), *variables])
