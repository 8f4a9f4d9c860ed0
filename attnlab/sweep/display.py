"""What a sweep shows while it runs: a bar for each run under way, one for all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attnlab import runs
from attnlab.metrics.registry import METRICS


class Display:
    """Bars on a terminal, a line for each start and end elsewhere.

    Reads the run folders and nothing else, so it may be attached to any executor.
    Use as a context; `notify` and `poll` are what executors call.
    """

    def __init__(self, folders: Sequence[Path], root: Path):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self.console = Console(stderr=True)
        self.live = self.console.is_terminal
        self.root = root
        self.progress = Progress(
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
        self.bars: dict[Path, Any] = {}

    def __enter__(self) -> "Display":
        if self.ended:
            self.log(f"{self.ended} of {self.total} runs are finished already")
        self.progress.start()
        return self

    def __exit__(self, *exception) -> None:
        self.progress.stop()

    def notify(self, event: str, folder: Path) -> None:
        """A run has started, is done, or has failed."""
        name = str(folder.relative_to(self.root))
        if event == "start":
            steps = runs.read_json(folder / runs.CONFIG)["train"]["steps"]
            self.bars[folder] = self.progress.add_task(name, total=steps, numbers="")
            if not self.live:
                self.log(f"start   {name}")
            return
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
            self.progress.update(
                bar, completed=last.get("step", 0), numbers="  ".join(numbers)
            )

    def log(self, text: str) -> None:
        """Print a line above the bars."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _last_line(path: Path) -> dict[str, Any]:
    """Its numbers; nothing where the file is absent or damaged: the report says it."""
    try:
        lines = runs.read_jsonl(path)
    except (OSError, ValueError):
        return {}
    return lines[-1] if lines else {}
