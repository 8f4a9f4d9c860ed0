"""Sweeps on a real Ray cluster of two nodes: Ctrl-C, a kill, a lost node."""

import pytest

from attnlab import runs
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
