"""Which runs may share a program, in what pieces, and what is known of the gain."""

import math
from pathlib import Path

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
    ("decision", "processes", "sizes"),
    [
        (GPU, 16, [8, 2, 3]),  # an accelerator takes as many as are allowed
        (CPU, 2, [7, 3, 3]),  # 13 runs: each core has a program
        (CPU, 16, [1] * 13),
        (CPU, 1, [8, 2, 3]),
    ],
)
def test_groups_are_cut_so_that_every_core_has_work(decision, processes, sizes):
    alike = [[Path(f"a/{k}") for k in range(10)], [Path(f"b/{k}") for k in range(3)]]
    found = replica_groups.programs(alike, decision, processes)
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


def test_measuring_writes_the_decision_and_leaves_the_run_alone(tmp_path, monkeypatch):
    def maker(settings, folder):
        del settings
        (folder / "vocabulary").touch()  # as a real task does
        return toy()

    def sweep(add):
        for seed in range(6):
            add("general", seed=seed)

    monkeypatch.setattr(named, "make_task", maker)
    folders = folders_of(sweep, tmp_path / "sweep")
    assert (
        replica_groups.main([str(tmp_path / "cache"), "a GPU", *map(str, folders)]) == 0
    )
    decision = replica_groups.recall(tmp_path / "cache", "a GPU")
    assert decision is not None
    assert (decision.cpu, decision.replicas) == (True, replica_groups.MEASURED)
    assert math.isfinite(decision.gain) and decision.gain > 0
    assert [path.name for path in folders[0].iterdir()] == [runs.CONFIG]
