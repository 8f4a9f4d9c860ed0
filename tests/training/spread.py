"""Updates on eight devices of one CPU, as `test_parallel.py` has them computed.

python -m tests.training.spread FILE NAME...

A name is "strategy/kind" ("alone/toy"); the arrays in FILE are "strategy/kind/leaf".
"""

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from attnlab.estimators.objective import initial_estimator_state
from attnlab.nn.losses import Sums
from attnlab.settings import TrainSettings
from attnlab.task import Task
from attnlab.tasks import make_task
from attnlab.training import parallel
from attnlab.training.loop import first_state, make_update
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.replicas import make_vmapped_update, stack_states
from attnlab.training.step import TrainState
from tests.tiny import tiny

UPDATES = 3
ROWS = 16


class Toy(NamedTuple):
    x: np.ndarray  # [B, 3]
    real: np.ndarray  # [B, T] bool: the tokens of a row
    scale: np.ndarray  # [3], of no row


def toy_batch(seed: int) -> Toy:
    """Rows of one token to eight, in order: the last device has most of them."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(ROWS, 3)).astype(np.float32)
    real = np.arange(8) < np.sort(draw.integers(0, 9, ROWS))[:, None]
    return Toy(x, real, np.array([1.0, 0.5, 2.0], np.float32))


def toy_loss(params, batch: Toy, rng, estimator_state, noise: float = 0.0):
    """Squared errors of a line, one a token; remembers their mean, as baselines do."""
    x = batch.x + noise * jax.random.normal(rng, batch.x.shape)
    wrong = ((x * batch.scale) @ params["w"] - 1.0 - estimator_state.average.mean) ** 2
    wrong = jnp.where(batch.real, wrong[:, None], 0.0)
    average = estimator_state.average.after(wrong[..., None], batch.real, 0.9)
    sums = Sums(wrong.sum(), batch.real.sum())
    return wrong.sum(), (
        sums,
        type(estimator_state)(average, estimator_state.updates + 1),
    )


def mean_of_means(state: TrainState, batch, *, loss, tx, axis_name):
    """The update that every device divides for itself: what has to show as wrong."""

    def mean(params):
        total, (sums, estimator_state) = loss(
            params, batch, state.rng, state.estimator_state
        )
        return total / jnp.maximum(sums.tokens, 1), (sums, estimator_state)

    (_, (sums, estimator_state)), gradients = jax.value_and_grad(mean, has_aux=True)(
        state.params
    )
    gradients = jax.lax.pmean(gradients, axis_name)
    updates, optimizer = tx.update(gradients, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    sums = jax.lax.psum(sums, axis_name)
    return TrainState(
        params, optimizer, estimator_state, state.step + 1, state.rng
    ), sums


SETTINGS = TrainSettings(  # Adam would hide a gradient that is eight times too large
    optimizer="sgd",
    clip=0.0,
    schedule="constant",
    learning_rate=0.1,
    steps=UPDATES,
    batch_size=ROWS,
)


def toy_task(noise: float = 0.0) -> Any:
    """Of a task, what the updates need."""
    return Task(
        init=lambda rng: {"w": jax.random.normal(rng, (3,))},
        loss=partial(toy_loss, noise=noise),
        batches=range(5),
        validate=dict,
        finish=lambda *_: {},
        scores=(),
        estimator_state=initial_estimator_state(),
        shared=("scale",),
    )


def layout(strategy: str, devices: int) -> parallel.Layout:
    where = {"strategy": strategy, "devices": devices}
    return parallel.layout_of(SETTINGS.model_copy(update=where))


def toy(strategy: str, devices: int, noise: float = 0.0):
    """(the last state, the Sums of all updates)."""
    task = toy_task(noise)
    make = partial(make_update, task, SETTINGS)
    way = parallel.parallel_update(make, layout(strategy, devices), shared=task.shared)
    state = first_state(task, SETTINGS)(0)
    return updated(way, state, toy_batch, np.float32(0.1))


def mutant(strategy: str, devices: int):
    """The same where every device divides for itself."""
    tx = make_optimizer(SETTINGS, make_schedule(SETTINGS, 5))

    def make(axis_name):
        return partial(mean_of_means, loss=toy_loss, tx=tx, axis_name=axis_name)

    way = parallel.parallel_update(make, layout(strategy, devices), shared=("scale",))
    return updated(way, first_state(toy_task(), SETTINGS)(0), toy_batch)


def updated(way: parallel.ParallelUpdate, state, batch, *others):
    """(the state after UPDATES updates, the Sums of all of them)."""
    state, all_sums = way.place(state), []
    for step in range(UPDATES):
        state, sums = way.update(state, batch(step), *others)
        all_sums.append(jax.device_get(sums))
    return way.fetch(state), jax.tree.map(lambda *all: np.stack(all), *all_sums)


def translation(strategy: str, devices: int, dropout: float = 0.0):
    """The same of a model that translates, by its own settings but for SGD."""
    settings = tiny(
        **{
            "train.batch_size": ROWS,
            "train.optimizer": "sgd",
            "train.clip": 0.0,
            "train.learning_rate": 1.0,
            "train.schedule": "constant",
            "train.strategy": strategy,
            "train.devices": devices if devices < 8 else "all",
            "model.dropout": dropout,
        }
    )
    train = settings.train
    with tempfile.TemporaryDirectory() as folder:
        task = make_task(settings, Path(folder))

    def batch(step):  # the longest rows on the last device
        made = task.batches.at(step)
        order = np.argsort(made.target_lengths, kind="stable")
        return type(made)(*(part[order] for part in made))

    make = partial(make_update, task, train)
    update = parallel.parallel_update(make, parallel.layout_of(train))
    state = first_state(task, train)(0)
    return updated(update, state, batch, np.float32(train.learning_rate))


def replicas(strategy: str, devices: int, count: int):
    """`count` toys of a seed and a rate each, of which the last stands still."""
    task = toy_task()
    way = parallel.parallel_update(
        partial(make_vmapped_update, task, SETTINGS),
        layout(strategy, devices),
        shared=task.shared,
        replicas=count,
    )
    batches = [
        jax.tree.map(
            lambda *rows: np.stack(rows),
            *(toy_batch(10 * k + at) for k in range(count)),
        )
        for at in range(UPDATES)
    ]
    rates = np.array([0.1, 0.05, 0.02, 0.01][:count], np.float32)
    going = np.arange(count) < count - 1
    state = stack_states([first_state(task, SETTINGS)(k) for k in range(count)])
    return updated(way, state, batches.__getitem__, rates, going)


KINDS = {
    "toy": toy,
    "noise": partial(toy, noise=0.5),
    "mutant": mutant,
    "replicas": partial(replicas, count=2),
    "translation": translation,
    "dropout": partial(translation, dropout=0.3),
}


def main(file: str, names: list[str]) -> None:
    arrays = {}
    for name in names:
        strategy, kind = name.split("/")
        chosen = ("jit", 1) if strategy == "alone" else (strategy, 8)
        state, sums = KINDS[kind](*chosen)
        state = state._replace(rng=jax.random.key_data(state.rng))
        for path, leaf in jax.tree_util.tree_flatten_with_path((state, sums))[0]:
            leaf_name = jax.tree_util.keystr(path[1:], simple=True, separator="/")
            arrays[f"{name}/{leaf_name}"] = np.asarray(leaf)
    np.savez(file, **arrays)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
