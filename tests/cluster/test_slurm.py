"""Sweeps on a real Slurm: Ctrl-C, kills, preemption, GPUs, a refusal."""

import os
import signal

import pytest

from attnlab import runs
from attnlab.runs import LOG
from attnlab.sweep import replica_groups
from tests.cluster.conftest import wait_for
from tests.cluster.sweeps import Sweep, differences, summary

pytestmark = pytest.mark.cluster


def test_interrupted_killed_and_preempted_runs_go_on_and_end_as_on_this_machine(
    slurm, undisturbed, tmp_path
):
    workdir = tmp_path / "sweep"
    words = ("--executor=slurm", "--processes=2", "--retries=1")
    with Sweep(workdir, *words, environment=slurm.environment) as sweep:
        interrupted = sweep.learning("global-general/0")
        assert slurm("squeue", "--noheader", "--array", "--format=%i").count("\n") == 6
        sweep.interrupt()
        wait_for(lambda: not slurm("squeue", "--noheader"), 60, "an empty queue")
        before = interrupted.learned()
        assert not interrupted.process
        assert not list(workdir.glob(f"*/*/{runs.ERROR}"))
    with Sweep(workdir, *words, environment=slurm.environment) as sweep:
        preempted = sweep.learning("local-p-general/0")
        process = preempted.process
        # As Slurm does before it takes the node away. (scancel would signal the job a
        # second time when it runs again: it takes a requeued one for unanswered.)
        os.kill(process, signal.SIGUSR2)
        wait_for(lambda: preempted.process != process, 60, "the preemption")
        before_preemption = preempted.learned()
        killed = sweep.learning("global-general/1")
        assert killed.environment()["NPROC"] == "1"
        before_kill = killed.kill()
        sweep.finish()
    print(sweep.said())
    assert interrupted.went_on(before)
    assert preempted.went_on(before_preemption)
    assert killed.went_on(before_kill)
    assert differences(summary(workdir), undisturbed) == []
    again = [line for line in sweep.said().splitlines() if line.startswith("again")]
    assert len(again) == 1
    assert again[0].startswith("again   global-general/1  after Slurm state FAILED of")
    assert again[0].endswith("signal SIGKILL")
    log = (preempted.folder / LOG).read_text()
    assert log.count("Caught signal SIGUSR2") == log.count("this job is preempted") > 0
    assert "Requeued job" in log


def test_runs_with_a_gpu_are_measured_by_a_job_like_theirs(slurm, tmp_path):
    workdir = tmp_path / "sweep"
    words = ("--executor=slurm", "--gpus=1", "--only=global", "--config.train.steps=20")
    with Sweep(workdir, *words, environment=slurm.environment) as sweep:
        sweep.finish()
    stored = runs.read_json(workdir / ".compiled" / replica_groups.DECISIONS)
    assert list(stored) == ["slurm partition=None gpus=1"]
    said = sweep.said().splitlines()
    assert said[0].startswith("measuring replicas in Slurm's queue")
    assert said[1].startswith("measuring whether replicas pay, at most ")
    # Its GPUs are only counted: the job sees that, and does not measure.
    assert "no replicas: JAX computes on the CPU there" in said
    assert sum(line.startswith("done") for line in said) == 3


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("--partition=nowhere", "invalid partition specified: nowhere"),
        ("--sbatch=constraint=fast", "Invalid feature specification"),
    ],
)
def test_what_slurm_refuses_is_told_in_its_words(slurm, tmp_path, word, why):
    words = ("--executor=slurm", word)
    with Sweep(tmp_path / "sweep", *words, environment=slurm.environment) as sweep:
        assert sweep.process.wait(timeout=100) == 2
    assert "Traceback" not in sweep.said()
    assert sweep.said().splitlines()[-1].startswith("sweep: Slurm does not take the")
    assert why in sweep.said()
