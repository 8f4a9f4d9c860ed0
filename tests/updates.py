"""Updates of a task, or their shapes: what every row of every sweep is put through."""

from functools import partial

import jax
import numpy as np

from attnlab.settings import TrainSettings
from attnlab.task import Task
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import init_state, train_step

FAST = {"xla_backend_optimization_level": 0}  # compiling is nearly all of the time


def start_and_update(task: Task, train: TrainSettings):
    """The function that makes the first state, and the one that updates it."""
    tx = make_optimizer(train, make_schedule(train, len(task.batches)))
    start = partial(init_state, task.init, tx, task.estimator_state, 0)
    return start, partial(train_step, loss=task.loss, tx=tx)


def assert_an_update_keeps_its_shapes(task: Task, train: TrainSettings) -> None:
    """A row that can be traced; nothing is compiled."""
    start, update = start_and_update(task, train)
    before = jax.eval_shape(start)
    after, sums = jax.eval_shape(update, before, task.batches.at(0))
    assert jax.tree.structure(after) == jax.tree.structure(before)
    for old, new in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        assert (old.shape, old.dtype) == (new.shape, new.dtype)
    assert sums.loss.shape == sums.tokens.shape == ()


def two_updates(task: Task, train: TrainSettings):
    """(the last state, [Sums of both], share of parameters that moved)."""
    start, update = start_and_update(task, train)
    state = jax.jit(start, compiler_options=FAST)()
    update = jax.jit(update, compiler_options=FAST)
    before, found = jax.tree.leaves(state.params), []
    for step in range(2):
        state, sums = update(state, task.batches.at(step))
        found.append(sums)
    after = jax.tree.leaves(state.params)
    moved = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    return state, found, np.mean(moved)
