"""Jobs of a Slurm cluster, submitted by submitit as job arrays.

A job that Slurm preempts, or whose time is up, is put back into the queue and goes on
from the checkpoint in its run folder. The folders, and so the sweep's workdir, have to
be where the nodes see them, as the Python environment has to.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attnlab.sweep.jobs import End, Job, Refused, environment, work

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

FOLDER = ".slurm"  # of the workdir: submitit's scripts, and what Slurm itself printed
AT_ONCE = 256  # jobs of an array that may run, where nothing else is said
MOST = 1000  # in one array; Slurm's own MaxArraySize is 1001
TIMEOUTS = 20  # time limits that a job may outlast
ASK_SECONDS = 5.0  # between two questions to the controller
UNKNOWN = "UNKNOWN"  # a job that ended so long ago that Slurm has forgotten it
LOST = {"BOOT_FAIL", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT", UNKNOWN}
ENDED = LOST | {"CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "REVOKED"}
NOT_YET = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED"}


class Work:
    """What a job runs, and runs again after a preemption, from the checkpoint."""

    def __init__(self, job: Job):
        self.call = job.module, job.arguments, str(job.log), os.getcwd()

    def __call__(self) -> int:
        # submitit ignores it, so that a cancelled run would go on until SIGKILL.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return work(*self.call)

    def checkpoint(self) -> "DelayedSubmission":
        """What submitit puts into the queue where the job is preempted.

        Returns:
          This work once more.
        """
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class Slurm:
    """Jobs of a Slurm cluster.

    Each has `cpus` cores, `gpus` GPUs and `memory` GB for `minutes`, after which it
    queues anew. `sbatch` are more of sbatch's options, as "qos=low".

    Attributes:
      slots: jobs at a time, AT_ONCE by default.
      groups: False: a job is a run, and its time limit that of one.
      hardware: the name under which it is stored whether replicas pay; None without
        GPUs.
    """

    def __init__(
        self,
        workdir: Path,
        processes: int | None = None,
        *,
        cpus: int = 1,
        gpus: float = 0,
        memory: float | None = None,
        minutes: int = 240,
        partition: str | None = None,
        account: str | None = None,
        sbatch: Sequence[str] = (),
    ):
        import submitit

        for program in ("sbatch", "srun", "squeue", "scontrol", "scancel"):
            if shutil.which(program) is None:
                raise ValueError(f"no Slurm here: there is no program {program!r}")
        if gpus != int(gpus):
            raise ValueError(f"Slurm gives whole GPUs; --gpus is {gpus}")
        self.slots, self.groups = processes or AT_ONCE, False
        self.hardware = f"slurm partition={partition} gpus={gpus:g}" if gpus else None
        self.cpus = cpus
        extra = [option.partition("=") for option in sbatch]
        wanted = {
            "job_name": workdir.absolute().name,
            "time": minutes,
            "signal_delay_s": min(90, 15 * minutes),  # to leave the job by itself
            "cpus_per_task": cpus,
            "gpus_per_node": int(gpus) or None,
            "mem": memory and f"{round(memory * 1024)}M",
            "partition": partition,
            "account": account,
            "array_parallelism": self.slots,
            # Allows Slurm to queue a preempted job again, whatever its default.
            "additional_parameters": {"requeue": True}
            | {name: value or True for name, _, value in extra},
        }
        self.submitit = submitit.SlurmExecutor(workdir / FOLDER, TIMEOUTS)
        self.submitit.parameters = {k: v for k, v in wanted.items() if v is not None}
        self.queued: dict[str, Job] = {}
        self.output: dict[str, Path] = {}  # what Slurm itself says of each
        self.started: set[str] = set()
        self.running: set[str] = set()
        self.asked = 0.0

    @property
    def room(self) -> int:
        """An array keeps to `slots` by itself; beside one, only what they leave."""
        return max(0, self.slots - len(self.queued)) if self.queued else MOST

    def submit(self, jobs: Sequence[Job]) -> str:
        """Put jobs into the queue, as one array.

        Args:
          jobs: at most `room` of them.

        Returns:
          A line on where they are.

        Raises:
          Refused: where Slurm does not take them, with its reason.
        """
        from submitit.core.utils import FailedJobError

        variables = environment(jobs[0].cache, self.cpus)
        variables["SRUN_CPUS_PER_TASK"] = str(self.cpus)  # srun would take one
        # ${NAME-value} is the node's own value where it is set, else ours.
        self.submitit.parameters["setup"] = [
            f'export {name}="${{{name}-{value}}}"' for name, value in variables.items()
        ]
        try:
            with self.submitit.batch():
                submitted = [self.submitit.submit(Work(job)) for job in jobs]
        except FailedJobError as error:
            why = (str(error).strip() or "it does not say why").splitlines()[-1]
            raise Refused(f"Slurm does not take the jobs: {why}") from None
        names = [job.job_id for job in submitted]
        self.queued |= dict(zip(names, jobs, strict=True))
        self.output |= {job.job_id: job.paths.stderr for job in submitted}
        number = sum(len(job.folders) for job in jobs)
        what = f"{number} run{'s' * (number > 1)}" if number else "measuring replicas"
        return f"{what} in Slurm's queue: squeue --jobs={_number(names[0])}"

    def news(self) -> Iterator[tuple[Job, End | None]]:
        """What has happened since the last call.

        Returns:
          Pairs of a job and None where it has started, its End where it has ended.
        """
        if not self.queued or time.monotonic() < self.asked + ASK_SECONDS:
            return
        self.asked = time.monotonic()
        states = ask(self.queued)
        if states:  # else the controller is busy
            self.running = {n for n, state in states.items() if state == "RUNNING"}
        for name, state in states.items():
            if name not in self.started and state not in NOT_YET:
                self.started.add(name)
                yield self.queued[name], None
            if state in ENDED:
                code = exit_code(name) if state == "FAILED" else "0:0"
                said = _tail(self.output.pop(name))
                yield self.queued.pop(name), _end(name, state, code, said)

    def at_work(self) -> Sequence[Job]:
        """The jobs that ran when the controller was last asked.

        Returns:
          Those jobs.
        """
        return [self.queued[name] for name in self.running if name in self.queued]

    def kill(self, job: Job) -> None:
        """Cancel a job.

        Args:
          job: one that is under way.
        """
        for name, queued in self.queued.items():
            if queued == job:
                _run("scancel", "--full", name)

    def close(self) -> None:
        """Cancel the jobs that wait or run."""
        if self.queued:
            # One scancel for each array, not for each of its jobs.
            numbers = {_number(name) for name in self.queued}
            subprocess.run(["scancel", *sorted(numbers)], check=False)


def ask(names: Iterable[str]) -> dict[str, str]:
    """The states of jobs, from squeue.

    submitit asks sacct, which answers only where Slurm keeps accounts in a database.

    Args:
      names: of the jobs: "12", or "12_0" of an array.

    Returns:
      The state of each, such as "RUNNING"; {} where the controller does not answer, as
      it may do so later.
    """
    numbers = ",".join(sorted({_number(name) for name in names}))
    words = ["--noheader", "--array", "--states=all", "--format=%i %T"]
    done = _run("squeue", *words, f"--jobs={numbers}")
    # The controller may be busy: no answer says nothing of the jobs. An invalid
    # id is an answer: Slurm has forgotten the job.
    if done.returncode and "Invalid job id" not in done.stderr:
        return {}
    states = dict(line.split() for line in done.stdout.splitlines())
    return {name: states.get(name, UNKNOWN) for name in names}


def exit_code(name: str) -> str:
    """The exit code of a job that has ended.

    Args:
      name: of the job.

    Returns:
      "STATUS:SIGNAL"; "0:0" where Slurm has forgotten it.
    """
    done = _run("scontrol", "show", "job", "--oneliner", name)
    match = re.search(r"\bExitCode=(\d+:\d+)", done.stdout)
    return match[1] if match else "0:0"


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)


def _number(name: str) -> str:
    return name.partition("_")[0]


def _tail(path: Path) -> str:
    """The last lines of a file, "" where there is none."""
    try:
        return path.read_bytes()[-4096:].decode(errors="replace")
    except OSError:
        return ""


def _end(name: str, state: str, code: str, said: str = "") -> End:
    """An exit status above 128 stands for a signal, as in a shell. Where no control
    groups hold jobs to their memory, only what Slurm has `said` tells of it."""
    status, number = map(int, code.split(":"))
    killed_by = number or status - 128
    how = f"Slurm state {state} of job {name}"
    lost = state in LOST
    if killed_by in set(signal.Signals):
        how += f", signal {signal.Signals(killed_by).name}"
        lost = True
    elif status:
        how += f", exit code {status}"
    if state == "OUT_OF_MEMORY" or "exceeded memory limit" in said.lower():
        how += ", too little memory (--memory gives it more)"
        lost = True
    return End(how, lost)
