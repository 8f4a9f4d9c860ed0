"""Sweeps on a real Ray cluster of two nodes: Ctrl-C, a kill, a lost node, too little
memory, a run that hangs."""

import os
import signal
from pathlib import Path

import pytest

from attnlab import runs
from attnlab.runs import LOG
from tests.cluster.conftest import wait_for
from tests.cluster.sweeps import (
    ENOUGH,
    Run,
    Sweep,
    differences,
    no_replicas,
    summary,
)

pytestmark = [
    pytest.mark.cluster,
    # Ray forks its nodes; a test before this one may have started JAX here.
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
]


def learning_on(node, sweep: Sweep) -> Run:
    """A run on that node, once it has a checkpoint."""
    raylet = str(node.all_processes["raylet"][0].process.pid)
    found: list[Run] = []

    def look():
        for run in sweep.learning_now():
            if run.environment().get("RAY_RAYLET_PID") == raylet:
                found.append(run)
        return found

    wait_for(look, ENOUGH, "a run with a checkpoint on the node")
    return found[0]


def test_interrupted_killed_and_lost_runs_go_on_and_end_as_on_this_machine(
    ray_cluster, undisturbed, tmp_path
):
    workdir = tmp_path / "sweep"
    no_replicas(workdir, "ray gpus=0.5")
    words = ("--executor=ray", f"--address={ray_cluster.address}", "--gpus=0.5")
    with Sweep(workdir, *words) as sweep:
        interrupted = sweep.learning("global-general/0")
        sweep.interrupt()
        wait_for(lambda: not interrupted.process, 20, "the worker's end")
        before = interrupted.learned()
        assert not list(workdir.glob(f"*/*/{runs.ERROR}"))
    with Sweep(workdir, *words) as sweep:
        killed = sweep.learning("global-general/0")
        told = killed.environment()
        assert told["NPROC"] == "1"
        assert told["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.450"
        before_kill = killed.kill()
        (second,) = ray_cluster.worker_nodes
        lost = learning_on(second, sweep)
        process = lost.process
        ray_cluster.remove_node(second, allow_graceful=False)
        wait_for(lambda: lost.process != process, 60, "the node's end")
        before_loss = lost.learned()
        sweep.finish()
    print(sweep.said())
    assert interrupted.went_on(before)
    assert killed.went_on(before_kill)
    assert lost.went_on(before_loss)
    assert differences(summary(workdir), undisturbed) == []
    again = [line for line in sweep.said().splitlines() if line.startswith("again")]
    assert [line.split()[1] for line in again] == [
        "/".join(run.folder.parts[-2:]) for run in (killed, lost)
    ]


@pytest.fixture
def little_memory(monkeypatch) -> None:
    """Nodes that kill a worker once 3 GiB more of this machine are taken than now."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    taken = kib["MemTotal"] - kib["MemAvailable"] + 3 * 2**20
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{taken / kib['MemTotal']:.4f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")


def test_a_run_that_takes_a_nodes_memory_fails_alone(
    little_memory, ray_cluster, tmp_path
):
    workdir = tmp_path / "sweep"
    words = ("--executor=ray", f"--address={ray_cluster.address}", "--processes=1")
    with Sweep(
        workdir, *words, "--retries=1", config="tests/cluster/hungry.py"
    ) as sweep:
        assert sweep.process.wait(timeout=ENOUGH) == 1, sweep.said()
    print(sweep.said())
    assert (workdir / "small/0" / runs.RESULT).exists()
    error = runs.read_json(workdir / "large/0" / runs.ERROR)["error"]
    why = "too little memory on its Ray node"
    assert error == f"the process ended with {why}; see {LOG}"
    again = [line for line in sweep.said().splitlines() if line.startswith("again")]
    assert again == [f"again   large/0  after {why}"]
    assert "Traceback" not in sweep.said()


def test_a_run_that_hangs_is_ended_and_goes_on(ray_cluster, undisturbed, tmp_path):
    workdir = tmp_path / "sweep"
    words = ("--executor=ray", f"--address={ray_cluster.address}", "--silence=1")
    with Sweep(workdir, *words, "--only=global") as sweep:
        run = sweep.learning("global-general/1")
        process = run.process
        os.kill(process, signal.SIGSTOP)
        wait_for(lambda: run.process != process, 150, "its end")
        before = run.learned()
        sweep.finish()
    print(sweep.said())
    assert run.went_on(before)
    wanted = [line for line in undisturbed if line["row"] == "global (general)"]
    assert differences(summary(workdir), wanted) == []
    again = [line for line in sweep.said().splitlines() if line.startswith("again")]
    assert again == ["again   global-general/1  after no progress for 1 min"]
