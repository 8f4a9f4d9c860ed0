"""Progress of a sweep: a bar for each run under way, one for all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from attnlab import runs
from attnlab.metrics.registry import METRICS
from attnlab.training.run_config import read_run_config


class Display:
    """Bars on a terminal, a line for each start and end elsewhere.

    Reads the run folders and nothing else, so it serves any executor. To be used as a
    context, while `run_all` calls `notify` and `poll`.

    Attributes:
      folders: those of all runs.
      root: the sweep's folder, from which they are named.
    """

    def __init__(self, folders: Sequence[Path], root: Path):
        # Imported late: only sweeps with a display need rich.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskID,
            TextColumn,
            TimeElapsedColumn,
        )

        self.console = Console(stderr=True)
        self.live = self.console.is_terminal
        self.root = root
        self.progress = Progress(
            # No markup: brackets in a folder's name would be read as a style.
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.live,
        )
        done = sum((folder / runs.RESULT).exists() for folder in folders)
        self.total = len(folders)
        self.ended = done
        self.all = self.progress.add_task(
            "sweep", total=self.total, completed=done, numbers="runs"
        )
        self.bars: dict[Path, TaskID] = {}

    def __enter__(self) -> Self:
        if self.ended:
            self.log(f"{self.ended} of {self.total} runs are finished already")
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def notify(self, event: str, folder: Path) -> None:
        """Show that a run has started, is done, or has failed.

        Args:
          event: "start", "done" or "failed".
          folder: the run's.
        """
        name = str(folder.relative_to(self.root))
        if event == "start":
            steps = read_run_config(folder).settings.train.steps
            self.bars[folder] = self.progress.add_task(name, total=steps, numbers="")
            if not self.live:
                self.log(f"start   {name}")
            return
        # Ended: its bar goes, so that the terminal shows only what is under way.
        self.progress.remove_task(self.bars.pop(folder))
        self.ended += 1
        self.progress.advance(self.all)
        place = f"[{self.ended}/{self.total}]"
        if event == "done":
            result = runs.read_json(folder / runs.RESULT)
            numbers = "  ".join(
                f"{name} {result[name]:.3g}"
                for name in METRICS
                if METRICS[name].better and result.get(name) is not None
            )
            took = f"{result['seconds']:.0f} s"
            self.log(f"done    {name}  {numbers}  {took}  {place}")
        else:
            try:
                error = runs.read_json(folder / runs.ERROR)["error"]
            except (OSError, ValueError):  # another sweep is trying it again
                error = "see its folder"
            self.log(f"FAILED  {name}  {error}  {place}")

    def poll(self) -> None:
        """Bring the bars up to the last line of each run's metrics."""
        for folder, bar in self.bars.items() if self.live else ():
            last = _last_line(folder / runs.METRICS)
            numbers = [f"{n} {last[n]:.3g}" for n in METRICS if last.get(n) is not None]
            step = last.get("step", 0)
            self.progress.update(bar, completed=step, numbers="  ".join(numbers))

    def log(self, text: str) -> None:
        """Print a line above the bars.

        Args:
          text: the line.
        """
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _last_line(path: Path) -> dict[str, float]:
    """Numbers of the last line of metrics.jsonl; {} where it is absent or damaged,
    which the report will say."""
    try:
        lines = runs.read_jsonl(path)
    except (OSError, ValueError):
        return {}
    return lines[-1] if lines else {}
