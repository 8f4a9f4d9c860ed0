"""Sweeps on a real Ray cluster of two nodes: a kill, a lost node, shares of a GPU."""

import pytest

from attnlab.sweep import groups
from tests.cluster.conftest import wait_for
from tests.cluster.sweeps import Sweep, summary

pytestmark = pytest.mark.cluster


def test_a_killed_run_and_a_lost_nodes_go_on_and_all_ends_as_on_this_machine(
    ray_cluster, undisturbed, tmp_path
):
    workdir = tmp_path / "sweep"
    # Known here, so that nothing is measured: replicas would be equal to rounding only.
    decision = groups.Decision("cpu", True, 3, 0.9)
    groups.remember(workdir / ".compiled", "ray gpus=0.5", decision)
    words = ("--executor=ray", f"--address={ray_cluster.address}", "--gpus=0.5")
    with Sweep(workdir, *words) as sweep:
        killed = sweep.learning("global-general/0")
        told = killed.environment()
        assert told["NPROC"] == "1"
        assert told["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.450"
        before_kill = killed.kill()
        second = ray_cluster.worker_nodes.copy().pop()
        on_second = []
        wait_for(
            lambda: (
                on_second.extend(
                    run
                    for run in sweep.learning_now()
                    if run.environment().get("RAY_NODE_ID") == second.node_id
                )
                or on_second
            ),
            400,
            "a run with a checkpoint on the second node",
        )
        (lost,) = on_second
        process = lost.process
        ray_cluster.remove_node(second, allow_graceful=False)
        wait_for(lambda: lost.process != process, 60, "the node's end")
        before_loss = lost.learned()
        sweep.finish()
    print(sweep.said())
    assert killed.went_on(before_kill)
    assert lost.went_on(before_loss)
    assert differences(summary(workdir), undisturbed) == []
    again = [line for line in sweep.said().splitlines() if line.startswith("again")]
    assert len(again) == 2
