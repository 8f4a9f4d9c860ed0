"""Sweeps on a real Slurm: kills, preemption, refusals, Ctrl-C."""

import pytest

from attnlab.sweep.jobs import LOG
from tests.cluster.conftest import wait_for
from tests.cluster.sweeps import Run, Sweep, differences, summary

pytestmark = pytest.mark.cluster


def job_of(run: Run) -> str:
    environment = run.environment()
    names = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
    return "_".join(environment[name] for name in names)


def test_a_killed_and_a_preempted_run_go_on_and_all_ends_as_on_this_machine(
    slurm, undisturbed, tmp_path
):
    workdir = tmp_path / "sweep"
    words = ("--executor=slurm", "--processes=2", "--retries=1")
    with Sweep(workdir, *words, environment=slurm.environment) as sweep:
        killed = sweep.learning("global-general/0")
        assert killed.environment()["NPROC"] == "1"
        before_kill = killed.kill()
        preempted = sweep.learning("local-p-general/0")
        job, process = job_of(preempted), preempted.process
        slurm("scancel", "--signal=USR2", job)
        wait_for(lambda: preempted.process != process, 60, "the preemption")
        before_preemption = preempted.learned()
        sweep.finish()
    print(sweep.said())
    assert killed.went_on(before_kill)
    assert preempted.went_on(before_preemption)
    assert differences(summary(workdir), undisturbed) == []
    again = [line for line in sweep.said().splitlines() if line.startswith("again")]
    assert len(again) == 1
    assert again[0].startswith("again   global-general/0  after Slurm state FAILED of")
    assert again[0].endswith("signal SIGKILL")
    log = (preempted.folder / LOG).read_text()
    assert "Caught signal SIGUSR2" in log and "this job is preempted" in log
