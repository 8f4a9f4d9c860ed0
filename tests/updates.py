"""Updates of a task, or their shapes: what every row of every sweep is put through."""

import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from attnlab.settings import TaskSettings
from attnlab.tasks import make_task
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import init_state, train_step

FAST = {"xla_backend_optimization_level": 0}  # compiling is nearly all of the time


class Functions(NamedTuple):
    """start() -> the first state, update(state, batch) -> (state, Sums), and batches.

    Both are compiled as they are called, and traced once for all tests of a file.
    """

    start: Any
    update: Any
    batches: Any


@cache
def functions_of(settings: TaskSettings) -> Functions:
    """The functions of a task of these settings."""
    with tempfile.TemporaryDirectory() as folder:
        task = make_task(settings, Path(folder))
    tx = make_optimizer(
        settings.train, make_schedule(settings.train, len(task.batches))
    )
    start = partial(init_state, task.init, tx, task.estimator_state, 0)
    update = partial(train_step, loss=task.loss, tx=tx)
    start, update = (jax.jit(f, compiler_options=FAST) for f in (start, update))
    return Functions(start, update, task.batches)


def assert_an_update_keeps_its_shapes(settings: TaskSettings) -> None:
    """A row that can be traced; nothing is compiled."""
    start, update, batches = functions_of(settings)
    before = jax.eval_shape(start)
    after, sums = jax.eval_shape(update, before, batches.at(0))
    assert jax.tree.structure(after) == jax.tree.structure(before)
    for old, new in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        assert (old.shape, old.dtype) == (new.shape, new.dtype)
    assert sums.loss.shape == sums.tokens.shape == ()


def two_updates(settings: TaskSettings):
    """(the last state, [Sums of both], share of parameters that moved)."""
    start, update, batches = functions_of(settings)
    state = start()
    before, totals = jax.tree.leaves(state.params), []
    for step in range(2):
        state, sums = update(state, batches.at(step))
        totals.append(sums)
    after = jax.tree.leaves(state.params)
    moved = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    return state, totals, np.mean(moved)
