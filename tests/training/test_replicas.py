"""Replicas of one program end as they would alone, whatever becomes of the others."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab import tasks as named
from attnlab.training import run as run_module
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.load import load
from attnlab.training.loop import first_state, make_update, train
from attnlab.training.replicas import (
    Replica,
    check_alike,
    make_vmapped_update,
    shared,
    stack_batches,
    stack_states,
    train_together,
)
from attnlab.training.run_state import NonFiniteLoss
from attnlab.training.writers import jsonl_writer, several
from tests.tiny import tiny, tiny_folder
from tests.training.test_loop import (
    SETTINGS,
    Killed,
    ToyBatch,
    ToyBatches,
    assert_bitwise,
    killer,
    last_state,
    metrics,
    settings,
    toy,
    toy_loss,
)

RATES = (0.05, 0.01, 0.2)


class OwnBatches(ToyBatches):
    """Every run has batches of its own, in shapes that all have alike."""

    def __init__(self, seed: int):
        self.seed = seed

    def at(self, step: int) -> ToyBatch:
        rows = super().at(step).x.shape[0]
        draw = np.random.default_rng([self.seed, step])
        x = draw.normal(size=(rows, 3)).astype(np.float32)
        return ToyBatch(x, np.int32(1000 * self.seed + step))


def replica(root: Path, seed: int, task=None, writer=None, **changes) -> Replica:
    """The toy run of a seed, with batches, a rate and a folder of its own."""
    folder = root / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    task = (task or toy())._replace(batches=OwnBatches(seed))
    changes = {"learning_rate": RATES[seed]} | changes
    writers = [jsonl_writer(folder), *([writer] if writer else [])]
    return Replica(task, settings(**changes), folder, seed, several(*writers))


def alone(own: Replica):
    return train(own.task, own.settings, own.folder, seed=own.seed, writer=own.writer)


def assert_close(found, expected):
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


def assert_same_lines(found: list[dict[str, Any]], expected: list[dict[str, Any]]):
    assert [line.keys() for line in found] == [line.keys() for line in expected]
    for one, two in zip(found, expected, strict=True):
        assert (one["step"], one["kind"]) == (two["step"], two["kind"])
        for name in one.keys() - {"step", "kind"}:
            np.testing.assert_allclose(one[name], two[name], rtol=1e-5, atol=1e-5)


def test_each_is_its_solo_run_after_100_steps_at_a_rate_of_its_own(tmp_path):
    # The cosine schedule is that of the real runs below.
    changes = {"steps": 100, "schedule": "luong", "evaluate_every": 20}
    found = train_together(
        [replica(tmp_path / "together", seed, **changes) for seed in range(3)]
    )
    for seed, together in enumerate(found):
        solo = alone(replica(tmp_path / "alone", seed, **changes))
        assert not isinstance(together, Exception)
        assert_close(together.params, solo.params)
        assert (together.step, together.best_step) == (100, solo.best_step)
        folders = [tmp_path / way / str(seed) for way in ("together", "alone")]
        assert_same_lines(*map(metrics, folders))
        one, two = (last_state(folder, settings=SETTINGS) for folder in folders)
        assert_close(one.state.optimizer, two.state.optimizer)
        assert_close(one.state.estimator_state, two.state.estimator_state)
        assert int(one.state.step) == 100
        assert one.extra.keys() == two.extra.keys()
    rates = {line["learning_rate"] for line in metrics(tmp_path / "together" / "1")
             if line["kind"] == "train"}  # fmt: skip
    assert max(rates) == pytest.approx(RATES[1])


def diverging(params, batch, rng, estimator_state):
    """Not a number from step 15 of seed 1 on (counted from one)."""
    total, (sums, after) = toy_loss(params, batch, rng, estimator_state)
    bad = (batch.step >= 1014) & (batch.step < 2000)
    total = jnp.where(bad, jnp.nan, total)
    return total, (sums._replace(loss=total), after)


def test_a_loss_that_is_not_finite_leaves_the_others_untouched(tmp_path):
    sound = train_together([replica(tmp_path / "sound", seed) for seed in range(3)])
    task = toy(loss=diverging)
    found = train_together(
        [replica(tmp_path / "nan", seed, task, log_every=12) for seed in range(3)]
    )
    for seed in (0, 2):
        assert_bitwise(found[seed].params, sound[seed].params)
        one, two = (last_state(tmp_path / way / str(seed)) for way in ("nan", "sound"))
        assert_bitwise(one.state, two.state)
    assert isinstance(found[1], NonFiniteLoss)
    assert str(found[1]) == (
        "loss is nan at step 15; last finite: checkpoint of step 12"
    )
    assert Checkpoints(tmp_path / "nan" / "1" / runs.CHECKPOINTS).latest_step == 12
    with pytest.raises(NonFiniteLoss) as caught:
        alone(replica(tmp_path / "alone", 1, task, log_every=12))
    assert str(caught.value) == str(found[1])


def test_one_that_does_not_go_keeps_its_state_whatever_it_computes():
    task = toy(loss=diverging)
    states = [first_state(task, SETTINGS)(seed) for seed in range(3)]
    states[2] = states[2]._replace(estimator_state=jnp.float32(np.inf))
    alike, stacked = first_state(task, SETTINGS)(0), stack_states(states)
    update = jax.jit(make_vmapped_update(task, SETTINGS))
    batch = stack_batches([OwnBatches(seed) for seed in range(3)], 14)
    rates = np.array(RATES, np.float32)
    after, sums = update(stacked, batch, rates, np.array([True, False, False]))
    assert np.isnan(sums.loss[1]) and not np.isfinite(sums.loss[2])
    stacked, after = (state._replace(rng=()) for state in (stacked, after))
    kept, before = jax.tree.map(lambda leaf: leaf[1:], (after, stacked))
    assert_bitwise(kept, before)
    first = jax.tree.map(lambda leaf: leaf[0], after)
    expected, _ = jax.jit(make_update(task, SETTINGS))(
        alike, OwnBatches(0).at(14), rates[0]
    )
    assert_close(first.params, expected.params)
    assert int(first.step) == 1


def stopping(bleus):
    left = iter(bleus)

    def validate(params):
        del params
        return {"bleu": next(left), "perplexity": 1.0}

    return validate


def test_patience_stops_one_and_the_others_go_on(tmp_path):
    scripts = [[3, 2], [1, 2, 3, 4, 5, 6], [5, 4, 3, 2]]
    group = [
        replica(tmp_path, seed, toy(stopping(bleus)), patience=seed + 1, steps=36)
        for seed, bleus in enumerate(scripts)
    ]
    found = train_together(group)
    ends = [(own.step, own.best_step, own.progress.stopped) for own in found]
    assert ends == [(12, 6, "early"), (36, 36, "finished"), (24, 6, "early")]
    for own, (step, _, _) in zip(group, ends, strict=True):
        assert metrics(own.folder)[-1]["step"] == step
        assert Checkpoints(own.folder / runs.CHECKPOINTS).latest_step == step
    again = train_together(
        [own._replace(task=toy(stopping([]))._replace(batches=own.task.batches))
         for own in group]
    )  # fmt: skip
    assert [own.step for own in again] == [12, 36, 24]  # they know that they are over


def test_a_killed_group_resumes_each_replica_from_its_own_checkpoint(tmp_path):
    whole = train_together([replica(tmp_path / "whole", seed) for seed in range(3)])
    with pytest.raises(Killed):
        train_together(
            [
                replica(tmp_path / "cut", seed, writer=writer)
                for seed, writer in enumerate([None, killer(12, "dev"), None])
            ]
        )
    cut = [tmp_path / "cut" / str(seed) for seed in range(3)]
    saved = [Checkpoints(folder / runs.CHECKPOINTS).latest_step for folder in cut]
    assert saved == [12, 6, 6]
    found = train_together([replica(tmp_path / "cut", seed) for seed in range(3)])
    for seed in range(3):
        assert_bitwise(found[seed].params, whole[seed].params)
        reference = tmp_path / "whole" / str(seed)
        assert metrics(cut[seed]) == metrics(reference)
        assert_bitwise(last_state(cut[seed]).state, last_state(reference).state)


def test_batches_of_different_shapes_are_refused():
    class Turned(OwnBatches):
        def at(self, step: int) -> ToyBatch:
            return super().at(step + self.seed)

    with pytest.raises(ValueError, match=r"step 3 replica 1 .*\(2, 3\).*\(4, 3\)"):
        stack_batches([Turned(0), Turned(1)], 3)


def test_replicas_may_differ_in_seed_and_rate_but_not_in_size():
    group = [tiny(), tiny(seed=3), tiny(**{"wandb.project": "other"})]
    group.append(tiny(**{"train.learning_rate": 0.1, "train.patience": 2}))
    check_alike(group)
    assert all(shared(settings) == shared(group[0]) for settings in group)
    with pytest.raises(ValueError, match="'model' cannot be replicas"):
        check_alike([tiny(), tiny(**{"model.hidden": 4})])
    with pytest.raises(ValueError, match="'train' cannot be replicas"):
        check_alike([tiny(), tiny(**{"train.steps": 4})])


def test_folders_of_real_runs_end_up_as_if_each_had_been_alone(tmp_path):
    changes = {
        "model.preset": "luong2015-local-p-general",
        "model.layers": 1,
        "model.dropout": 0.2,
        "train.steps": 100,
        "train.evaluate_every": 50,
    }
    own = [{"seed": 0}, {"seed": 1, "train.learning_rate": 5e-3}]
    folders = [tiny_folder(tmp_path / "together", **changes, **some) for some in own]
    assert run_module.run_together(folders) == {}
    for folder, some in zip(folders, own, strict=True):
        solo = tiny_folder(tmp_path / "alone", **changes, **some)
        expected = run_module.run(solo, console=False)
        found = runs.read_json(folder / runs.RESULT)
        assert found.keys() == expected.keys()
        assert found["parameters"] == expected["parameters"]
        assert found["perplexity"] == pytest.approx(expected["perplexity"], rel=1e-5)
        assert_close(load(folder).params, load(solo).params)
        assert_same_lines(metrics(folder), metrics(solo))
        assert {path.name for path in folder.iterdir()} == {
            path.name for path in solo.iterdir()
        }
        assert runs.read_json(folder / runs.ENVIRONMENT)["replicas"] == 2
    assert run_module.run_together(folders) == {}  # finished: skipped


def test_a_replica_that_fails_has_its_error_written_and_the_others_a_result(
    tmp_path, monkeypatch
):
    def maker(settings, folder):
        del folder
        return toy(loss=diverging)._replace(batches=OwnBatches(settings.seed))

    monkeypatch.setattr(named, "make_task", maker)
    folders = [tiny_folder(tmp_path, seed=seed) for seed in range(2)]
    assert run_module.main([*map(str, folders), "--quiet"]) == 1
    error = runs.read_json(folders[1] / runs.ERROR)
    assert error["error"] == (
        "NonFiniteLoss: loss is nan at step 15; last finite: checkpoint of step 10"
    )
    assert error["step"] == 15 and "Traceback" in error["traceback"]
    assert not (folders[1] / runs.RESULT).exists()
    assert runs.read_json(folders[0] / runs.RESULT)["steps"] == 30
    assert not (folders[0] / runs.ERROR).exists()


def test_a_replica_that_cannot_begin_leaves_the_others_alone(tmp_path, monkeypatch):
    def maker(settings, folder):
        if settings.seed == 0:
            raise ValueError(f"{folder / 'source.codec'} is damaged")
        return toy()._replace(batches=OwnBatches(settings.seed))

    monkeypatch.setattr(named, "make_task", maker)
    folders = [tiny_folder(tmp_path, seed=seed) for seed in range(2)]
    failed = run_module.run_together(folders)
    assert [str(error) for error in failed.values()] == [
        f"{folders[0] / 'source.codec'} is damaged"
    ]
    assert "source.codec" in runs.read_json(folders[0] / runs.ERROR)["error"]
    assert runs.read_json(folders[1] / runs.RESULT)["steps"] == 30
