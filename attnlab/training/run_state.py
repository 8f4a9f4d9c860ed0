"""The course of one run beside its updates: resume, log, evaluate, save, stop."""

import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from attnlab import runs
from attnlab.metrics.registry import METRICS
from attnlab.task import Task
from attnlab.training import processes
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.optimizers import make_schedule
from attnlab.training.step import TrainState
from attnlab.training.writers import Writer


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
    lines: those of metrics.jsonl so far, None in a checkpoint that does not say.
    """

    best: float | None = None
    bad: int = 0
    tokens: int = 0
    timed: float = 0.0
    seconds: float = 0.0
    stopped: str | None = None
    lines: int | None = None


class Trained(NamedTuple):
    """The best parameters, the step they are from, and how training went."""

    params: Any
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

    It is over when `progress.stopped` says so, or when `error` is the NonFiniteLoss
    that ended it. Where several processes train together, the first one resumes,
    evaluates and saves, and tells the others how it stands.
    """

    def __init__(
        self,
        task: Task,
        settings: Mapping[str, Any],
        folder: Path,
        *,
        writer: Writer,
        fingerprint: str | None = None,
    ):
        if settings["stop_on"] not in task.scores:
            choices = ", ".join(task.scores)
            raise ValueError(
                f"unknown stop_on {settings['stop_on']!r}; choose {choices}"
            )
        self.task, self.settings = task, settings
        self.folder, self.writer = folder, writer
        self.schedule = make_schedule(settings, len(task.batches))
        self.checkpoints = Checkpoints(
            folder / runs.CHECKPOINTS, fingerprint=fingerprint
        )
        self.step = 0
        self.progress = Progress()
        self.before = 0.0  # seconds spent before this process
        self.lines = 0  # of metrics.jsonl
        self.error: Exception | None = None

    @property
    def going(self) -> bool:
        return self.error is None and self.progress.stopped is None

    def resume(self, state: TrainState) -> TrainState:
        """The state of the newest checkpoint, or `state` where there is none.

        Only the first of several processes has it then (`ParallelUpdate.place` shares it). A
        checkpoint counts only where the best one of its time is whole: without that the
        run would end with other parameters. What comes after is made again.
        """

        def newest() -> TrainState:
            sound = self.checkpoints.sound_metrics()
            restored = self.checkpoints.restore(
                state, lambda found: found.extra.get("best") in {None, *sound}
            )
            found = state if restored is None else restored.state
            if restored is not None:
                self.progress = Progress(**restored.extra)
            self.step, self.before = int(found.step), self.progress.seconds
            lost = self.checkpoints.latest_step or 0
            if lost > self.step:
                where = f"step {self.step}" if self.step else "the start"
                message = f"training is done again from {where} to step {lost}"
                warnings.warn(message, RuntimeWarning, stacklevel=4)
                self.checkpoints.rewind(self.step)
            self._resume_metrics()
            return found

        found = self._led(newest)
        return found if processes.leading() else state

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
        """Write what the updates came to; the first loss that is not finite ends it."""
        first = self.step + 1
        self.step += len(updates.loss)
        wrong = np.flatnonzero(~np.isfinite(updates.loss))
        if len(wrong):
            what = f"loss is {updates.loss[wrong[0]]}"
            self._fail(what, first + int(wrong[0]))
            return
        tokens = int(updates.tokens.sum())
        timed = tokens - updates.untimed
        self.progress = self.progress._replace(
            tokens=self.progress.tokens + timed,
            timed=self.progress.timed + updates.passed,
        )
        values = {
            "loss": updates.loss.sum() / max(tokens, 1),
            "tokens_per_second": timed / updates.passed,
            "seconds": self.before + updates.seconds,
            "learning_rate": float(np.asarray(self.schedule(self.step - 1))),
        }
        self._write("train", values)

    def evaluate(self, state: TrainState, seconds: Callable[[], float]) -> None:
        """Write the dev metrics, judge them, save; a parameter that is not finite ends
        it. `seconds()` have passed since training began here."""

        self._led(lambda: self._evaluate(state, seconds))

    def _evaluate(self, state: TrainState, seconds: Callable[[], float]) -> None:
        # A finite loss can have a gradient that is not: never save what it leaves.
        for path, leaf in jax.tree_util.tree_flatten_with_path(state.params)[0]:
            if not np.isfinite(np.asarray(leaf)).all():
                name = jax.tree_util.keystr(path, simple=True, separator="/")
                self._fail(f"parameter {name} is not finite", self.step)
                return
        dev = self.task.validate(state.params)
        self._write("dev", dev)
        self.writer.histograms(self.step, lambda: self._distributions(state.params))
        chosen = self.settings["stop_on"]
        metric = METRICS[chosen].better * dev[chosen]
        judged = _judge(self.progress, metric, self.step, self.settings)
        self.progress = judged._replace(
            seconds=self.before + seconds(), lines=self.lines
        )
        self.checkpoints.save(self.step, state, self.progress._asdict(), metric)

    def _distributions(self, params: Any) -> dict[str, Any]:
        """Every parameter by its path, and what the task adds."""
        leaves = jax.tree_util.tree_flatten_with_path(params)[0]
        named = {
            "parameters/" + jax.tree_util.keystr(path, simple=True, separator="/"): leaf
            for path, leaf in leaves
        }
        more = self.task.histograms
        return named | (dict(more(params)) if more is not None else {})

    def best(self, template: TrainState) -> Trained:
        """What training came to; raises what ended it."""

        def found() -> Trained:
            if self.error is not None:
                raise self.error
            folder = self.checkpoints.folder
            best = self.checkpoints.restore_best(template)
            if best is None:
                raise RuntimeError(f"no checkpoint of {folder} verifies")
            if self.progress.best not in {None, Progress(**best.extra).best}:
                raise RuntimeError(
                    f"the best checkpoint of {folder} was damaged; the next try makes "
                    "it again"
                )
            return Trained(best.state.params, best.step, self.step, self.progress)

        return processes.lead(found)

    def _led(self, work: Callable[[], Any]) -> Any:
        """work() on the first process; the others learn how the run stands after it."""

        def standing(_):
            error = None if self.error is None else str(self.error)
            return self.step, self.progress._asdict(), error

        found = processes.lead(work, tell=standing)
        if not processes.leading():
            self.step, progress, error = found
            self.progress = Progress(**progress)
            self.error = None if error is None else processes.LeaderFailed(error)
        return found

    def _write(self, kind: str, values: Mapping[str, Any]) -> None:
        self.writer.write(self.step, kind, values)
        self.lines += 1

    def _fail(self, what: str, step: int) -> None:
        self.error = NonFiniteLoss(what, step, self.checkpoints.latest_step)


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
