"""Jobs of a Ray cluster: a task each, in a process of its own.

Nodes have to see the sweep's workdir, and the code under the path it has here.
"""

import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attnlab import runs
from attnlab.sweep.jobs import End, Job, environment, work

if TYPE_CHECKING:
    from ray import ObjectRef

PREFIXES = ("ATTNLAB_", "JAX_", "XLA_")  # variables of this shell that jobs see too
SHARE = 0.9  # of a GPU's memory for runs; the rest is for the driver's contexts
CLOSE_SECONDS = 10.0
CONNECT_SECONDS = 10.0


class Ray:
    """Jobs of a Ray cluster, by default as many at a time as it has room for.

    Attributes:
      cpus: cores of a job.
      gpus: GPUs of a job, a fraction of one too.
      slots: jobs at a time.
      groups: False: a job is a run.
      hardware: the name under which it is stored whether replicas pay; None without
        GPUs.
    """

    def __init__(
        self,
        workdir: Path,
        processes: int | None = None,
        *,
        address: str = "auto",
        cpus: int = 1,
        gpus: float = 0.0,
    ):
        del workdir
        # Imported late: Ray is an extra of the package.
        import ray

        try:
            _check(address)
            ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
        except (OSError, ValueError) as error:  # ConnectionErrors among them
            why = str(error).strip().splitlines()[0]
            raise ValueError(
                f"no Ray cluster at --address={address}: {why} "
                "(`ray start --head` starts one)"
            ) from None
        self.ray, self.cpus, self.gpus = ray, cpus, gpus
        self.slots, self.groups = processes or self._fitting(), False
        self.hardware = f"ray gpus={gpus:g}" if gpus else None
        self.going: dict[ray.ObjectRef, Job] = {}
        self.started: list[Job] = []

    def _fitting(self) -> int:
        """Jobs that fit onto the nodes at once."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        fitting = sum(
            min(int(node.get(k, 0) / n) for k, n in wanted.items() if n)
            for node in nodes
        )
        if not fitting:
            self.ray.shutdown()
            has = [f"{n.get('CPU', 0):g} and {n.get('GPU', 0):g}" for n in nodes]
            raise ValueError(
                f"no node of the Ray cluster has --cpus={self.cpus} and "
                f"--gpus={self.gpus:g}; theirs are {', '.join(has)}"
            )
        return fitting

    @property
    def room(self) -> int:
        """How many more jobs it would take now."""
        return max(0, self.slots - len(self.going))

    def submit(self, jobs: Sequence[Job]) -> str:
        """Start jobs, a task of Ray each.

        Args:
          jobs: at most `room` of them.

        Returns:
          Nothing to print: "".
        """
        task = self.ray.remote(max_calls=1)(work)  # a process does one job and ends
        for job in jobs:
            reference = task.options(
                num_cpus=self.cpus,
                num_gpus=self.gpus,
                max_retries=0,  # the sweep tries again itself, as everywhere
                name=str(job.log.parent),
                runtime_env={"env_vars": self._variables(job)},
            ).remote(job.module, job.arguments, str(job.log), os.getcwd())
            self.going[reference] = job
        self.started += jobs
        return ""

    def _variables(self, job: Job) -> dict[str, str]:
        """A worker has its node's environment, and not that of this shell."""
        variables = environment(job.cache, self.cpus)
        # Jobs on one GPU: each may take its share of the memory, and no more.
        if 0 < self.gpus < 1:
            variables["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{SHARE * self.gpus:.3f}"
        # As `{**environment(), **os.environ}` for a local job: the shell outranks us.
        variables |= {k: os.environ[k] for k in variables if k in os.environ}
        variables |= {k: v for k, v in os.environ.items() if k.startswith(PREFIXES)}
        # Absolute, as a worker starts in another folder; "" is this one.
        paths = [os.path.abspath(path) for path in sys.path]
        return variables | {"PYTHONPATH": os.pathsep.join(paths)}

    def news(self) -> Iterator[tuple[Job, End | None]]:
        """What has happened since the last call.

        Returns:
          Pairs of a job and None where it has started, its End where it has ended.
        """
        started, self.started = self.started, []
        for job in started:
            yield job, None
        if not self.going:
            return
        waiting = list(self.going)
        # Timeout 0: take those that have ended, and do not wait for any.
        ended, _ = self.ray.wait(waiting, num_returns=len(waiting), timeout=0)
        for reference in ended:
            yield self.going.pop(reference), self._end(reference)

    def _end(self, reference: "ObjectRef") -> End:
        errors = self.ray.exceptions
        try:
            return End(f"status {self.ray.get(reference)}", False)
        # The order matters: RayError, the last, is the base class of the others.
        except errors.OutOfMemoryError:
            return End("too little memory on its Ray node", True)
        except errors.RayTaskError as error:  # what the job itself raised
            return End(str(error).strip().splitlines()[-1], False)
        except errors.RuntimeEnvSetupError as error:
            return End(str(error).strip().splitlines()[0], False)
        except errors.RayError as error:
            return End(f"Ray's {type(error).__name__}", True)

    def at_work(self) -> Sequence[Job]:
        """The jobs whose runs have said what they do; the others may wait for a node.

        Returns:
          Those jobs.
        """
        return [
            job
            for job in self.going.values()
            if any(runs.read_progress(folder) for folder in job.folders)
        ]

    def kill(self, job: Job) -> None:
        """End a job's worker by SIGKILL.

        Args:
          job: one that is under way.
        """
        for reference, going in self.going.items():
            if going == job:
                self.ray.cancel(reference, force=True)

    def close(self) -> None:
        """End the jobs under way and leave the cluster."""
        for reference in self.going:
            self.ray.cancel(reference, force=True)
        waiting = list(self.going)
        if waiting:
            self.ray.wait(waiting, num_returns=len(waiting), timeout=CLOSE_SECONDS)
        self.ray.shutdown()


def _check(address: str) -> None:
    """An OSError where nobody listens; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
