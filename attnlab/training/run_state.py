"""The state of one run beside its updates: resume, log, evaluate, save, stop."""

import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import jax
import numpy as np

from attnlab import runs
from attnlab.metrics.registry import METRICS
from attnlab.settings import TrainSettings
from attnlab.task import Task, check_stop_on
from attnlab.training import processes
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.held_signals import held_signals
from attnlab.training.optimizers import make_schedule
from attnlab.training.step import Pytree, TrainState
from attnlab.training.writers import Writer

Value = TypeVar("Value")


class NonFiniteLoss(ArithmeticError):
    """A loss or a parameter is not a finite number; `step` is the update that did it.

    It is not tried again: the same update from the same checkpoint gives the same.
    `last` is the step of the newest checkpoint, None without one.
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
    lines: those of metrics.jsonl so far, None in a checkpoint that lacks the number.
    """

    best: float | None = None
    bad: int = 0
    tokens: int = 0
    timed: float = 0.0
    seconds: float = 0.0
    stopped: str | None = None
    lines: int | None = None


class Trained(NamedTuple):
    """What training came to.

    params: the best parameters. best_step: the update that they are of. step: the last
    update. progress: how it went.
    """

    params: Pytree
    best_step: int
    step: int
    progress: Progress


class Updates(NamedTuple):
    """The updates since the last reading of the clock.

    loss, tokens: [N], summed over each batch. untimed: tokens of those that compiled.
    passed: seconds that the others took. seconds: since training began here.
    """

    loss: np.ndarray
    tokens: np.ndarray
    untimed: int
    passed: float
    seconds: float


class RunState:
    """One run as its updates see it: where it is, and whether it goes on.

    It is over when `progress.stopped` is set, or when `error` is the NonFiniteLoss that
    ended it. Where several processes train together, the first one resumes, evaluates
    and saves, and sends the others the outcome.

    Attributes:
      step: updates so far.
      progress: what the next checkpoint keeps beside the state.
      before: seconds spent before this process.
      lines: those of metrics.jsonl.
      begins_at: the step that it goes on from another run at, 0 where it does not.
      error: what ended the run, if anything did.
    """

    def __init__(
        self,
        task: Task,
        settings: TrainSettings,
        folder: Path,
        *,
        writer: Writer,
        fingerprint: str | None = None,
        begins_at: int = 0,
    ):
        check_stop_on(settings, task.scores)
        self.task, self.settings = task, settings
        self.folder, self.writer, self.begins_at = folder, writer, begins_at
        self.schedule = make_schedule(settings, len(task.batches))
        self.checkpoints = Checkpoints(
            folder / runs.CHECKPOINTS, fingerprint=fingerprint
        )
        self.step = 0
        self.progress = Progress()
        self.before = 0.0
        self.lines = 0
        self.error: Exception | None = None

    @property
    def going(self) -> bool:
        """Whether there are updates to come."""
        return self.error is None and self.progress.stopped is None

    def resume(self, state: TrainState) -> TrainState:
        """The state of the newest checkpoint, or the given one where there is none.

        A checkpoint counts only where the best one of its time is whole: without that
        the run would end with other parameters. What comes after it is made again.

        Args:
          state: before the first update.

        Returns:
          The state to go on from. Of several processes only the first has the
          checkpoint's; `ParallelUpdate.place` shares it.

        Raises:
          ValueError: where the checkpoint is of another configuration or model, or the
            one that the run begins at is gone.
        """

        def newest() -> TrainState:
            # None: where no evaluation has been finite yet there is no best one.
            sound = {None, *self.checkpoints.sound_metrics()}
            restored = self.checkpoints.restore(
                state, lambda candidate: Progress(**candidate.extra).best in sound
            )
            if restored is not None:
                self.progress = Progress(**restored.extra)
            resumed = state if restored is None else restored.state
            self.step, self.before = int(resumed.step), self.progress.seconds
            self._check_begun()
            lost = self.checkpoints.latest_step or 0
            if lost > self.step:
                start = f"step {self.step}" if self.step else "the start"
                message = f"training is done again from {start} to step {lost}"
                warnings.warn(message, RuntimeWarning, stacklevel=4)
                self.checkpoints.rewind(self.step)
            self._resume_metrics()
            return resumed

        resumed = self._lead(newest)
        return state if resumed is None else resumed

    def _check_begun(self) -> None:
        """At the end of the run that this one goes on from, it has not stopped."""
        if self.step < self.begins_at:
            raise ValueError(
                f"{self.folder} goes on from step {self.begins_at} of another run, and "
                "has no checkpoint of that step or a later one that verifies; "
                "experiments.train --extend takes it from there again"
            )
        if self.begins_at and self.step == self.begins_at:
            # Its patience begins anew, or one that ran out of it would stop at once.
            self.progress = self.progress._replace(stopped=None, bad=0)

    def _resume_metrics(self) -> None:
        """Cut metrics.jsonl to the step; says where it has lost lines."""
        path = self.folder / runs.METRICS
        before = path.read_bytes() if path.exists() else b""
        lines = runs.truncate_metrics(self.folder, self.step)
        missing = (self.progress.lines or 0) - lines
        if missing > 0:
            runs.keep(self.folder, {runs.METRICS: before})
            message = f"{path} has lost {missing} lines up to step {self.step}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        self.lines = lines

    def log(self, updates: Updates) -> None:
        """Write what updates came to; the first loss that is not finite ends the run.

        Args:
          updates: those since the last call.
        """
        first = self.step + 1
        self.step += len(updates.loss)
        # Found when the losses are read: waiting at every update would be slow.
        wrong = np.flatnonzero(~np.isfinite(updates.loss))
        if len(wrong):
            what = f"loss is {updates.loss[wrong[0]]}"
            # The first one: those after it only inherit the damage.
            self._fail(what, first + int(wrong[0]))
            return
        tokens = int(updates.tokens.sum())
        timed = tokens - updates.untimed
        self.progress = self.progress._replace(
            tokens=self.progress.tokens + timed,
            timed=self.progress.timed + updates.passed,
        )
        values = {
            # The mean per token, not the mean of the batches' means.
            "loss": updates.loss.sum() / max(tokens, 1),
            "tokens_per_second": timed / updates.passed,
            "seconds": self.before + updates.seconds,
            # The rate of the last update: optax counts them from 0.
            "learning_rate": float(np.asarray(self.schedule(self.step - 1))),
        }
        self._write("train", values)

    def evaluate(self, state: TrainState, seconds: Callable[[], float]) -> None:
        """Write the dev metrics, judge them and save a checkpoint.

        A parameter that is not finite ends the run instead.

        Args:
          state: after the last update.
          seconds: gives the time since training began in this process.
        """
        self._lead(lambda: self._evaluate(state, seconds))

    def _evaluate(self, state: TrainState, seconds: Callable[[], float]) -> None:
        # A finite loss can have a gradient that is not: never save what it leaves.
        for path, leaf in jax.tree_util.tree_flatten_with_path(state.params)[0]:
            if not np.isfinite(np.asarray(leaf)).all():
                name = jax.tree_util.keystr(path, simple=True, separator="/")
                self._fail(f"parameter {name} is not finite", self.step)
                return
        self.writer.stage(runs.EVALUATING, self.step)
        dev = self.task.validate(state.params)
        self._write("dev", dev)
        self.writer.histograms(self.step, lambda: self._distributions(state.params))
        stop_on = self.settings.stop_on
        # Turned so that more is better, whatever the score.
        metric = METRICS[stop_on].better * dev[stop_on]
        # Before saving, as the checkpoint has to know whether the run has stopped.
        judged = _judge(self.progress, metric, self.step, self.settings)
        self.progress = judged._replace(
            seconds=self.before + seconds(), lines=self.lines
        )
        with held_signals():  # else Ctrl-C here would lose what was just learned
            self.checkpoints.save(self.step, state, self.progress._asdict(), metric)

    def _distributions(self, params: Pytree) -> dict[str, object]:
        """Every parameter by its path, and what the task adds."""
        leaves = jax.tree_util.tree_flatten_with_path(params)[0]
        named = {
            "parameters/" + jax.tree_util.keystr(path, simple=True, separator="/"): leaf
            for path, leaf in leaves
        }
        histograms = self.task.histograms
        return named | (dict(histograms(params)) if histograms is not None else {})

    def best(self, template: TrainState) -> Trained | None:
        """What training came to.

        Args:
          template: a state of the same structure, to restore the best one into.

        Returns:
          The best parameters and how training went; None on the others of several
          processes.

        Raises:
          NonFiniteLoss: where that ended the run.
          RuntimeError: where the best checkpoint cannot be read.
        """

        def restore() -> Trained:
            if self.error is not None:
                raise self.error
            folder = self.checkpoints.folder
            best = self.checkpoints.restore_best(template)
            if best is None:
                raise RuntimeError(f"no checkpoint of {folder} verifies")
            # The best that verifies may be only the second best.
            if self.progress.best not in {None, Progress(**best.extra).best}:
                raise RuntimeError(
                    f"the best checkpoint of {folder} was damaged; the next try makes "
                    "it again"
                )
            return Trained(best.state.params, best.step, self.step, self.progress)

        return processes.lead(restore)

    def _lead(self, work: Callable[[], Value]) -> Value | None:
        """work() on the first process; the others get None, and the state of the run
        after it."""

        def standing(_: Value) -> tuple[int, dict[str, object], str | None]:
            error = None if self.error is None else str(self.error)
            return self.step, self.progress._asdict(), error

        if processes.leading():
            return processes.lead(work, tell=standing)
        self.step, progress, error = processes.lead(work, tell=standing)
        self.progress = Progress(**progress)
        self.error = None if error is None else processes.LeaderFailed(error)
        return None

    def _write(self, kind: str, values: Mapping[str, object]) -> None:
        self.writer.write(self.step, kind, values)
        self.lines += 1

    def _fail(self, what: str, step: int) -> None:
        self.error = NonFiniteLoss(what, step, self.checkpoints.latest_step)


def _judge(
    progress: Progress, metric: float, step: int, settings: TrainSettings
) -> Progress:
    """Patience after an evaluation; a metric that is not finite never improves."""
    improved = math.isfinite(metric) and (
        progress.best is None or metric > progress.best
    )
    best = metric if improved else progress.best
    bad = 0 if improved else progress.bad + 1
    stopped = None
    if settings.patience and bad >= settings.patience:
        stopped = "early"
    # Checked last: at its last step a run is finished, out of patience or not.
    if step >= settings.steps:
        stopped = "finished"
    return progress._replace(best=best, bad=bad, stopped=stopped)
