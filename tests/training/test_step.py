"""One step: mean loss per token, keys by step number, and Sums that add up."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attnlab.nn.losses import Sums
from attnlab.tasks.translation.task import make_task
from attnlab.training.step import init_state, train_step


class Toy(NamedTuple):
    x: np.ndarray  # [B, 3]
    y: np.ndarray  # [B]
    real: np.ndarray  # [B] bool


def init(rng):
    return {"w": jax.random.normal(rng, (3,))}


def loss(params, batch, rng, estimator_state):
    del rng
    wrong = jnp.where(batch.real, (batch.x @ params["w"] - batch.y) ** 2, 0.0)
    return wrong.sum(), (Sums(wrong.sum(), batch.real.sum()), estimator_state + 1.0)


def noisy_loss(params, batch, rng, estimator_state):
    total, remembered = loss(params, batch, None, estimator_state)
    return total + jax.random.normal(rng) * params["w"].sum(), remembered


def start(tx, seed=0):
    return init_state(init, tx, jnp.zeros(()), seed)


def toy(rows: int, real: int) -> Toy:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, 3)).astype(np.float32)
    y = draw.normal(size=rows).astype(np.float32)
    return Toy(x, y, np.arange(rows) < real)


def step_with(tx, loss=loss):
    return jax.jit(partial(train_step, loss=loss, tx=tx))


def test_an_update_follows_the_mean_per_token_by_hand():
    tx = optax.sgd(0.1)
    state = start(tx)
    batch = toy(4, real=3)
    after, sums = step_with(tx)(state, batch)
    w = np.asarray(state.params["w"], np.float64)
    x, y = batch.x[:3].astype(np.float64), batch.y[:3]
    expected = w - 0.1 * 2 * ((x @ w - y) @ x) / 3
    np.testing.assert_allclose(after.params["w"], expected, rtol=1e-5)
    np.testing.assert_allclose(sums.loss, ((x @ w - y) ** 2).sum(), rtol=1e-5)
    assert sums.tokens == 3
    assert after.step == 1
    assert after.estimator_state == 1.0  # what the loss remembers goes along


def test_rows_of_padding_change_neither_update_nor_sums():
    tx = optax.adam(0.1)
    state = start(tx)
    padded = toy(6, real=3)
    cut = Toy(*(part[:3] for part in padded))
    (after, sums), (after_cut, sums_cut) = (
        step_with(tx)(state, batch) for batch in (padded, cut)
    )
    np.testing.assert_allclose(after.params["w"], after_cut.params["w"], rtol=1e-6)
    np.testing.assert_allclose(sums.loss, sums_cut.loss, rtol=1e-6)
    assert sums.tokens == sums_cut.tokens


def test_a_batch_without_tokens_changes_nothing():
    tx = optax.sgd(0.1)
    state = start(tx)
    after, sums = step_with(tx)(state, toy(4, real=0))
    np.testing.assert_array_equal(after.params["w"], state.params["w"])
    assert (sums.loss, sums.tokens) == (0.0, 0)


def test_one_seed_gives_one_state_and_another_another():
    tx = optax.adam(0.1)
    one, same, other = (start(tx, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.params["w"], same.params["w"])
    assert not np.array_equal(one.params["w"], other.params["w"])
    keys = [jax.random.key_data(state.rng) for state in (one, same, other)]
    assert np.array_equal(keys[0], keys[1]) and not np.array_equal(keys[0], keys[2])


def test_the_key_depends_on_the_step_and_on_nothing_before():
    tx = optax.sgd(1.0)
    update = step_with(tx, noisy_loss)
    state, batch = start(tx), toy(4, real=4)
    first, _ = update(state, batch)
    again, _ = update(state, batch)
    np.testing.assert_array_equal(first.params["w"], again.params["w"])
    later, _ = update(state._replace(step=jnp.int32(7)), batch)
    assert not np.array_equal(first.params["w"], later.params["w"])
    assert np.array_equal(
        jax.random.key_data(first.rng), jax.random.key_data(state.rng)
    )


@pytest.fixture(scope="module")
def task(tmp_path_factory, tiny_settings):
    return make_task(tiny_settings, tmp_path_factory.mktemp("task"))


def with_gradient(task):
    """(params, batch) -> ((summed loss, Sums), gradient), always of one key."""

    def loss(params, batch):
        total, (sums, _) = task.loss(
            params, batch, jax.random.key(2), task.estimator_state
        )
        return total, sums

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def test_a_split_batch_gives_the_same_sums_and_gradient(task):
    batch = task.batches.at(0)
    params = task.init(jax.random.key(1))
    run = with_gradient(task)
    order = np.argsort(batch.target_lengths, kind="stable")  # halves of unequal counts
    half = len(order) // 2
    parts = [
        type(batch)(*(leaf[rows] for leaf in batch))
        for rows in (order[:half], order[half:])
    ]
    (total, sums), slope = run(params, batch)
    results = [run(params, part) for part in parts]
    pooled = results[0][0][1] + results[1][0][1]
    assert results[0][0][1].tokens != results[1][0][1].tokens
    assert pooled.tokens == sums.tokens == batch.target_lengths.sum()
    np.testing.assert_allclose(pooled.loss, sums.loss, rtol=1e-5)
    np.testing.assert_allclose(total, sums.loss, rtol=1e-6)
    summed = jax.tree.map(jnp.add, results[0][1], results[1][1])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        summed,
        slope,
    )


def test_wider_padding_changes_neither_sums_nor_gradient(task):
    batch = task.batches.at(0)
    params = task.init(jax.random.key(1))
    run = with_gradient(task)
    wider = batch._replace(
        source=np.pad(batch.source, ((0, 0), (0, 4))),
        target=np.pad(batch.target, ((0, 0), (0, 4))),
    )
    ((_, sums), slope), ((_, sums_wide), slope_wide) = (
        run(params, one) for one in (batch, wider)
    )
    assert sums.tokens == sums_wide.tokens
    np.testing.assert_allclose(sums.loss, sums_wide.loss, rtol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        slope,
        slope_wide,
    )


def test_the_task_writes_its_vocabularies_and_reads_them_again(
    task, tiny_settings, tmp_path
):
    del task
    folder = Path(tmp_path)
    first = make_task(tiny_settings, folder)
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["files.sha256", "source.codec", "target.codec"]
    before = [(folder / name).read_bytes() for name in files]
    second = make_task(tiny_settings, folder)
    assert before == [(folder / name).read_bytes() for name in files]
    for one, two in zip(first.batches.at(3), second.batches.at(3), strict=True):
        np.testing.assert_array_equal(one, two)
