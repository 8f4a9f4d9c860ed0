"""A real Slurm and a real Ray cluster on this machine's loopback, for one test file.

Both have ports, folders and sockets of their own, and only what was started here is
ended, so that other clusters of this user and leftovers of killed tests don't matter.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from attnlab.sweep.local import hardware

# A shell starts what runs in its background with SIGINT ignored (make test-services),
# and all that is started by that would ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

SLURM = """
ClusterName=attnlab
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=3000
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
KillWait=1
ReturnToService=2
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=localhost NodeHostname=localhost NodeAddr=127.0.0.1 \\
  CPUs=2 RealMemory=8000 Gres=gpu:2
PartitionName=long Nodes=localhost Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=localhost MaxTime=2 State=UP
"""


class Slurm(NamedTuple):
    """environment: for programs that talk to it, SLURM_CONF among it."""

    environment: dict[str, str]

    def __call__(self, *words: str) -> str:
        """What one of its commands prints."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """One node of two cores, and of two GPUs that it only counts."""
    need("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel")
    # Not tmp_path: a socket's path has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp") as place:
        folder = Path(place)
        user = pwd.getpwuid(os.getuid()).pw_name
        controller, node = free_ports(2)
        values = {"folder": folder, "user": user}
        text = SLURM.format(controller=controller, node=node, **values)
        (folder / "slurm.conf").write_text(text)
        (folder / "gres.conf").write_text(
            "Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n"
        )
        (folder / "key").write_bytes(secrets.token_bytes(128))
        (folder / "key").chmod(0o400)
        for name in ("state", "spool"):
            (folder / name).mkdir()
        environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.environ["PATH"] + ":/usr/sbin",
        }
        files = {
            "key-file": "key",
            "socket": "munge.socket",
            "pid-file": "munged.pid",
            "log-file": "munged.log",
            "seed-file": "munged.seed",
        }
        munge = [f"--{option}={folder / name}" for option, name in files.items()]
        commands = [
            ["munged", "--foreground", "--force", *munge],
            ["slurmctld", "-D", "-c"],
            ["slurmd", "-D", "-N", "localhost"],
        ]
        daemons = []
        found = Slurm(environment)
        try:
            for command in commands:
                with open(folder / f"{command[0]}.out", "w") as output:
                    daemons.append(
                        subprocess.Popen(
                            command, env=environment, stdout=output, stderr=output
                        )
                    )
                if command[0] == "munged":
                    wait_for((folder / "munge.socket").exists, 20, "munged's socket")
            try:
                wait_for(lambda: _idle(found), 30, "Slurm's node")
            except AssertionError as error:
                logs = [f"{p}:\n{p.read_text()}" for p in folder.glob("slurm*.*o*")]
                raise AssertionError("\n".join([str(error), *logs])) from None
            yield found
            found("scancel", "--user", user)
            wait_for(lambda: not found("squeue", "--noheader"), 60, "an empty queue")
        finally:
            for daemon in reversed(daemons):
                daemon.terminate()
            for daemon in daemons:
                daemon.wait(timeout=30)


def _idle(slurm: Slurm) -> bool:
    done = subprocess.run(
        ["sinfo", "--noheader", "--format=%T"],
        env=slurm.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return set(done.stdout.split()) == {"idle"}


def need(*programs: str) -> None:
    """Fails, and says how to get them, where programs are missing."""
    places = os.environ["PATH"] + ":/usr/sbin"
    missing = [name for name in programs if not shutil.which(name, path=places)]
    if missing:
        pytest.fail(
            f"these tests need {', '.join(missing)}: bash .ci/services installs them; "
            'leave them out with -m "not cluster"',
            pytrace=False,
        )


def free_ports(number: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(met: Callable[[], object], seconds: float, what: str) -> None:
    """Until met() is true; an AssertionError that says what after so many seconds."""
    until = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < until, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> list[dict[str, str]]:
    """The summary of the six runs on this machine, by processes that nobody kills."""
    from tests.cluster.sweeps import Sweep, no_replicas, summary

    workdir = tmp_path_factory.mktemp("local") / "sweep"
    no_replicas(workdir, hardware())
    with Sweep(workdir, "--executor=local", "--retries=0") as sweep:
        sweep.finish()
    found = summary(workdir)
    assert [line["state"] for line in found] == ["finished"] * 6
    return found


@pytest.fixture
def ray_cluster(monkeypatch) -> Iterator[Any]:
    """A `ray.cluster_utils.Cluster` of two nodes, each of one core and one GPU that it
    only counts."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    # A folder of its own, whose sockets have paths of 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        common: dict[str, Any] = {
            "num_cpus": 1,
            "num_gpus": 1,
            "object_store_memory": 80 * 2**20,
        }
        monkeypatch.setenv("RAY_TMPDIR", folder)
        (Path(folder) / "ray").mkdir()  # a file in it names the newest cluster
        # Ray takes 127.0.0.1 for the name of any machine; these are of this one alone.
        head = common | {"node_ip_address": "127.0.0.2", "include_dashboard": False}
        cluster = Cluster()
        try:
            _add_node(cluster, **head)
            _add_node(cluster, **common, node_ip_address="127.0.0.3")
            yield cluster
        finally:
            cluster.shutdown()


def _add_node(cluster: Any, **settings: Any) -> None:
    """Ray gives a node 30 s to start, which a busy machine may need more than once."""
    for left in (2, 1, 0):
        try:
            cluster.add_node(**settings)
            return
        except Exception as error:  # Ray raises no other class
            if not left or "timed out during startup" not in str(error):
                raise
