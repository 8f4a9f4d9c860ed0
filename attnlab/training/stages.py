"""Says to the writers of runs what their loop is doing."""

import time
from collections.abc import Callable, Sequence

import jax
import numpy as np

from attnlab import runs
from attnlab.nn.losses import Sums
from attnlab.training.run_state import RunState
from attnlab.training.step import Pytree

SAY_SECONDS = 0.1  # updates can take less than a millisecond


class Stages:
    """The stages of runs that are updated together.

    JAX computes updates after it has been asked for them, so that the number of those
    that are done is read from their sums, without waiting for any.
    """

    def __init__(self, run_states: Sequence[RunState], shapes: int | None = None):
        """All of them at their first update.

        Args:
          run_states: one of each run.
          shapes: how many shapes batches have, where that is known.
        """
        self.run_states, self.shapes = run_states, shapes
        self.going: Sequence[RunState] = ()
        self.step = self.done = 0  # when the round began; updates done since then
        self.due = 0.0  # when the next word on them is
        self.sums: Sequence[Sums] = ()  # of the updates of this round

    def begin(self, step: int, going: np.ndarray) -> None:
        """A round of updates begins.

        Args:
          step: that it starts from.
          going: [K] bool, which runs take part.
        """
        self.step, self.done, self.due = step, 0, 0.0
        self.sums = ()
        self.going = [
            run for run, goes in zip(self.run_states, going, strict=True) if goes
        ]

    def compiling(self, number: int) -> None:
        """The program of a new shape is compiled, with its first update.

        Args:
          number: of the shape, from 1.
        """
        self.done = len(self.sums)  # the loop has waited for them
        of = f" of {max(self.shapes, number)}" if self.shapes else ""
        self._say(runs.COMPILING, f"shape {number}{of}")

    def updating(self, sums: Sequence[Sums]) -> None:
        """Say how far the updates are that have been asked for.

        Args:
          sums: of the updates of this round, [N].
        """
        self.sums = sums
        if time.monotonic() < self.due:
            return
        while self.done < len(sums) and _is_ready(sums[self.done].tokens):
            self.done += 1
        self._say(runs.TRAINING)

    def wait(self, sums: Sequence[Sums]) -> None:
        """Wait for all of them, and say how far they are meanwhile.

        Args:
          sums: of the updates of this round, [N].
        """
        while self.done < len(sums):
            jax.block_until_ready(sums[self.done].tokens)
            self.done += 1
            if time.monotonic() >= self.due or self.done == len(sums):
                self._say(runs.TRAINING)

    def _say(self, stage: str, note: str = "") -> None:
        # After a compilation at once, so that what it took is not counted as updates.
        self.due = time.monotonic() + SAY_SECONDS if stage == runs.TRAINING else 0.0
        for run_state in self.going:
            run_state.writer.stage(stage, self.step + self.done, note)


def _is_ready(array: jax.Array) -> bool:
    # JAX has it in all its arrays, and documents it for none.
    ready: Callable[[], bool] | None = getattr(array, "is_ready", None)
    return ready is None or ready()


def shapes_of(batches: Pytree) -> int | None:
    """How many shapes batches have, and so programs.

    Args:
      batches: those of a Task.

    Returns:
      Their number, None where batches do not tell it.
    """
    shapes = getattr(batches, "shapes", None)  # `Task.batches` may do without
    return None if shapes is None else len(shapes)
