"""The training loop: calls the pure step, and passes its sums to each run's RunState.

A run alone and the replicas of one program (`attnlab.training.replicas`) go through the
same loop.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from attnlab.compilation import jit
from attnlab.nn.losses import Sums
from attnlab.settings import TrainSettings
from attnlab.task import Task
from attnlab.training import parallel, processes
from attnlab.training.memory_check import check_fits
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.run_state import NonFiniteLoss, RunState, Trained, Updates
from attnlab.training.stages import Stages, shapes_of
from attnlab.training.step import (
    Pytree,
    TrainState,
    Update,
    init_state,
    train_step,
)
from attnlab.training.writers import Writer

__all__ = ["RunState", "NonFiniteLoss", "Trained", "train"]


class Compiled(NamedTuple):
    """The programs of a task's training, compiled when first called.

    Runs that differ as replicas may (`attnlab.training.replicas.shared`) can go through
    the same ones, one after the other.

    first(seed) -> the state before the first update. update: that of all devices.
    """

    first: Callable[[int], TrainState]
    update: parallel.ParallelUpdate


def compiled(task: Task, settings: TrainSettings) -> Compiled:
    """The programs that train a task.

    Args:
      task: what is learned.
      settings: how; their learning rate is an argument of the update, not a constant.

    Returns:
      The programs, none of them compiled yet.

    Raises:
      ValueError: for settings that do not fit the task or this machine.
      MemoryError: where the model does not fit into this machine.
    """
    update = parallel.parallel_update(
        partial(make_update, task, settings),
        parallel.layout_of(settings),
        shared=task.shared,
    )
    return Compiled(first_state(task, settings), update)


def train(
    task: Task,
    settings: TrainSettings,
    folder: Path,
    *,
    seed: int,
    writer: Writer,
    fingerprint: str | None = None,
    begins_at: int = 0,
    programs: Compiled | None = None,
) -> Trained | None:
    """Train a task in a run folder, from its newest checkpoint if there is one.

    On a CPU a run that was killed ends with the numbers of one that was not.

    Args:
      task: what is learned.
      settings: how.
      folder: the run's.
      seed: of parameters and draws.
      writer: where the numbers go besides the checkpoints.
      fingerprint: of the run's configuration, which ties the checkpoints to it.
      begins_at: the step of the checkpoint that it goes on from another run with.
      programs: those of an earlier run that was alike; None: its own.

    Returns:
      What training came to; None on the others of several processes.

    Raises:
      NonFiniteLoss: where a loss or a parameter is not finite.
      ValueError: for settings that do not fit the task or this machine.
      MemoryError: where the model does not fit into this machine.
    """
    run_state = RunState(
        task,
        settings,
        folder,
        writer=writer,
        fingerprint=fingerprint,
        begins_at=begins_at,
    )
    first, parallel_update = programs or compiled(task, settings)
    state = parallel_update.place(run_state.resume(first(seed)))
    # An argument and not a constant, so that rates share one compiled program.
    rate = np.float32(settings.learning_rate)
    state = train_loop(
        [run_state],
        state,
        update=lambda state, batch, going: parallel_update.update(state, batch, rate),
        batch=_reader(task.batches),
        # A run alone has no axis of runs to index.
        member=lambda state, index: parallel_update.fetch(state),
        shapes=shapes_of(task.batches),
    )
    return run_state.best(parallel_update.fetch(state))


def _reader(batches: Pytree) -> Callable[[int], Pytree]:
    """The batch of a step, or as much of it as this process computes (`Task.batches`).

    Processes share the rows in their order, as `jax.devices` has their devices.
    """
    # Batches that are made whole anyway have no `own`.
    own = getattr(batches, "own", None)
    if own is None or processes.count() == 1:
        return batches.at
    return partial(own, process=jax.process_index(), processes=processes.count())


def first_state(task: Task, settings: TrainSettings) -> Callable[[int], TrainState]:
    """What makes the state before the first update: one program for all seeds.

    Args:
      task: what is learned.
      settings: how.

    Returns:
      first(seed) -> the state.

    Raises:
      MemoryError: where it cannot fit into this machine.
    """
    tx = make_optimizer(settings, make_schedule(settings, len(task.batches)))
    start = jit(partial(init_state, task.init, tx, task.estimator_state), runs="once")
    check_fits(start.eval_shape(np.uint32(0)))
    return lambda seed: start(np.uint32(seed % 2**32))  # all that a key takes of it


def make_update(
    task: Task, settings: TrainSettings, axis_name: str | None = None
) -> Update:
    """One update of a task, as a function to be compiled.

    Args:
      task: what is learned.
      settings: how; their learning rate is not used.
      axis_name: of the devices that share a batch's rows, see `train_step`.

    Returns:
      update(state, batch, rate) -> (state, Sums). The learning rate is an argument, so
      that runs which differ in it share a program.
    """
    epoch = len(task.batches)

    def update(
        state: TrainState, batch: Pytree, rate: jax.Array
    ) -> tuple[TrainState, Sums]:
        # Not checked again: here the rate is traced, and has no value.
        schedule = make_schedule(
            settings.model_copy(update={"learning_rate": rate}), epoch
        )
        tx = make_optimizer(settings, schedule)
        return train_step(state, batch, loss=task.loss, tx=tx, axis_name=axis_name)

    return update


def train_loop(
    run_states: Sequence[RunState],
    state: TrainState,
    *,
    update: Update,
    batch: Callable[[int], Pytree],
    member: Callable[[TrainState, int], TrainState],
    shapes: int | None = None,
) -> TrainState:
    """Update until every run is over.

    The runs log and evaluate at the same steps. One that was saved further on than
    others waits for them there.

    Args:
      run_states: one of each run, K of them.
      state: of all runs, as `update` takes it.
      update: update(state, batch, going [K] bool) -> (state, Sums of [K], or of [] for
        K = 1) changes the states of the runs that go.
      batch: the batch of a step.
      member: member(state, k) is the state of run k.
      shapes: how many shapes batches have, where that is known.

    Returns:
      The last state.
    """
    settings = run_states[0].settings
    stages = Stages(run_states, shapes)
    clock = _Clock(stages.compiling)
    while any(run_state.going for run_state in run_states):
        step = min(run_state.step for run_state in run_states if run_state.going)
        going = np.array([run.going and run.step == step for run in run_states])
        # Losses are read only where something is logged: reading one waits for it.
        until = _next(step, settings)
        sums = []
        stages.begin(step, going)
        for at in range(step, until):
            state, batch_sums = clock.time(update, state, batch(at), going)
            sums.append(batch_sums)
            stages.updating(sums)
        stages.wait(sums)
        jax.block_until_ready(state.params)  # updates are dispatched ahead of time
        reading = clock.read(sums)
        under_way = [k for k, goes in enumerate(going) if goes]
        for k in under_way:
            run_states[k].log(reading(k))
        if until % settings.evaluate_every == 0 or until == settings.steps:
            for k in under_way:
                if run_states[k].going:
                    run_states[k].evaluate(member(state, k), clock.seconds)
            clock.skip()
    return state


def _next(step: int, settings: TrainSettings) -> int:
    """The first step after `step` where something is logged or evaluated."""
    every = (settings.log_every, settings.evaluate_every)
    # The next multiple of each, so that a resumed run stops at the same steps.
    return min(settings.steps, *(step // n * n + n for n in every))


class _Clock:
    """Seconds of updates, without compilations and evaluations."""

    def __init__(self, compiling: Callable[[int], None]):
        self.compiling = compiling  # called with the number of the shape, from 1
        # `mark` is moved forward by what is not to be counted.
        self.began = self.mark = time.perf_counter()
        self.shapes: set[tuple[tuple[int, ...], ...]] = set()
        # Tokens of updates that compiled since the last reading, [K] or [].
        self.untimed: np.ndarray = np.zeros((), int)

    def time(
        self, update: Update, state: TrainState, batch: Pytree, going: np.ndarray
    ) -> tuple[TrainState, Sums]:
        """One update; the first of a shape is waited for and not counted."""
        shape = tuple(leaf.shape for leaf in jax.tree.leaves(batch))
        if shape in self.shapes:
            return update(state, batch, going)
        jax.block_until_ready(state.params)
        started = time.perf_counter()
        self.shapes.add(shape)
        self.compiling(len(self.shapes))
        result = jax.block_until_ready(update(state, batch, going))
        self.untimed = self.untimed + np.asarray(result[1].tokens)
        # The whole first update is left out, not just its compilation.
        self.mark += time.perf_counter() - started
        return result

    def read(self, sums: Sequence[Sums]) -> Callable[[int], Updates]:
        """The updates since the last reading, as run k sees them."""
        now = time.perf_counter()
        # Not zero, as it divides: all updates since the mark may have compiled.
        passed, self.mark = max(now - self.mark, 1e-9), now
        values, count = jax.device_get(list(sums)), len(sums)
        # float64, in which the losses of many batches are added up without rounding.
        loss = np.array([batch.loss for batch in values], np.float64)
        tokens = np.array([batch.tokens for batch in values]).reshape(count, -1)
        loss = loss.reshape(count, -1)  # [N, K], also of a run alone
        untimed = np.broadcast_to(self.untimed, tokens.shape[1:])  # [K]
        self.untimed = np.zeros((), int)

        def of(k: int) -> Updates:
            seconds = now - self.began
            return Updates(loss[:, k], tokens[:, k], int(untimed[k]), passed, seconds)

        return of

    def skip(self) -> None:
        """Leave out what has passed since the reading."""
        self.mark = time.perf_counter()

    def seconds(self) -> float:
        """Since the beginning, with all that was left out."""
        return time.perf_counter() - self.began
