"""The training loop: calls the pure step, logs, evaluates, saves, stops."""

import math
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from attnlab import runs
from attnlab.tasks.base import Task
from attnlab.train.checkpoint import Checkpoints
from attnlab.train.optimisers import make_optimiser, make_schedule
from attnlab.train.step import TrainState, init_state, train_step
from attnlab.train.writers import Writer

STOP_ON = {"bleu": 1.0, "perplexity": -1.0}  # sign that makes more of it better


class NonFiniteLoss(ArithmeticError):
    """A loss or a parameter is not a finite number; `step` is the update that did it.

    It is not tried again: the same update from the same checkpoint gives the same.
    """

    def __init__(self, what: str, step: int, last: int | None):
        where = f"checkpoint of step {last}" if last else "no checkpoint before it"
        super().__init__(f"{what} at step {step}; last finite: {where}")
        self.step = step


class Progress(NamedTuple):
    """What a checkpoint keeps beside the state, as JSON.

    best and bad: the best dev metric (more is better) and evaluations since.
    tokens and timed: target tokens and the seconds they took, compilations left out.
    seconds: all the time spent. stopped: "early" or "finished" once training is over.
    """

    best: float | None = None
    bad: int = 0
    tokens: int = 0
    timed: float = 0.0
    seconds: float = 0.0
    stopped: str | None = None


class Trained(NamedTuple):
    """The best parameters, the step they are from, and how training went."""

    params: Any
    best_step: int
    step: int
    progress: Progress


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
    NonFiniteLoss, and ValueError for settings that make no sense.
    """
    if settings["stop_on"] not in STOP_ON:
        choices = ", ".join(STOP_ON)
        raise ValueError(f"unknown stop_on {settings['stop_on']!r}; choose {choices}")
    schedule = make_schedule(settings, len(task.batches))
    tx = make_optimiser(settings, schedule)
    checkpoints = Checkpoints(folder / runs.CHECKPOINTS, fingerprint=fingerprint)
    state = jax.jit(partial(init_state, task.init, tx, task.learner, seed))()
    restored = checkpoints.restore(state)
    progress = Progress()
    if restored is not None:
        state, progress = restored.state, Progress(**restored.extra)
    runs.truncate_metrics(folder, int(state.step))

    update = jax.jit(partial(train_step, loss=task.loss, tx=tx), donate_argnums=0)
    clock = _Clock(progress)
    losses: list[Any] = []
    step = int(state.step)
    while progress.stopped is None:
        state, sums = clock.time(update, state, task.batches.at(step))
        losses.append(sums)
        step += 1
        evaluate = step % settings["evaluate_every"] == 0 or step == settings["steps"]
        if evaluate or step % settings["log_every"] == 0:
            clock.wait(state)
            numbers = _checked(losses, step, checkpoints)
            losses = []
            rate = float(np.asarray(schedule(step - 1)))
            writer.write(step, "train", clock.read(numbers) | {"learning_rate": rate})
        if evaluate:
            _check_params(state.params, step, checkpoints)
            dev = task.validate(state.params)
            writer.write(step, "dev", dev)
            metric = STOP_ON[settings["stop_on"]] * dev[settings["stop_on"]]
            progress = clock.progress(_judge(progress, metric, step, settings))
            checkpoints.save(step, state, progress._asdict(), metric)
    best = checkpoints.restore_best(state)
    if best is None:
        raise RuntimeError(f"no checkpoint of {checkpoints.folder} verifies")
    return Trained(best.state.params, best.step, step, progress)


def _judge(progress: Progress, metric: float, step: int, settings) -> Progress:
    """Patience after an evaluation; a metric that is not finite never improves."""
    improved = math.isfinite(metric) and (
        progress.best is None or metric > progress.best
    )
    best = metric if improved else progress.best
    bad = 0 if improved else progress.bad + 1
    stopped = None
    if settings["patience"] and bad >= settings["patience"]:
        stopped = "early"
    if step >= settings["steps"]:
        stopped = "finished"
    return progress._replace(best=best, bad=bad, stopped=stopped)


def _checked(losses: list[Any], step: int, checkpoints: Checkpoints):
    """Mean loss and tokens of the updates up to `step`; NonFiniteLoss names the first
    that is not finite."""
    totals = np.array([float(sums.loss) for sums in losses])
    tokens = np.array([int(sums.tokens) for sums in losses])
    wrong = np.flatnonzero(~np.isfinite(totals))
    if len(wrong):
        first = int(wrong[0])
        at = step - len(losses) + first + 1
        what = f"loss is {totals[first]}"
        raise NonFiniteLoss(what, at, checkpoints.latest_step)
    return {"loss": totals.sum() / max(tokens.sum(), 1), "tokens": int(tokens.sum())}


def _check_params(params: Any, step: int, checkpoints: Checkpoints) -> None:
    """A finite loss can have a gradient that is not: never save what it leaves."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        if not np.isfinite(np.asarray(leaf)).all():
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            what = f"parameter {name} is not finite"
            raise NonFiniteLoss(what, step, checkpoints.latest_step)


class _Clock:
    """Seconds of a run, and of its updates without their compilation."""

    def __init__(self, progress: Progress):
        self.before = progress
        self.began = time.perf_counter()
        self.shapes: set[Any] = set()
        self.mark = self.began
        self.untimed = 0  # tokens of updates that were compiled since the last reading
        self.tokens, self.timed = progress.tokens, progress.timed

    def time(self, update, state: TrainState, batch):
        shape = tuple(leaf.shape for leaf in jax.tree.leaves(batch))
        if shape in self.shapes:
            return update(state, batch)
        self.wait(state)
        started = time.perf_counter()
        self.shapes.add(shape)
        result = jax.block_until_ready(update(state, batch))
        self.untimed += int(result[1].tokens)
        self.mark += time.perf_counter() - started
        return result

    @staticmethod
    def wait(state: TrainState):
        jax.block_until_ready(state.params)

    def read(self, numbers: dict[str, Any]) -> dict[str, Any]:
        """`loss` with tokens_per_second since the last reading, and seconds so far."""
        now = time.perf_counter()
        passed = max(now - self.mark, 1e-9)
        tokens = numbers["tokens"] - self.untimed
        self.untimed = 0
        self.tokens += tokens
        self.timed += passed
        self.mark = now
        return {
            "loss": numbers["loss"],
            "tokens_per_second": tokens / passed,
            "seconds": self.before.seconds + now - self.began,
        }

    def progress(self, progress: Progress) -> Progress:
        """`progress` with the times so far; evaluation is left out of `timed`."""
        self.mark = time.perf_counter()
        seconds = self.before.seconds + self.mark - self.began
        return progress._replace(tokens=self.tokens, timed=self.timed, seconds=seconds)
