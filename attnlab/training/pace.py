"""How far a run is and when it will be done, and that in words of a given width."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import SupportsFloat, TextIO

from attnlab import runs
from attnlab.metrics.registry import METRICS
from attnlab.runs import RunProgress

GAP = "  "  # between the parts of a line
MAIN = ("loss", "tokens_per_second", *METRICS)  # the numbers that displays show
FEWEST = 8  # characters of a name that is shortened


class Pace:
    """Follows a run through its stages, and estimates when its updates will be done.

    Compiling is left out of the estimate, as it happens once a shape. Evaluations come
    back: the shortest so far is taken for those to come, as the first one compiles.

    Attributes:
      progress: what the run is doing.
    """

    def __init__(
        self, steps: int, every: int, clock: Callable[[], float] = time.monotonic
    ):
        """A run before its first stage.

        Args:
          steps: of the whole run.
          every: steps between evaluations.
          clock: the seconds since any moment.
        """
        self.progress = RunProgress(steps=steps)
        self.every, self.clock = every, clock
        self.began = self.mark = clock()
        self.updating = 0.0  # seconds
        self.updates = 0  # that took them
        self.shortest: float | None = None  # evaluation, in seconds
        self.evaluation = 0.0  # seconds of the one under way

    def enter(self, stage: str, step: int, note: str = "") -> RunProgress:
        """Go on in a stage, or into the next.

        Args:
          stage: see `attnlab.runs.RunProgress`.
          step: updates that are done.
          note: more about the stage.

        Returns:
          The progress there.
        """
        now, before = self.clock(), self.progress
        passed, self.mark = now - self.mark, now
        if before.stage == runs.TRAINING:
            self.updating += passed
            self.updates += max(0, step - before.step)
        if before.stage == runs.EVALUATING:
            self.evaluation += passed
            if stage != runs.EVALUATING:
                self.shortest = min(self.evaluation, self.shortest or self.evaluation)
                self.evaluation = 0.0
        self.progress = before._replace(
            stage=stage,
            note=note,
            step=step,
            seconds=now - self.began,
            left=self._left(stage, step),
        )
        return self.progress

    def read(self, values: Mapping[str, object]) -> RunProgress:
        """Take over the last numbers of a run.

        Args:
          values: by name; those that no display shows are left out.

        Returns:
          The progress with them.
        """
        numbers = {
            name: float(value)
            for name in MAIN
            if isinstance(value := values.get(name), SupportsFloat)
        }
        self.progress = self.progress._replace(
            numbers={**self.progress.numbers, **numbers}
        )
        return self.progress

    def _left(self, stage: str, step: int) -> float | None:
        if stage == runs.TESTING:
            return 0.0
        if not self.updates:
            return None
        seconds = self.updating / self.updates * (self.progress.steps - step)
        # Rounded up: the last step is always evaluated.
        evaluations = -(-self.progress.steps // self.every) - step // self.every
        return seconds + evaluations * (self.shortest or 0.0)


def is_live(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can be drawn on.

    Args:
      stream: such as stderr; one that stands in for it (a notebook's) may lack isatty.

    Returns:
      False where lines of plain text have to do.
    """
    if os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    return bool(getattr(stream, "isatty", lambda: False)())


def stage_text(progress: RunProgress) -> str:
    """What a run is doing, in words.

    Args:
      progress: of the run.

    Returns:
      "compiling (shape 2 of 4)", or "step 120/600" while it trains.
    """
    if progress.stage == runs.TRAINING:
        return f"step {progress.step}/{progress.steps}"
    return progress.stage + (f" ({progress.note})" if progress.note else "")


def parts_of(progress: RunProgress) -> list[str]:
    """All that a line says of a run, the most important first.

    Args:
      progress: of the run.

    Returns:
      Stage, time left and the last numbers.
    """
    parts = [stage_text(progress)]
    if progress.left and progress.stage != runs.TESTING:
        parts.append(left_text(progress.left))
    return parts + number_texts(progress.numbers)


def left_text(seconds: float) -> str:
    """The time that is left, in words.

    Args:
      seconds: that are left.

    Returns:
      "0:03:10 left".
    """
    return f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    """Seconds as hours, minutes and seconds.

    Args:
      seconds: from 0.

    Returns:
      "0:03:10".
    """
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def number_texts(numbers: Mapping[str, object]) -> list[str]:
    """Numbers with their names.

    Args:
      numbers: by name; None is left out.

    Returns:
      ["loss 2.310", "tokens/s 51234"].
    """
    return [
        f"{name.replace('_per_second', '/s').replace('_', ' ')} {_number(value)}"
        for name, value in numbers.items()
        if value is not None
    ]


def _number(value: object) -> str:
    if not isinstance(value, SupportsFloat):  # NumPy's and JAX's scalars are
        return str(value)
    value = float(value)
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.1e}"


def fit(parts: Sequence[str], width: int) -> str:
    """As many parts as fit into a line.

    Args:
      parts: the most important first.
      width: characters of the line.

    Returns:
      The first parts; a first one that is too long alone is cut.
    """
    line = parts[0][: max(width, 0)] if parts else ""
    for part in parts[1:]:
        if len(line) + len(GAP) + len(part) > width:
            break
        line += GAP + part
    return line


def shortened(name: str, width: int) -> str:
    """A name without its middle, where it is too long: both ends tell rows apart.

    Args:
      name: a row's, say.
      width: characters that there are for it.

    Returns:
      At most so many: "local-p-gen...input-feeding/0".
    """
    if len(name) <= width:
        return name
    if width < FEWEST:
        return name[: max(width, 0)]
    front = (width - 3) // 2
    return f"{name[:front]}...{name[len(name) - (width - 3 - front) :]}"
