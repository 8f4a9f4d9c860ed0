"""Progress of a sweep: a line for each run under way, one for all."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self, TextIO

from attnlab import runs
from attnlab.metrics.registry import METRICS
from attnlab.training.pace import (
    GAP,
    duration,
    fit,
    is_live,
    left_text,
    parts_of,
    shortened,
    stage_text,
)

POLL_SECONDS = 1.0  # between two looks at the runs under way, and 0.01 more for each
LINE_SECONDS = 30.0  # without a terminal: between two lines on the sweep as a whole
SHOWN = 4  # runs in such a line
STARTING = runs.RunProgress()  # of a process that has said nothing yet


class Watched(NamedTuple):
    """A run under way, as it was last seen.

    began: when it started, by the display's clock. tested: when it came to its test,
    None before that. progress: what it says of itself. stages: those that it has been
    seen in.
    """

    began: float
    tested: float | None = None
    progress: runs.RunProgress = STARTING
    stages: frozenset[str] = frozenset()


class Display:
    """Bars on a terminal; elsewhere a line for each start, stage and end of a run.

    Reads the run folders and nothing else, so it serves any executor. To be used as a
    context, while `run_all` calls `notify` and `poll`. On a terminal no line is longer
    than its width.

    Attributes:
      folders: those of all runs.
      root: the sweep's folder, from which they are named.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        root: Path,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """A display of runs none of which is under way.

        Args:
          folders: those of all runs.
          root: the sweep's folder.
          stream: where to write; stderr by default.
          clock: the seconds since any moment.
        """
        # Imported late: only sweeps with a display need rich.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn

        output: TextIO = sys.stderr if stream is None else stream
        self.live = is_live(output)
        # Forced either way: in a file rich's guess by variables could put colors.
        self.console = Console(file=output, force_terminal=self.live)
        self.root, self.clock = root, clock
        self.bar = min(24, self.console.width // 5)
        self.progress = Progress(
            # No markup: brackets in a folder's name would be read as a style.
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=self.bar),
            TextColumn("{task.fields[text]}", markup=False),
            console=self.console,
            auto_refresh=False,  # `poll` draws
            disable=not self.live,
        )
        done = [folder for folder in folders if (folder / runs.RESULT).exists()]
        self.total, self.ended = len(folders), len(done)
        self.all = self.progress.add_task("sweep", total=self.total, text="")
        self.bars: dict[Path, TaskID] = {}
        self.free: list[TaskID] = []
        self.watched: dict[Path, Watched] = {}
        self.most = 1  # runs that were under way at once
        self.earlier = done  # finished by other sweeps
        self.took: list[float] = []  # seconds of runs, from start to end
        self.tests: list[float] = []  # and of their tests alone
        self.began, self.due, self.line_due = clock(), 0.0, clock() + LINE_SECONDS
        # Drawing is most of what a sweep of many short runs costs, so what happens
        # between two calls of `poll` is drawn by the next one, all at once.
        self.drawing = False  # whether there are bars
        self.stale = False  # whether they are out of date
        self.lines: list[str] = []  # to be printed above them

    def __enter__(self) -> Self:
        if self.ended:
            self.log(f"{self.ended} of {self.total} runs are finished already")
        self.progress.start()
        self.drawing = self.live
        self._draw()
        return self

    def __exit__(self, *exception: object) -> None:
        self._draw()
        self.drawing = False
        self.progress.stop()

    def notify(self, event: str, folder: Path) -> None:
        """Show that a run has started, is done, or has failed.

        Args:
          event: "start", "done" or "failed".
          folder: the run's.
        """
        name = self._name(folder)
        if event == "start":
            self.watched[folder] = Watched(self.clock())
            self.most = max(self.most, len(self.watched))
            # It is drawn at once, before `_draw` gives all names one width.
            short = shortened(name, self.console.width // 4)
            # A new bar draws all of them, so those of runs that ended are taken first.
            if not self.free:
                self.free.append(self.progress.add_task(short, text=""))
            bar = self.bars[folder] = self.free.pop(0)
            look = {"description": short, "visible": True, "text": ""}
            self.progress.update(bar, total=1, completed=0, **look)
            if not self.live:
                self.log(f"start   {name}")
            self.stale = True
            return
        # Ended: its bar goes, so that the terminal shows only what is under way.
        bar = self.bars.pop(folder)
        self.progress.update(bar, visible=False)
        self.free.append(bar)
        run = self.watched.pop(folder)
        self.ended += 1
        place = f"[{self.ended}/{self.total}]"
        if event == "done":
            self.took.append(self.clock() - run.began)
            if run.tested is not None:
                self.tests.append(self.clock() - run.tested)
            result = runs.read_json(folder / runs.RESULT)
            numbers = [
                f"{name} {result[name]:.3g}"
                for name in METRICS
                if METRICS[name].better and result.get(name) is not None
            ]
            self._ended("done", name, numbers, [f"{result['seconds']:.0f} s", place])
        else:
            try:
                error = runs.read_json(folder / runs.ERROR)["error"]
            except (OSError, ValueError):  # another sweep is trying it again
                error = "see its folder"
            self._ended("FAILED", name, [str(error)], [place])
        self.stale = True

    def poll(self) -> None:
        """Show what the runs under way say of themselves, once a second."""
        now = self.clock()
        if now < self.due:
            if self.stale:
                self._draw()
            return
        self.due = now + POLL_SECONDS + 0.01 * len(self.watched)
        for folder, run in self.watched.items():
            progress = runs.read_progress(folder)
            if progress is not None:
                self.watched[folder] = self._seen(folder, run, progress)
            elif not (folder / runs.RESULT).exists():  # killed, to be tried again
                self.watched[folder] = run._replace(progress=STARTING, tested=None)
        if self.live:
            self._draw()
        elif now >= self.line_due:
            self._line()

    def _seen(self, folder: Path, run: Watched, progress: runs.RunProgress) -> Watched:
        stage, testing = progress.stage, progress.stage == runs.TESTING
        if not self.live and stage not in run.stages:
            parts = [self._name(folder), *parts_of(progress._replace(numbers={}))]
            self.log(GAP.join(parts))
            self.line_due = self.clock() + LINE_SECONDS
        if testing and run.progress.stage != stage:
            run = run._replace(tested=self.clock())
        return run._replace(
            progress=progress,
            stages=run.stages | {stage},
            tested=run.tested if testing else None,
        )

    def seconds_left(self) -> float | None:
        """The time until the last run ends, from those that ended and those under way.

        Returns:
          Seconds; None where there is nothing to tell it from yet.
        """
        now = self.clock()
        test = statistics.fmean(self.tests) if self.tests else 0.0
        lefts: dict[Path, float] = {}
        for folder, run in self.watched.items():
            if run.tested is not None:
                lefts[folder] = max(0.0, test - (now - run.tested))
            elif run.progress.left is not None:
                lefts[folder] = run.progress.left + test
        whole = self.took + [
            now - self.watched[folder].began + left for folder, left in lefts.items()
        ]
        if not whole:
            results = [runs.read_json(f / runs.RESULT) for f in self.earlier[:SHOWN]]
            whole = [r["seconds"] for r in results if r.get("seconds") is not None]
        if not whole:
            return None
        typical = statistics.fmean(whole)
        for folder, run in self.watched.items():  # those that say nothing of it yet
            lefts.setdefault(folder, max(0.0, typical - (now - run.began)))
        waiting = self.total - self.ended - len(self.watched)
        together = sum(lefts.values()) + waiting * typical
        return max([together / self.most, *lefts.values()])

    def log(self, text: str) -> None:
        """Print a line above the bars, with the next drawing of those.

        Args:
          text: the line; on a terminal what is longer is broken between words.
        """
        if self.drawing:
            self.lines.append(text)
            self.stale = True
        else:
            self._print(text)

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=not self.live)

    def _ended(
        self, event: str, name: str, middle: Sequence[str], end: Sequence[str]
    ) -> None:
        """A line on a run that ended: `middle` gives way where there is little room."""
        if not self.live:
            self.log(f"{event:<8}{GAP.join([name, *middle, *end])}")
            return
        tail = GAP + GAP.join(end)
        room = self.console.width - len(tail)
        head = f"{event:<8}{shortened(name, min(self.console.width // 2, room - 8))}"
        if event == "FAILED":  # of an error a part is better than nothing
            middle = [shortened(" ".join(middle), room - len(head) - len(GAP))]
        self.log(fit([head, *middle], room) + tail)

    def _line(self) -> None:
        self.line_due = self.clock() + LINE_SECONDS
        names = [
            f"{self._name(folder)} {stage_text(run.progress)}"
            for folder, run in list(self.watched.items())[:SHOWN]
        ]
        more = len(self.watched) - SHOWN
        names += [f"and {more} more"] if more > 0 else []
        self.log(GAP.join([*self._overall(), *names]))

    def _overall(self) -> list[str]:
        left = self.seconds_left()
        parts = [f"{self.ended}/{self.total} runs"]
        return parts + ([left_text(left)] if left else [])

    def _draw(self) -> None:
        """Print new lines and bring the bars up to date, each on one line."""
        self.stale = False
        if not self.live:
            return
        if self.lines:
            self._print("\n".join(self.lines))
            self.lines = []
        width = self.console.width
        names = [self._name(folder) for folder in self.watched]
        # Two blanks between three columns.
        room = width - self.bar - 2
        longest = min(max(map(len, [*names, "sweep"])), room // 2)
        for folder, run in self.watched.items():
            self.progress.update(
                self.bars[folder],
                total=run.progress.steps or 1,  # an empty bar, until it says more
                completed=run.progress.step,
                description=shortened(self._name(folder), longest),
                text=fit(parts_of(run.progress), room - longest),
            )
        passed = f"{duration(self.clock() - self.began)} so far"
        self.progress.update(
            self.all,
            completed=self.ended,
            description=shortened("sweep", longest),
            text=fit([*self._overall(), passed], room - longest),
        )
        self.progress.refresh()

    def _name(self, folder: Path) -> str:
        return str(folder.relative_to(self.root))
