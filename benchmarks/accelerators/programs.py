"""Programs of attnlab as a compiler gets them: functions, and shapes of arrays.

No parameter is drawn and no batch computed with, so that a program is there at once.
"""

import importlib
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from attnlab.settings import TaskSettings
from attnlab.sweep.rows import resolve
from attnlab.task import Task
from attnlab.tasks import make_task, parse_settings
from attnlab.training.loop import make_update
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import TrainState, Update, init_state


class Training(NamedTuple):
    """A run's task, and what an update takes: shapes and dtypes, or arrays."""

    settings: TaskSettings
    task: Task
    state: TrainState
    batch: Any
    rate: np.float32

    @property
    def arguments(self) -> tuple[TrainState, Any, np.float32]:
        """Those of `make_update(task, settings.train)`."""
        return self.state, self.batch, self.rate


def training(
    config: str,
    changes: Mapping[str, Any],
    lengths: tuple[int, int] | None = None,
) -> Training:
    """The training of a run, up to the point where something would be computed.

    Args:
      config: a module of `configs`, "translation".
      changes: of its settings, as the rows of a sweep name them.
      lengths: S and T that the first batch of sentence pairs is to have; None: its own.

    Returns:
      The Training.
    """
    defaults = importlib.import_module(f"configs.{config}").get_config()
    settings = parse_settings(resolve(defaults, changes).to_dict())
    with tempfile.TemporaryDirectory() as folder:
        task = make_task(settings, Path(folder))
    schedule = make_schedule(settings.train, len(task.batches))
    tx = make_optimizer(settings.train, schedule)
    first = partial(init_state, task.init, tx, task.estimator_state)
    state = jax.eval_shape(first, np.uint32(0))
    batch = jax.tree.map(np.asarray, task.batches.at(0))
    if lengths is not None:
        batch = resized(batch, lengths)
    return Training(
        settings, task, state, batch, np.float32(settings.train.learning_rate)
    )


def resized(batch: Any, lengths: tuple[int, int]) -> Any:
    """The shapes of a batch of sentence pairs of other lengths.

    Args:
      batch: with `source` [B, S, ...] and `target` [B, T, ...].
      lengths: the new S and T.

    Returns:
      The batch with shapes in place of these two.
    """
    parts = {
        name: jax.ShapeDtypeStruct((len(part), length, *part.shape[2:]), part.dtype)
        for name, length in zip(("source", "target"), lengths, strict=True)
        for part in (getattr(batch, name),)
    }
    return batch._replace(**parts)


def lengths_of(batch: Any) -> tuple[int, ...]:
    """The numbers of words, or steps, that the loops of an update go over.

    Args:
      batch: of any task.

    Returns:
      The lengths of its parts [B, length, ...], each once, in ascending order.
    """
    shapes = (np.shape(part) for part in batch)
    return tuple(sorted({shape[1] for shape in shapes if len(shape) > 1}))


def update_of(run: Training) -> Update:
    """One update of a run.

    Args:
      run: its Training.

    Returns:
      A function to be compiled: update(*run.arguments) -> (state, Sums).
    """
    return make_update(run.task, run.settings.train)
