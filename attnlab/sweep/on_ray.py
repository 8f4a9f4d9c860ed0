"""Jobs of a Ray cluster: a task each, in a process of its own.

Nodes have to see the sweep's workdir, and the code under the path it has here.
"""

import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attnlab.sweep.jobs import End, Job, environment, work

OWN = ("ATTNLAB_", "JAX_", "XLA_")  # variables of this shell that jobs see too
SHARE = 0.9  # of a GPU's memory for runs; the rest is for the driver's contexts
CLOSE_SECONDS = 10.0
CONNECT_SECONDS = 10.0


class Ray:
    """`processes` jobs at a time, by default as many as the cluster has room for, each
    with `cpus` cores and `gpus` GPUs, a fraction of one too."""

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
        self.slots = processes or self._fitting()
        self.hardware = f"ray gpus={gpus:g}" if gpus else None
        self.going: dict[Any, Job] = {}
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
        return max(0, self.slots - len(self.going))

    def submit(self, jobs: Sequence[Job]) -> str:
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
        if 0 < self.gpus < 1:
            variables["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{SHARE * self.gpus:.3f}"
        variables |= {k: os.environ[k] for k in variables if k in os.environ}
        variables |= {k: v for k, v in os.environ.items() if k.startswith(OWN)}
        paths = [os.path.abspath(path) for path in sys.path]
        return variables | {"PYTHONPATH": os.pathsep.join(paths)}

    def news(self) -> Iterator[tuple[Job, End | None]]:
        started, self.started = self.started, []
        for job in started:
            yield job, None
        if not self.going:
            return
        waiting = list(self.going)
        ended, _ = self.ray.wait(waiting, num_returns=len(waiting), timeout=0)
        for reference in ended:
            yield self.going.pop(reference), self._end(reference)

    def _end(self, reference: Any) -> End:
        errors = self.ray.exceptions
        try:
            return End(f"status {self.ray.get(reference)}", False)
        except errors.OutOfMemoryError:
            return End("too little memory on its Ray node", True)
        except errors.RayTaskError as error:  # what the job itself raised
            return End(str(error).strip().splitlines()[-1], False)
        except errors.RuntimeEnvSetupError as error:
            return End(str(error).strip().splitlines()[0], False)
        except errors.RayError as error:
            return End(f"Ray's {type(error).__name__}", True)

    def close(self) -> None:
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
