"""The table of executors, and what clusters say of the end of a job.

The clusters themselves are in tests/cluster/.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attnlab import runs
from attnlab.sweep import execute, executors, on_slurm
from attnlab.sweep.executors import make_executor
from attnlab.sweep.jobs import End, Refused, environment
from attnlab.sweep.local import Local


def test_the_default_is_this_machine(tmp_path):
    executor = make_executor("local", tmp_path, 3, {"cpus": None, "address": None})
    assert isinstance(executor, Local)
    assert executor.slots == executor.room == 3


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("slrum", {}, "unknown executor 'slrum'; choose local, slurm, ray"),
        (
            "local",
            {"cpus": 2},
            "--cpus is no option of --executor=local, which has none of its own",
        ),
        (
            "ray",
            {"partition": "gpu", "cpus": 2},
            "--partition is no option of --executor=ray, which has --address, --cpus, "
            "--gpus",
        ),
        (
            "slurm",
            {"address": "auto"},
            "--address is no option of --executor=slurm, which has --cpus, --gpus, "
            "--memory, --minutes, --partition, --account, --sbatch",
        ),
    ],
)
def test_what_an_executor_does_not_have_is_named(tmp_path, name, options, message):
    with pytest.raises(ValueError) as caught:
        make_executor(name, tmp_path, None, options)
    assert str(caught.value) == message


@pytest.mark.parametrize(("name", "package"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_package_is_named_with_its_extra(
    tmp_path, monkeypatch, name, package
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError) as caught:
        make_executor(name, tmp_path)
    assert str(caught.value) == (
        f"--executor={name} needs the package {package}: pip install 'attnlab[{name}]'"
    )


def test_the_table_needs_neither_jax_nor_a_cluster():
    code = (
        "import sys, attnlab.sweep.executors; "
        "print({'jax', 'ray', 'submitit'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
    assert list(executors.EXECUTORS) == ["local", "slurm", "ray"]


def test_every_run_has_its_number_of_threads_said():
    assert environment(None)["NPROC"] == "1"
    assert environment(None, 4)["NPROC"] == "4"
    assert "JAX_COMPILATION_CACHE_DIR" not in environment(None)


@pytest.mark.parametrize(
    ("state", "code", "more", "killed"),
    [
        ("COMPLETED", "0:0", "", False),
        ("FAILED", "1:0", ", exit code 1", False),
        ("FAILED", "137:0", ", signal SIGKILL", True),
        ("FAILED", "0:9", ", signal SIGKILL", True),
        ("FAILED", "255:0", ", exit code 255", False),
        ("CANCELLED", "0:0", "", False),
        ("OUT_OF_MEMORY", "0:0", ", too little memory (--memory gives it more)", True),
        ("NODE_FAIL", "0:0", "", True),
        ("TIMEOUT", "0:0", "", True),
    ],
)
def test_slurms_ends_are_told_and_those_from_outside_tried_again(
    state, code, more, killed
):
    how = f"Slurm state {state} of job 7_1{more}"
    assert on_slurm._end("7_1", state, code) == (how, killed)


def squeue(folder: Path, monkeypatch, script: str) -> None:
    (folder / "squeue").write_text("#!/bin/sh\n" + script)
    (folder / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_job_that_slurm_has_forgotten_is_over(tmp_path, monkeypatch):
    squeue(tmp_path, monkeypatch, "echo 7_0 RUNNING\n")
    assert on_slurm.ask(["7_0", "7_1"]) == {"7_0": "RUNNING", "7_1": "UNKNOWN"}
    squeue(tmp_path, monkeypatch, "echo error: Invalid job id specified >&2; exit 1\n")
    assert on_slurm.ask(["7_0"]) == {"7_0": "UNKNOWN"}


def test_a_controller_that_does_not_answer_is_asked_again_later(tmp_path, monkeypatch):
    squeue(tmp_path, monkeypatch, "echo Unable to contact slurm controller >&2; exit 1")
    assert on_slurm.ask(["7_0"]) == {}


def test_a_refusal_while_others_go_on_is_waited_out(tmp_path, monkeypatch):
    class Refusing:
        """Room for one job; the second is refused once."""

        slots, hardware, groups = 1, None, False

        def __init__(self):
            self.under_way, self.done, self.refused = [], [], 0

        @property
        def room(self):
            return 1

        def submit(self, jobs):
            if self.under_way and not self.refused:
                self.refused += 1
                raise Refused("the queue is full")
            self.under_way += jobs
            return ""

        def news(self):
            if len(self.under_way) == 2 or self.done:
                for job in self.under_way:
                    for folder in job.folders:
                        runs.write_json(folder / runs.RESULT, {"seconds": 0.0})
                    self.done.append(job)
                    yield job, End("exit code 0", False)
                self.under_way = []

        def at_work(self):
            return []

        def close(self):
            self.closed = True

    monkeypatch.setattr(execute, "ASK_SECONDS", 0.3)
    monkeypatch.setattr(execute, "POLL_SECONDS", 0.01)
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        runs.write_json(folder / runs.CONFIG, {})
    refusing, said = Refusing(), []
    execute.run_all(folders, refusing, log=said.append)
    assert said == ["the queue is full; asked again in 0 s"]
    assert refusing.closed and len(refusing.done) == 2

    class Never(Refusing):
        def submit(self, jobs):
            raise Refused("no such partition")

    (folders[0] / runs.RESULT).unlink()
    with pytest.raises(Refused, match="no such partition"):
        execute.run_all(folders, Never())
