"""Which runs may share a program, in what pieces, and what is known of the gain."""

import math
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import pytest

from attnlab import runs
from attnlab import tasks as named
from attnlab.sweep import replica_groups, rows
from attnlab.sweep.local import hardware
from attnlab.sweep.replica_groups import Decision
from tests.tiny import plan
from tests.training.test_loop import toy

CPU = Decision("cpu", True, 4, 0.97)
GPU = Decision("NVIDIA H100", False, 4, 3.2)


def folders_of(sweep, root: Path) -> list[Path]:
    return rows.write_folders(plan(sweep), root)


def test_runs_are_grouped_by_all_but_seed_rate_and_what_is_decided_outside(tmp_path):
    def sweep(add):
        for seed in range(2):
            add("dot", score="dot", encoder_hidden=4, seed=seed)
            add("general", seed=seed)
            add("general, fast", seed=seed, learning_rate=0.1, patience=2)
        add("local", window="local-m")

    found = replica_groups.grouped(folders_of(sweep, tmp_path))
    names = [[str(f.relative_to(tmp_path)) for f in group] for group in found]
    assert names == [
        ["dot/0", "dot/1"],
        ["general/0", "general-fast/0", "general/1", "general-fast/1"],
        ["local/0"],
    ]


@pytest.mark.parametrize(
    ("cpu", "processes", "sizes"),
    [
        (False, 16, [8, 2, 3]),  # an accelerator takes as many as are allowed
        (True, 2, [7, 3, 3]),  # 13 runs: each core has a program
        (True, 16, [1] * 13),
        (True, 1, [8, 2, 3]),
    ],
)
def test_groups_are_cut_so_that_every_core_has_work(cpu, processes, sizes):
    alike = [[Path(f"a/{k}") for k in range(10)], [Path(f"b/{k}") for k in range(3)]]
    found = replica_groups.programs(alike, cpu, processes)
    assert [len(piece) for piece in found] == sizes
    assert sum(found, []) == sum(alike, [])


def test_a_decision_is_for_the_hardware_it_was_made_on(tmp_path, monkeypatch):
    here = hardware()
    assert replica_groups.recall(tmp_path, here) is None
    replica_groups.remember(tmp_path, here, CPU)
    assert replica_groups.recall(tmp_path, here) == CPU
    monkeypatch.setenv("JAX_PLATFORMS", "elsewhere")
    there = hardware()
    assert replica_groups.recall(tmp_path, there) is None
    replica_groups.remember(tmp_path, there, GPU)
    assert replica_groups.recall(tmp_path, there) == GPU
    assert replica_groups.recall(tmp_path, here) == CPU
    (tmp_path / replica_groups.DECISIONS).write_text("{")
    assert replica_groups.recall(tmp_path, here) is None


def test_replicas_pay_only_beyond_the_noise():
    assert not CPU._replace(gain=replica_groups.GAIN - 0.01).pays
    assert CPU._replace(gain=replica_groups.GAIN).pays


class Accelerator(NamedTuple):
    """What the measurement looks at of a device."""

    platform: str = "gpu"
    device_kind: str = "H100"


@pytest.fixture
def alike(tmp_path, monkeypatch) -> list[Path]:
    """Six runs that may be replicas; JAX seems to compute on an accelerator."""

    def sweep(add):
        for seed in range(6):
            add("general", seed=seed)

    monkeypatch.setattr(jax, "devices", lambda: [Accelerator()])
    return folders_of(sweep, tmp_path / "sweep")


def measured(cache: Path, folders: list[Path], seconds: str) -> Decision | None:
    arguments = [str(cache), "here", seconds, *map(str, folders)]
    assert replica_groups.main(arguments) == 0
    return replica_groups.recall(cache, "here")


def test_on_a_cpu_the_measuring_process_stops_at_once(tmp_path, alike, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda: [Accelerator("cpu", "cpu")])
    monkeypatch.setattr(named, "make_task", lambda *_: pytest.fail("it reads data"))
    decision = measured(tmp_path / "cache", alike, "60")
    assert decision == ("cpu", True, replica_groups.MEASURED, 0.0)
    assert not decision.pays


SLOW = """
import ctypes, pathlib, sys, time
from attnlab.sweep import replica_groups
replica_groups.read_run_config(pathlib.Path(sys.argv[-1]))  # imports what it needs
replica_groups.GRACE = float(sys.argv.pop(1))
hang = {"thread": time.sleep, "driver": ctypes.PyDLL(None).sleep}[sys.argv.pop(1)]
replica_groups.measure = lambda *_: hang(60)
sys.exit(replica_groups.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("how", "stored"), [("thread", True), ("driver", False)])
def test_a_measurement_ends_itself_in_time(tmp_path, alike, how, stored):
    # A driver that hangs can keep all threads of Python from running.
    words = [sys.executable, "-c", SLOW, "0.5", how, str(tmp_path), "here", "0.5"]
    done = subprocess.run(
        [*words, *map(str, alike)], capture_output=True, text=True, timeout=50
    )
    decision = replica_groups.recall(tmp_path, "here")
    if stored:
        assert done.returncode == 0, done.stderr
        assert "not measured within 0.5 s" in done.stderr
        assert decision is not None and not decision.pays and not decision.cpu
        line = replica_groups.reason([alike], decision)
        assert line == "no replicas: they were not measured within 60 s"
    else:
        assert done.returncode == 1 and "Timeout" in done.stderr
        assert decision is None


def test_measuring_writes_the_decision_and_leaves_the_run_alone(
    tmp_path, alike, monkeypatch
):
    def maker(settings, folder):
        del settings
        (folder / "vocabulary").touch()  # as a real task does
        return toy()

    monkeypatch.setattr(named, "make_task", maker)
    decision = measured(tmp_path / "cache", alike, "600")
    assert decision is not None
    assert decision[:3] == ("H100", False, replica_groups.MEASURED)
    assert math.isfinite(decision.gain) and decision.gain > 0
    assert [path.name for path in alike[0].iterdir()] == [runs.CONFIG]
