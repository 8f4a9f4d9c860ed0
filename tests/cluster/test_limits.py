"""Memory and time on a real Slurm: limits, a run that hangs, one that is suspended."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from attnlab import runs
from attnlab.runs import LOG
from tests.cluster.conftest import Slurm, wait_for
from tests.cluster.sweeps import ENOUGH, Run, Sweep, differences, summary

pytestmark = pytest.mark.cluster


def job_of(run: Run) -> str:
    """The Slurm job of a run, as "12_0"."""
    told = run.environment()
    return f"{told['SLURM_ARRAY_JOB_ID']}_{told['SLURM_ARRAY_TASK_ID']}"


def state(process: int) -> str:
    """The letter of a process: "T" where it is stopped (Linux)."""
    with open(f"/proc/{process}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_a_run_that_takes_more_memory_than_its_job_has_fails_alone(slurm, tmp_path):
    workdir = tmp_path / "sweep"
    words = ("--executor=slurm", "--memory=1.5", "--retries=1")
    with Sweep(
        workdir, *words, environment=slurm.environment, config="tests/cluster/hungry.py"
    ) as sweep:
        assert sweep.process.wait(timeout=ENOUGH) == 1
    print(sweep.said())
    assert (workdir / "small/0" / runs.RESULT).exists()
    error = runs.read_json(workdir / "large/0" / runs.ERROR)["error"]
    words = "too little memory (--memory gives it more)"
    assert error.startswith("the process ended with Slurm state")
    assert error.endswith(f"{words}; see {LOG}")
    again = [line for line in sweep.said().splitlines() if line.startswith("again")]
    assert len(again) == 1 and again[0].startswith("again   large/0  after Slurm")
    assert "Traceback" not in sweep.said()


def sweep_of_three(
    slurm: Slurm,
    workdir: Path,
    undisturbed: list[dict[str, str]],
    disturb: dict[int, Callable[[Run, int], None]],
    *words: str,
) -> list[str]:
    """A sweep of the row global, some seeds of which are disturbed once they have
    learned, by a function of the run and its process.

    They have to go on from there, to the numbers of this machine. The lines that the
    sweep said.
    """
    words = ("--executor=slurm", "--processes=2", "--only=global", *words)
    with Sweep(workdir, *words, environment=slurm.environment) as sweep:
        disturbed = []
        for seed, function in disturb.items():
            run = sweep.learning(f"global-general/{seed}")
            process = run.process
            assert process
            function(run, process)
            disturbed.append((run, run.learned()))
        sweep.finish()
    print(sweep.said())
    assert all(run.went_on(before) for run, before in disturbed)
    wanted = [line for line in undisturbed if line["row"] == "global (general)"]
    assert differences(summary(workdir), wanted) == []
    return sweep.said().splitlines()


def test_a_run_whose_time_is_up_goes_on_in_another_job(slurm, undisturbed, tmp_path):
    def end_its_time(run: Run, process: int) -> None:
        os.kill(process, signal.SIGSTOP)  # so that it is not done before
        slurm("scontrol", "update", f"JobId={job_of(run)}", "TimeLimit=1")
        wait_for(lambda: run.process != process, 150, "the end of its minute")

    lines = sweep_of_three(
        slurm, tmp_path / "sweep", undisturbed, {1: end_its_time}, "--retries=0"
    )
    # Warned before the end of its time it queues anew: no try is lost.
    assert not [line for line in lines if line.startswith(("again", "FAILED"))]


def test_a_suspended_run_is_waited_for_and_one_that_hangs_is_ended(
    slurm, undisturbed, tmp_path
):
    def suspend(run: Run, process: int) -> None:
        job = job_of(run)
        slurm("scontrol", "suspend", job)
        wait_for(lambda: state(process) == "T", 20, "the suspension")
        time.sleep(8)  # until the sweep has asked for its state
        assert run.process == process
        slurm("scontrol", "resume", job)

    def hang(run: Run, process: int) -> None:
        os.kill(process, signal.SIGSTOP)

    words = ("--retries=1", "--silence=1")
    disturb = {1: hang, 0: suspend}  # in this order, before either is done
    lines = sweep_of_three(slurm, tmp_path / "sweep", undisturbed, disturb, *words)
    said = [line for line in lines if line.startswith(("again", "FAILED"))]
    assert said == ["again   global-general/1  after no progress for 1 min"]
