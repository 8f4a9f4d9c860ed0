"""The training loop: calls the pure step, and tells each run's course what came of it.

A run alone and the replicas of one program (`attnlab.training.replicas`) go through the
same loop.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from attnlab.task import Task
from attnlab.training import parallel, processes
from attnlab.training.memory_check import check_fits
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.run_state import NonFiniteLoss, RunState, Trained, Updates
from attnlab.training.step import TrainState, init_state, train_step
from attnlab.training.writers import Writer

__all__ = ["RunState", "NonFiniteLoss", "Trained", "train"]


def train(
    task: Task,
    settings: Mapping[str, Any],
    folder: Path,
    *,
    seed: int,
    writer: Writer,
    fingerprint: str | None = None,
) -> Trained:
    """Train `task` in a run folder, from its newest checkpoint if there is one.

    On a CPU a run that was killed ends with the numbers of one that was not. Raises
    NonFiniteLoss, and ValueError for settings that make no sense. Where several
    processes train together, the first one gets what training came to, the others None.
    """
    run_state = RunState(task, settings, folder, writer=writer, fingerprint=fingerprint)
    parallel_update = parallel.parallel_update(
        partial(make_update, task, settings),
        parallel.layout_of(settings),
        shared=task.shared,
    )
    state = parallel_update.place(run_state.resume(first_state(task, settings)(seed)))
    rate = np.float32(settings["learning_rate"])
    state = train_loop(
        [run_state],
        state,
        update=lambda state, batch, going: parallel_update.update(state, batch, rate),
        batch=_reader(task.batches),
        member=lambda state, index: parallel_update.fetch(state),
    )
    return run_state.best(parallel_update.fetch(state))


def _reader(batches: Any) -> Callable[[int], Any]:
    """The batch of a step, or as much of it as this process computes (`Task.batches`).

    Processes share the rows in their order, as `jax.devices` has their devices.
    """
    own = getattr(batches, "own", None)
    if own is None or processes.count() == 1:
        return batches.at
    return partial(own, process=jax.process_index(), processes=processes.count())


def first_state(task: Task, settings: Mapping[str, Any]) -> Callable[[int], TrainState]:
    """The state before the first update, by seed: one program for all seeds.

    MemoryError where it cannot fit into this machine.
    """
    tx = make_optimizer(settings, make_schedule(settings, len(task.batches)))
    start = jax.jit(partial(init_state, task.init, tx, task.estimator_state))
    check_fits(start.eval_shape(np.uint32(0)))
    return lambda seed: start(np.uint32(seed % 2**32))  # all that a key takes of it


def make_update(
    task: Task, settings: Mapping[str, Any], axis_name: str | None = None
) -> Callable[..., Any]:
    """update(state, batch, rate) -> (state, Sums), `rate` the learning rate: an
    argument, so that runs which differ in it share a program."""
    epoch = len(task.batches)

    def update(state: TrainState, batch, rate):
        schedule = make_schedule({**settings, "learning_rate": rate}, epoch)
        tx = make_optimizer(settings, schedule)
        return train_step(state, batch, loss=task.loss, tx=tx, axis_name=axis_name)

    return update


def train_loop(
    run_states: Sequence[RunState],
    state: TrainState,
    *,
    update: Callable[..., Any],
    batch: Callable[[int], Any],
    member: Callable[[TrainState, int], TrainState],
) -> TrainState:
    """Update until every course is over; returns the last state.

    update(state, batch, going [K] bool) -> (state, Sums of [K], or of [] for K = 1)
    changes the states of those that go; member(state, k) is the state of course k. The
    courses log and evaluate at the same steps. One that was saved further on than
    others waits for them there.
    """
    settings = run_states[0].settings
    clock = _Clock()
    while any(run_state.going for run_state in run_states):
        step = min(run_state.step for run_state in run_states if run_state.going)
        going = np.array([c.going and c.step == step for c in run_states])
        until = _next(step, settings)
        sums = []
        for at in range(step, until):
            state, now = clock.time(update, state, batch(at), going)
            sums.append(now)
        jax.block_until_ready(state.params)
        reading = clock.read(sums)
        under_way = [k for k, goes in enumerate(going) if goes]
        for k in under_way:
            run_states[k].log(reading(k))
        if until % settings["evaluate_every"] == 0 or until == settings["steps"]:
            for k in under_way:
                if run_states[k].going:
                    run_states[k].evaluate(member(state, k), clock.seconds)
            clock.skip()
    return state


def _next(step: int, settings: Mapping[str, Any]) -> int:
    """The first step after `step` where something is logged or evaluated."""
    every = (settings["log_every"], settings["evaluate_every"])
    return min(settings["steps"], *(step // n * n + n for n in every))


class _Clock:
    """Seconds of updates, without compilations and evaluations."""

    def __init__(self):
        self.began = self.mark = time.perf_counter()
        self.shapes: set[Any] = set()
        self.untimed: Any = 0  # tokens of updates that compiled since the last reading

    def time(self, update, state: TrainState, batch, going):
        """One update; the first of a shape is waited for and not counted."""
        shape = tuple(leaf.shape for leaf in jax.tree.leaves(batch))
        if shape in self.shapes:
            return update(state, batch, going)
        jax.block_until_ready(state.params)
        started = time.perf_counter()
        self.shapes.add(shape)
        result = jax.block_until_ready(update(state, batch, going))
        self.untimed = self.untimed + np.asarray(result[1].tokens)
        self.mark += time.perf_counter() - started
        return result

    def read(self, sums: Sequence[Any]) -> Callable[[int], Updates]:
        """The updates since the last reading, as course k sees them."""
        now = time.perf_counter()
        passed, self.mark = max(now - self.mark, 1e-9), now
        sums, count = jax.device_get(list(sums)), len(sums)
        loss = np.array([one.loss for one in sums], np.float64).reshape(count, -1)
        tokens = np.array([one.tokens for one in sums]).reshape(count, -1)
        untimed = np.broadcast_to(self.untimed, tokens.shape[1:])
        self.untimed = 0

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
