"""Checkpoints: round trips, what is kept, and every kind of damage."""

import json
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from attnlab.training import checkpoint_tree
from attnlab.training.checkpoint import BEGUN, Checkpoints

ROOT = Path(__file__).resolve().parents[2]  # from where `import attnlab` works


class State(NamedTuple):
    params: Any
    optimizer: Any
    step: Any
    rng: Any
    carry: Any


def make_state(fill: float = 0.0, width: int = 3) -> State:
    params = {
        "attention": {
            "w": jnp.full((2, width), fill, jnp.float32),
            "b": jnp.full(width, fill, jnp.float32),
        },
        "embedding": jnp.full((4,), fill, jnp.bfloat16),
    }
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
    return State(
        params, optimizer.init(params), jnp.int32(fill), jax.random.key(int(fill)), ()
    )


def assert_equal(left: Any, right: Any) -> None:
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for one, two in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert type(one) is type(two)
        if hasattr(one, "dtype"):
            assert one.dtype == two.dtype
            assert one.shape == two.shape
            if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
                one, two = jax.random.key_data(one), jax.random.key_data(two)
        np.testing.assert_array_equal(one, two)


def data_files(folder: Path, step: int) -> list[Path]:
    """Files that hold arrays, the largest first."""
    files = [path for path in (folder / str(step)).rglob("d/*") if path.is_file()]
    return sorted(files, key=lambda path: path.stat().st_size, reverse=True)


def steps_in(folder: Path) -> list[int]:
    """Steps that have both data and manifest; only the list of steps is beside them."""
    names = sorted(path.name for path in folder.iterdir() if path.name != BEGUN)
    steps = sorted(int(name) for name in names if name.isdecimal())
    assert names == sorted(
        [str(step) for step in steps] + [f"{step}.manifest.json" for step in steps]
    )
    return steps


def test_an_empty_folder_restores_nothing(tmp_path):
    checkpoints = Checkpoints(tmp_path / "none")
    assert checkpoints.restore(make_state()) is None
    assert checkpoints.restore_best(make_state()) is None
    assert checkpoints.latest_step is None
    assert checkpoints.best_step is None
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("abstract", [False, True])
def test_restores_the_state_it_saved(tmp_path, abstract):
    state = make_state(3.0)
    extra = {"cursor": 7, "best": -math.inf, "history": [0.5, 1], "name": "größer"}
    Checkpoints(tmp_path).save(3, state, extra, metric=1.0)
    template = jax.eval_shape(make_state) if abstract else make_state()
    restored = Checkpoints(tmp_path).restore(template)
    assert restored is not None
    assert_equal(restored.state, state)
    assert (restored.extra, restored.step) == (extra, 3)
    # Uncommitted as a fresh state is: no new compilation, any device.
    assert not any(leaf.committed for leaf in jax.tree.leaves(restored.state))


def test_leaves_keep_their_kind(tmp_path):
    state = {
        "python": [3, 2.5, True],
        "numpy": np.arange(3, dtype=np.int64),
        "scalar": np.float32(0.1),
        "double": np.float64(0.1),
        "nothing": None,
        "empty": np.zeros((0, 3), np.float16),
        "empty_jax": jnp.zeros((2, 0)),
        "keys": jax.random.split(jax.random.key(1), 3),
        "rbg": jax.random.key(2, impl="rbg"),
        "a/b": jnp.ones(()),
    }
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(0, state, {"mean": np.float32(0.5), "counts": jnp.arange(2)})
    restored = checkpoints.restore(state)
    assert restored is not None
    assert_equal(restored.state, state)
    assert restored.extra == {"mean": 0.5, "counts": [0, 1]}


def test_a_resumed_run_continues_bit_for_bit(tmp_path):
    optimizer = optax.adam(1e-2)

    @jax.jit
    def update(state):
        noise = jax.random.normal(jax.random.fold_in(state.rng, state.step), (2, 3))

        def loss(params):
            return jnp.sum((params["w"] - noise) ** 2)

        gradients = jax.grad(loss)(state.params)
        updates, moments = optimizer.update(gradients, state.optimizer)
        params = optax.apply_updates(state.params, updates)
        return state._replace(params=params, optimizer=moments, step=state.step + 1)

    params = {"w": jnp.zeros((2, 3))}
    rng = jax.random.key(5)
    state = State(params, optimizer.init(params), jnp.int32(0), rng, ())
    for _ in range(3):
        state = update(state)
    Checkpoints(tmp_path).save(3, state)
    restored = Checkpoints(tmp_path).restore(state)
    assert restored is not None
    resumed, compiled = restored.state, update._cache_size()
    for _ in range(3):
        state, resumed = update(state), update(resumed)
    assert_equal(resumed, state)
    assert update._cache_size() == compiled


def test_a_checkpoint_whose_keys_orbax_saved_itself_still_restores(
    tmp_path, monkeypatch
):
    state = make_state(7)
    with monkeypatch.context() as before:
        before.setattr(checkpoint_tree, "stored", lambda leaf: leaf)
        before.setattr(checkpoint_tree, "is_key", lambda leaf: False)
        Checkpoints(tmp_path).save(1, state)
    restored = Checkpoints(tmp_path).restore(make_state())
    assert restored is not None
    assert_equal(restored.state, state)


def test_a_state_on_two_devices_restores_on_one_and_back(tmp_path):
    mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    both = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    one = {"w": jnp.arange(6.0), "rng": jax.random.key(0)}
    two = jax.device_put(one, both)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, two)
    restored = checkpoints.restore(one)
    assert restored is not None
    assert_equal(restored.state, one)
    restored = checkpoints.restore(two)
    assert restored is not None
    assert_equal(restored.state, two)
    assert restored.state["w"].sharding == both


def test_saving_leaves_no_thread_and_keeps_the_log_level(tmp_path):
    logger, before = logging.getLogger("absl"), set(threading.enumerate())
    level = logger.level
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, make_state())
    checkpoints.restore(make_state())
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=60)  # Orbax tells its own to end, and does not wait
    assert set(threading.enumerate()) <= before
    assert logger.level == level


# What is kept.


def test_keeps_the_last_two_and_the_best(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step, metric in [(1, 9.0), (2, 3.0), (3, 5.0), (4, 1.0)]:
        checkpoints.save(step, make_state(step), metric=metric)
    assert steps_in(tmp_path) == [1, 3, 4]
    reopened = Checkpoints(tmp_path)
    assert (reopened.latest_step, reopened.best_step) == (4, 1)
    latest, best = (
        reopened.restore(make_state()),
        reopened.restore_best(make_state()),
    )
    assert latest is not None and best is not None
    assert_equal(latest.state, make_state(4))
    assert_equal(best.state, make_state(1))


def test_the_worst_is_kept_when_it_is_the_newest(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep_last=1)
    checkpoints.save(1, make_state(1), metric=9.0)
    checkpoints.save(2, make_state(2), metric=1.0)
    assert steps_in(tmp_path) == [1, 2]
    assert (checkpoints.latest_step, checkpoints.best_step) == (2, 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, np.float32("nan"), None])
def test_a_metric_that_is_no_number_never_wins(tmp_path, bad):
    checkpoints = Checkpoints(tmp_path)
    for step, metric in enumerate([bad, 9.0, bad, 5.0, 1.0], 1):
        checkpoints.save(step, {"w": jnp.ones(1)}, metric=metric)
    assert steps_in(tmp_path) == [2, 4, 5]
    assert Checkpoints(tmp_path).best_step == 2


def test_without_metrics_the_newest_is_the_best(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.save(step, {"w": jnp.ones(1)})
    assert steps_in(tmp_path) == [2, 3]
    assert checkpoints.best_step == 3


# Saves that cannot be.


def test_steps_have_to_grow(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(2, {"w": jnp.ones(1)})
    for step in (2, 1):
        with pytest.raises(ValueError, match=r"already holds step 2"):
            checkpoints.save(step, {"w": jnp.zeros(1)})
    assert steps_in(tmp_path) == [2]


def test_a_save_that_orbax_declines_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(ocp.CheckpointManager, "save", lambda *_, **__: False)
    with pytest.raises(RuntimeError, match="did not save step 1"):
        Checkpoints(tmp_path).save(1, {"w": jnp.ones(1)})
    assert Checkpoints(tmp_path).latest_step is None


@pytest.mark.parametrize(
    "state, message",
    [
        ({"w": jnp.ones(1), "name": "x"}, "'name' of the state is a str"),
        ({"w": jnp.ones(1), "name": np.array(["x"])}, "'name' of the state"),
        ({"a/b": jnp.ones(1), "a": {"b": jnp.ones(1)}}, "two leaves .* 'a/b'"),
        ({}, "no arrays"),
    ],
)
def test_states_that_cannot_be_saved(tmp_path, state, message):
    with pytest.raises(ValueError, match=message):
        Checkpoints(tmp_path).save(1, state)
    assert not list(tmp_path.iterdir())


def test_extra_has_to_be_json(tmp_path):
    with pytest.raises(TypeError, match="extra holds a set"):
        Checkpoints(tmp_path).save(1, {"w": jnp.ones(1)}, {"x": {1}})


# States that do not fit.


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda state: state | {"w": jnp.ones(3, jnp.bfloat16)},
            r"w is float32\[3\] and has to be bfloat16\[3\]",
        ),
        (
            lambda state: state | {"w": jnp.ones(4)},
            r"w is float32\[3\] and has to be float32\[4\]",
        ),
        (lambda state: state | {"v": jnp.ones(3)}, "v is missing"),
        (lambda state: {"w": state["w"]}, "n is not in this state"),
        (lambda state: state | {"n": 3}, r"n is int32\[\] and has to be int"),
        (
            lambda state: state | {"n": jnp.uint32(3)},
            r"n is int32\[\] and has to be uint32\[\]",
        ),
    ],
)
def test_another_state_is_refused(tmp_path, change, message):
    state = {"w": jnp.ones(3), "n": jnp.int32(3)}
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state)
    with pytest.raises(ValueError, match=message):
        checkpoints.restore(change(state))
    with pytest.raises(ValueError, match=message):
        checkpoints.restore_best(change(state))


def test_another_configuration_is_refused(tmp_path):
    Checkpoints(tmp_path, fingerprint="aaa").save(1, {"w": jnp.ones(3)})
    with pytest.raises(ValueError, match="config.json has .fingerprint aaa, not bbb"):
        Checkpoints(tmp_path, fingerprint="bbb").restore({"w": jnp.ones(3)})


# Damage.


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink], ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "name",
    [
        "data",
        "2/state/_METADATA",
        "2/state/manifest.ocdbt",
        "2/extra/metadata",
        "2/_CHECKPOINT_METADATA",
        "2.manifest.json",
    ],
)
def test_a_damaged_newest_step_is_left_out(tmp_path, damage, name):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(step, make_state(step), {"cursor": step}, metric=step)
    file = data_files(tmp_path, 2)[0] if name == "data" else tmp_path / name
    damage(file)

    reopened = Checkpoints(tmp_path)
    finished = damage is not Path.unlink or name != "2.manifest.json"
    named = str(file) if finished else str(tmp_path / "2")
    with pytest.warns(RuntimeWarning, match=f"step 2 is left out: {named} "):
        restored = reopened.restore(make_state())
    assert restored is not None
    assert restored.step == 1
    assert restored.extra == {"cursor": 1}
    assert_equal(restored.state, make_state(1))
    # The run goes on from step 1: the damaged step is in nobody's way, or kept.
    reopened.save(2, make_state(2), metric=0.0)
    assert steps_in(tmp_path) == [1, 2]
    restored = Checkpoints(tmp_path).restore(make_state())
    assert restored is not None
    assert_equal(restored.state, make_state(2))


def test_a_damaged_best_step_gives_the_next_best(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step, metric in [(1, 9.0), (2, 5.0), (3, 1.0)]:
        checkpoints.save(step, make_state(step), metric=metric)
    flip(data_files(tmp_path, 1)[0])
    with pytest.warns(RuntimeWarning, match="step 1 is left out"):
        restored = checkpoints.restore_best(make_state())
    assert restored is not None
    assert restored.step == 2


def test_nothing_is_left_when_all_is_damaged(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(step, {"w": jnp.ones(3)})
        flip(data_files(tmp_path, step)[0])
    with pytest.warns(RuntimeWarning) as caught:
        assert checkpoints.restore({"w": jnp.ones(3)}) is None
    assert len(caught) == 2


def test_reading_changes_nothing(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(step, {"w": jnp.ones(3)})
    flip(data_files(tmp_path, 2)[0])
    (tmp_path / "3.orbax-checkpoint-tmp").mkdir()

    def content():
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in files}

    before = content()
    with pytest.warns(RuntimeWarning, match="step 2"):
        Checkpoints(tmp_path).restore({"w": jnp.ones(3)})
    assert content() == before
    assert (tmp_path / "3.orbax-checkpoint-tmp").is_dir()


def test_leftovers_are_cleared_by_the_next_save(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"w": jnp.ones(3)})
    (tmp_path / "2.orbax-checkpoint-tmp" / "state").mkdir(parents=True)
    (tmp_path / ".2.manifest.json.123.tmp").write_text("{")
    (tmp_path / "0.manifest.json").write_text("{}")
    others = [tmp_path / "web.manifest.json", tmp_path / ".web.manifest.json.1.tmp"]
    for path in others:
        path.write_text("{}")
    reopened = Checkpoints(tmp_path)
    restored = reopened.restore({"w": jnp.zeros(3)})
    assert restored is not None
    assert restored.step == 1
    reopened.save(2, {"w": jnp.ones(3)})
    for path in others:
        path.unlink()  # they were left alone
    assert steps_in(tmp_path) == [1, 2]


def test_a_folder_that_is_removed_under_a_save_stays_so(tmp_path, monkeypatch):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    checkpoints = Checkpoints(run / "checkpoints")
    checkpoints.save(1, {"w": jnp.ones(3)})
    write = Checkpoints._write

    def remove(self, *step):
        shutil.rmtree(run)
        write(self, *step)  # Orbax makes the folders anew

    monkeypatch.setattr(Checkpoints, "_write", remove)
    with pytest.raises(FileNotFoundError, match="checkpoints"):
        checkpoints.save(2, {"w": jnp.ones(3)})
    assert not run.exists()
    with pytest.raises(FileNotFoundError, match="checkpoints"):
        checkpoints.save(3, {"w": jnp.ones(3)})
    assert not run.exists()


def test_a_step_of_another_program_is_left_alone(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"w": jnp.ones(3)})
    other = tmp_path / "1000" / "params.bin"
    other.parent.mkdir()
    other.write_text("weights")
    for opened in (checkpoints, Checkpoints(tmp_path)):
        assert opened.steps == [1] and opened.latest_step == 1
        restored = opened.restore({"w": jnp.zeros(3)})
        assert restored is not None and restored.step == 1
        with pytest.raises(ValueError, match="1000 is no checkpoint of attnlab"):
            opened.save(2, {"w": jnp.ones(3)})
        opened.rewind(1)
    assert other.read_text() == "weights"
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["1", "1000"]


# A real SIGKILL, in the middle of Orbax's work and between its work and ours.

KILLED = """
    import os, signal, sys, threading
    import jax.numpy as jnp
    import numpy as np
    from attnlab import runs
    from attnlab.training.checkpoint import Checkpoints

    folder, moment = sys.argv[1:]
    def state(step):
        noise = np.random.default_rng(step).random(1_000_000, np.float32)
        return {"w": jnp.asarray(noise), "n": jnp.int32(step)}

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def watch():
        while not any("tmp" in name for name in os.listdir(folder)):
            pass
        die()

    checkpoints = Checkpoints(folder)
    checkpoints.save(1, state(1), {"cursor": 1}, metric=1.0)
    print("saved", flush=True)
    if moment == "writing":
        threading.Thread(target=watch, daemon=True).start()
    else:
        runs.write_json = lambda *_, **__: die()
    checkpoints.save(2, state(2), {"cursor": 2}, metric=2.0)
    print("survived", flush=True)
"""


@pytest.mark.parametrize("moment", ["writing", "before the manifest"])
def test_a_kill_while_saving_costs_that_save_only(tmp_path, moment):
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), moment],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert process.stdout == "saved\n"
    if moment == "writing":
        assert list(tmp_path.glob("2.orbax-checkpoint-tmp*"))
    else:
        assert (tmp_path / "2").is_dir()

    template = {"w": jnp.zeros(1_000_000), "n": jnp.int32(0)}
    checkpoints = Checkpoints(tmp_path)
    assert (checkpoints.latest_step, checkpoints.best_step) == (1, 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        restored = checkpoints.restore(template)
    told = ["was not finished" in str(warning.message) for warning in caught]
    assert told == ([] if moment == "writing" else [True])
    assert restored is not None
    assert restored.step == 1
    assert restored.extra == {"cursor": 1}
    expected = np.random.default_rng(1).random(1_000_000, np.float32)
    np.testing.assert_array_equal(restored.state["w"], expected)
    checkpoints.save(2, restored.state, {"cursor": 2}, metric=2.0)
    assert steps_in(tmp_path) == [1, 2]
    again = checkpoints.restore(template)
    assert again is not None
    assert again.step == 2


def test_importing_does_not_import_orbax():
    code = "import attnlab.training.checkpoint, sys; print('orbax' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert output.stdout == "False\n"


def test_the_manifest_is_plain_json(tmp_path):
    Checkpoints(tmp_path, fingerprint="abc").save(1, make_state(), metric=math.nan)
    text = (tmp_path / "1.manifest.json").read_text()
    manifest = json.loads(text, parse_constant=pytest.fail)
    assert manifest["metric"] is None
    assert manifest["state"]["params/attention/w"] == "float32[2,3]"
    assert manifest["state"]["rng"] == "key<fry>[]"


def test_a_folder_that_is_not_utf8_is_refused_before_anything_is_written(tmp_path):
    folder = tmp_path / os.fsdecode(b"a\xff")
    with pytest.raises(ValueError, match=r"a\\udcff.* UTF-8") as error:
        Checkpoints(folder / "checkpoints")
    assert "\n" not in str(error.value)
    assert not folder.exists()
