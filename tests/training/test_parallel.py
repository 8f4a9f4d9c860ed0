"""Data parallel training gives the numbers of one device, by every strategy."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab import tasks as named
from attnlab.settings import TrainSettings
from attnlab.sweep import rows, run_folders
from attnlab.training import parallel
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.run import learned_fingerprint, run
from benchmarks.hlo import exchanged, size
from tests.tiny import plan, tiny_config, tiny_folder
from tests.training.test_loop import toy

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 500.0  # seconds that a process may take
TIMES = ("seconds", "tokens_per_second", "seconds_per_step")


TOYS = [f"{way}/{kind}" for kind in ("toy", "noise", "replicas")
        for way in ("alone", *parallel.STRATEGIES)]  # fmt: skip
MUTANTS = ["pmap/mutant", "shard_map/mutant"]  # jit has nothing to divide wrongly


def computed_by_eight(file: Path, names) -> dict[str, np.ndarray]:
    """What `tests.training.spread` computes on eight devices of another process."""
    count = "--xla_force_host_platform_device_count"
    flags = os.environ["XLA_FLAGS"].replace(f"{count}=2", f"{count}=8")
    subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "tests.training.spread",
            str(file),
            *names,
        ],
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": flags},
        timeout=PATIENCE,
        check=True,
    )
    with np.load(file) as found:
        return dict(found)


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """Toys of all kinds, by every strategy, and a model that translates."""
    models = ["alone/translation", "shard_map/translation"]
    file = tmp_path_factory.mktemp("spread") / "arrays.npz"
    return computed_by_eight(file, TOYS + MUTANTS + models)


def part(computed, name: str) -> dict[str, np.ndarray]:
    """The arrays below a name, which is dropped from theirs."""
    found = {k: v for k, v in computed.items() if k.startswith(f"{name}/")}
    assert found, f"nothing of {name} was computed"
    return {k.removeprefix(f"{name}/"): v for k, v in found.items()}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, array in found.items():
        np.testing.assert_allclose(
            array, expected[name], rtol=1e-4, atol=1e-5, err_msg=name
        )


def assert_one_device_does_the_same(computed, strategy: str, kind: str) -> None:
    found, alone = (part(computed, f"{way}/{kind}") for way in (strategy, "alone"))
    assert_equal(found, alone)
    assert (found["tokens"].sum(axis=0) > 0).all()
    assert not np.allclose(alone["loss"][0], alone["loss"][-1], rtol=0.01)  # it moved


@pytest.mark.parametrize("strategy", parallel.STRATEGIES)
@pytest.mark.parametrize("kind", ["toy", "replicas"])
def test_eight_devices_do_what_one_does_by_sgd(computed, strategy, kind):
    assert_one_device_does_the_same(computed, strategy, kind)


def test_a_model_that_translates_learns_the_same_on_eight_devices(computed):
    assert_one_device_does_the_same(computed, "shard_map", "translation")


@pytest.mark.slow
def test_so_it_does_by_the_other_strategies_and_by_jit_with_dropout_too(tmp_path):
    pairs = [("jit", "translation"), ("pmap", "translation"), ("jit", "dropout")]
    names = [
        f"{way}/{kind}" for pair in pairs for way, kind in (pair, ("alone", pair[1]))
    ]
    found = computed_by_eight(tmp_path / "arrays.npz", dict.fromkeys(names))
    for strategy, kind in pairs:
        assert_one_device_does_the_same(found, strategy, kind)


@pytest.mark.parametrize("strategy", ["pmap", "shard_map"])
def test_a_mean_of_means_is_another_update(computed, strategy):
    wrong, right = part(computed, f"{strategy}/mutant"), part(computed, "alone/toy")
    np.testing.assert_allclose(wrong["loss"][0], right["loss"][0], rtol=1e-5)
    assert not np.allclose(wrong["params/w"], right["params/w"], rtol=0.01)
    assert not np.allclose(  # the state of one device, not of all
        wrong["estimator_state/average/mean"],
        right["estimator_state/average/mean"],
        rtol=0.01,
    )


def test_noise_is_that_of_one_device_by_jit_and_each_devices_own_by_the_others(
    computed,
):
    alone, jit, pmap, shard_map = (
        part(computed, f"{name}/noise")
        for name in ("alone", "jit", "pmap", "shard_map")
    )
    assert_equal(jit, alone)
    assert_equal(pmap, shard_map)
    assert not np.allclose(pmap["loss"], alone["loss"], rtol=1e-3)
    np.testing.assert_array_equal(pmap["tokens"], alone["tokens"])


class BudgetSettings(TrainSettings):
    """Of batches whose rows are as many as fit."""

    @property
    def rows(self) -> None:
        return None


def layout(kind=TrainSettings, **settings) -> parallel.Layout:
    return parallel.layout_of(kind(**settings))


def test_settings_that_cannot_be_are_named_with_the_choices():
    here = len(jax.local_devices())
    assert here == 2  # tests/conftest.py
    for wrong in (3, 8):  # others are no numbers of devices: see test_optimizers.py
        with pytest.raises(ValueError, match=f"train.devices is {wrong}.* 2 .*'all'"):
            layout(devices=wrong)
    with pytest.raises(ValueError, match="train.batch_size is 9, which 2 devices .*"):
        layout(devices=2, batch_size=9)
    layout(BudgetSettings, devices=2, batch_size=9)
    assert len(layout(devices="all").devices) == 2
    assert layout().alone and layout(devices=1, strategy="jit").alone
    assert not layout(strategy="pmap").alone


@pytest.mark.parametrize(
    ("platform", "devices", "strategy"),
    [
        ("cpu", 1, "jit"),
        ("cpu", "all", "jit"),
        ("gpu", 1, "jit"),
        ("gpu", "all", "shard_map"),
        ("tpu", "all", "shard_map"),
    ],
)
def test_several_accelerators_exchange_once_by_default(
    monkeypatch, platform, devices, strategy
):
    class Accelerator(NamedTuple):
        platform: str
        process_index: int = 0

    monkeypatch.setattr(jax, "devices", lambda: [Accelerator(platform)] * 4)
    assert layout(devices=devices).strategy == strategy
    assert layout(devices="all", strategy="jit").strategy == "jit"


@pytest.mark.parametrize("strategy", parallel.STRATEGIES)
def test_rows_that_devices_cannot_share_are_refused(strategy):
    from tests.training.spread import toy_batch, toy_task

    parallel_update = parallel.parallel_update(
        lambda axis_name: lambda state, batch: (state, None),
        layout(devices=2, strategy=strategy),
        shared=toy_task().shared,
    )
    odd = jax.tree.map(lambda rows: rows[:3], toy_batch(0))
    with pytest.raises(
        ValueError,
        match="number of a batch's rows is 3, which 2 .* multiple of 2, or 1",
    ):
        parallel_update.update({}, odd)


def test_devices_and_strategy_do_not_change_what_is_learned():
    config = tiny_config()
    other = tiny_config(**{"train.devices": "all", "train.strategy": "pmap"})
    assert learned_fingerprint(config) == learned_fingerprint(other)
    old = json.loads(json.dumps(config))
    del old["train"]["devices"], old["train"]["strategy"]  # a folder of before
    assert learned_fingerprint(config) == learned_fingerprint(old)


def test_a_run_under_way_may_move_to_other_devices_but_not_learn_at_another_rate(
    tmp_path, monkeypatch
):
    folder = tiny_folder(tmp_path)
    monkeypatch.setattr(run_folders, "_learned", lambda folder: True)
    rows.write_folders(plan(**{"train.devices": 2, "train.strategy": "pmap"}), tmp_path)
    assert runs.read_json(folder / runs.CONFIG)["train"]["devices"] == 2
    with pytest.raises(ValueError, match="learning_rate was 0.002, is now 0.5"):
        rows.write_folders(plan(**{"train.learning_rate": 0.5}), tmp_path)


def test_only_one_file_says_how_devices_are_programmed():
    words = ("jax.pmap", "jax.shard_map", "NamedSharding", "axis_index_groups")
    code = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "attnlab").rglob("*.py")
    }
    users = {name for name, text in code.items() if any(word in text for word in words)}
    assert users == {"attnlab/training/parallel.py"}


def test_the_bytes_of_a_program_count_what_its_loops_repeat():
    program = """\
%add (a: f32[], b: f32[]) -> f32[] {
  ROOT %r = f32[] add(%a, %b)
}
%body (p: (s32[], f32[4])) -> (s32[], f32[4]) {
  %x = f32[4]{0} all-reduce(%q), to_apply=%add
}
%cond (p: (s32[], f32[4])) -> pred[] {
  ROOT %c = pred[] compare(%i, %n), direction=LT
}
ENTRY %main (p: f32[4]) -> f32[4] {
  %w = (s32[], f32[4]) while(%t), condition=%cond, body=%body, known={TRIPS}
  %y = (f32[2,8]{1,0}, bf16[3]{0}) all-gather(%a, %b), dimensions={0}
}
"""
    program = program.replace("TRIPS", '"known_trip_count":{"n":"12"}')
    assert exchanged(program) == {"all-reduce": 12 * 16, "all-gather": 70}
    assert size("(f32[2,8]{1,0}, pred[3])") == 67
    unknown = program.replace("known_trip_count", "guessed")
    assert exchanged(unknown)["all-reduce"] == 16
    assert exchanged(unknown)["unknown loops"] == 1


# Two processes on this machine.

SETTINGS = {
    "train.optimizer": "sgd",
    "train.learning_rate": 0.01,
    "train.steps": 400,
    "train.evaluate_every": 100,
}


def start(folder: Path) -> list[subprocess.Popen]:
    """Two processes of a run, each with one device of its own."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "tests.training.joined", str(folder), "--quiet"]
    told = [f"--coordinator=127.0.0.1:{port}", "--processes=2"]
    flags = os.environ["XLA_FLAGS"].replace("device_count=2", "device_count=1")
    return [
        subprocess.Popen(
            [*command, *told, f"--process={process}"],
            cwd=ROOT,
            env=os.environ | {"XLA_FLAGS": flags},
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]


def end(group: list[subprocess.Popen]) -> list[tuple[int, str]]:
    """The exit status of each, and what it said on stderr."""
    try:
        said = [process.communicate(timeout=PATIENCE)[1] for process in group]
    finally:
        for process in group:
            process.kill()
    return [(own.returncode, text) for own, text in zip(group, said, strict=True)]


def wait_for_step(group: list[subprocess.Popen], folder: Path, step: int) -> None:
    line = f'{{"step": {step}, "kind": "train"'.encode()
    log, deadline = folder / runs.METRICS, time.monotonic() + PATIENCE
    while not (log.exists() and line in log.read_bytes()):
        if [process.poll() for process in group] != [None, None]:
            pytest.fail(f"they ended early: {end(group)}")
        assert time.monotonic() < deadline, "they never came so far"
        time.sleep(0.002)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Folders of one configuration: by one process, and by two, killed on the way."""
    root = tmp_path_factory.mktemp("processes")
    alone, both = (tiny_folder(root / name, **SETTINGS) for name in ("a", "b"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(named, "make_task", lambda *_: toy())
        run(alone, console=False)
    group = start(both)
    try:
        wait_for_step(group, both, 150)
        group[0].kill()  # the first one; the other one cannot go on without it
    finally:
        ends = end(group)
    assert ends[0][0] == -signal.SIGKILL
    assert ends[1][0] not in (0, -signal.SIGKILL)
    assert not (both / runs.RESULT).exists()
    assert [status for status, _ in end(start(both))] == [0, 0]
    return alone, both


@pytest.mark.processes
def test_two_processes_killed_and_resumed_reach_the_numbers_of_one(pair):
    alone, both = (runs.read_json(folder / runs.RESULT) for folder in pair)
    assert alone.keys() == both.keys()
    assert alone["best_step"] == both["best_step"] and both["steps"] == 400
    lines = [runs.read_jsonl(folder / runs.METRICS) for folder in pair]
    for one, two in zip(*lines, strict=True):
        assert one.keys() == two.keys()
        for name in one.keys() - {"kind", *TIMES}:
            np.testing.assert_allclose(one[name], two[name], rtol=1e-4, err_msg=name)
    saved = [Checkpoints(folder / runs.CHECKPOINTS) for folder in pair]
    assert saved[0].latest_step == saved[1].latest_step == 400
    assert saved[0].best_step == saved[1].best_step


@pytest.mark.processes
def test_the_environment_says_who_trained(pair):
    alone, both = (runs.read_json(folder / runs.ENVIRONMENT) for folder in pair)
    names = ("devices", "strategy", "processes")
    assert [alone[name] for name in names] == [1, "jit", 1]
    assert [both[name] for name in names] == [2, "jit", 2]


@pytest.mark.processes
def test_what_goes_wrong_on_the_first_process_ends_all(tmp_path):
    folder = tiny_folder(tmp_path, **SETTINGS | {"train.batch_size": 7})
    (first, said), (second, heard) = end(start(folder))
    assert (first, second) == (1, 1)
    assert "train.batch_size is 7, which 2 devices cannot share" in said
    assert "LeaderFailed: the first process failed: ValueError: train.batch" in heard
    assert "batch_size is 7" in runs.read_json(folder / runs.ERROR)["error"]
