"""Writers: where the numbers of a run go besides its result.

A writer is a few functions. `jsonl_writer` writes metrics.jsonl, from which reports are
made; `console_writer` shows progress and `progress_writer` publishes it for others;
`wandb_writer` and `tensorboard_writer` (in files of their own) mirror a run; `several`
makes one writer of many.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

from attnlab import runs
from attnlab.training.pace import (
    MAIN,
    Pace,
    fit,
    is_live,
    left_text,
    number_texts,
    parts_of,
)

PUBLISH_SECONDS = 1.0  # between two versions of progress.json in one stage
LINE_SECONDS = 30.0  # without a terminal: until the next line on the step
DRAW_SECONDS = 0.1  # on a terminal: until the bar is drawn again in one stage
BAR = 16  # characters

Values = Mapping[str, object]  # numbers of one moment by name; None: not measured
Arrays = Callable[[], Mapping[str, object]]  # called by a writer that shows them, only


class ShowStage(Protocol):
    """Called with what a run is doing: see `attnlab.runs.RunProgress`."""

    def __call__(self, name: str, step: int, note: str = "") -> None: ...


def _no_stage(name: str, step: int, note: str = "") -> None:
    del name, step, note


class Writer(NamedTuple):
    """Where numbers go.

    write(step, kind, values): values of one moment; kind is "train", "dev" or "test".
    conclude(): the run is done: result.json and the rest are written.
    close(): to be called once, at the end.
    histograms(step, arrays): {name: array} whose distribution can be shown.
    stage(name, step, note): what the run is doing, at every change and now and then.
    """

    write: Callable[[int, str, Values], None]
    conclude: Callable[[], None]
    close: Callable[[], None]
    histograms: Callable[[int, Arrays], None] = lambda step, arrays: None
    stage: ShowStage = _no_stage


def several(*writers: Writer) -> Writer:
    """One writer that passes everything to all of them, in their order.

    Args:
      writers: any number of them; without any, nothing is written.

    Returns:
      The writer; its `close` closes every one, also when another fails on it.
    """

    def write(step: int, kind: str, values: Values) -> None:
        for writer in writers:
            writer.write(step, kind, values)

    def conclude() -> None:
        for writer in writers:
            writer.conclude()

    def histograms(step: int, arrays: Arrays) -> None:
        for writer in writers:
            writer.histograms(step, arrays)

    def stage(name: str, step: int, note: str = "") -> None:
        for writer in writers:
            writer.stage(name, step, note)

    def close() -> None:
        with ExitStack() as stack:  # which goes on to the others after an error
            for writer in reversed(writers):
                stack.callback(writer.close)

    return Writer(write, conclude, close, histograms, stage)


def jsonl_writer(folder: str | os.PathLike) -> Writer:
    """A writer that adds a line to metrics.jsonl for each `write`.

    A line is on its way to the disk when `write` returns: killing the process loses
    none. A value that is not finite becomes null. Histograms are not written.

    Args:
      folder: the run's folder.

    Returns:
      The writer.
    """
    folder = Path(folder)

    def write(step: int, kind: str, values: Values) -> None:
        record = {"step": int(step), "kind": kind, **values}
        runs.append_jsonl(folder / runs.METRICS, record)

    return Writer(write, _nothing, _nothing)


def progress_writer(
    folder: str | os.PathLike,
    steps: int,
    every: int,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Writer:
    """A writer that publishes in the run's folder what it is doing (progress.json).

    At every change of stage, and during one at most each PUBLISH_SECONDS.

    Args:
      folder: the run's.
      steps: of the whole run.
      every: steps between evaluations.
      clock: the seconds since any moment.

    Returns:
      The writer; its `close` removes the file.
    """
    pace, published, due = Pace(steps, every, clock), None, 0.0

    def stage(name: str, step: int, note: str = "") -> None:
        nonlocal published, due
        progress = pace.enter(name, step, note)
        if (name, note) == published and clock() < due:
            return
        published, due = (name, note), clock() + PUBLISH_SECONDS
        runs.write_progress(folder, progress)

    def write(step: int, kind: str, values: Values) -> None:
        del step, kind
        pace.read(values)

    return Writer(write, _nothing, lambda: runs.remove_progress(folder), stage=stage)


def console_writer(
    steps: int,
    every: int,
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Writer:
    """A writer that shows what a run is doing, and how much time is left.

    On a terminal it is one moving bar with the last numbers. Elsewhere it is a line for
    every stage, for the first numbers, then for those that come `every` steps or more
    after the last line, for every dev evaluation, and for the step where nothing else
    has been printed for LINE_SECONDS. Draws only when it is called: there is no second
    thread.

    Args:
      steps: of the whole run.
      every: steps between evaluations, and between lines.
      stream: where to write; stderr by default.
      clock: the seconds since any moment.

    Returns:
      The writer.
    """
    output: TextIO = sys.stderr if stream is None else stream
    pace = Pace(steps, every, clock)
    return _bar(output, pace) if is_live(output) else _lines(output, pace)


def _lines(stream: TextIO, pace: Pace) -> Writer:
    """Progress as lines of text."""
    last: int | None = None  # step of the last line of numbers while training
    due = 0.0  # when a line on the step is due

    def show(parts: Sequence[str]) -> None:
        nonlocal due
        due = pace.clock() + LINE_SECONDS
        print("  ".join(parts), file=stream, flush=True)

    def stage(name: str, step: int, note: str = "") -> None:
        before = pace.progress
        progress = pace.enter(name, step, note)
        parts = parts_of(progress._replace(numbers={}))
        if name == runs.TRAINING:
            # Its numbers have lines of their own, from `write`.
            if before.stage == name and pace.clock() >= due:
                show(parts)
        elif (name, note) != (before.stage, before.note):
            at = [f"step {step}/{progress.steps}"] if step else []
            show(parts[:1] + at + parts[1:])

    def write(step: int, kind: str, values: Values) -> None:
        nonlocal last
        if kind == "train":
            # The last step always gets its line.
            if last is not None and step < min(last + pace.every, pace.progress.steps):
                return
            last = step
        left = pace.progress.left
        numbers = number_texts(_in_order(values))
        end = [left_text(left)] if left else []
        show([f"step {step}/{pace.progress.steps}", kind, *numbers, *end])

    return Writer(write, _nothing, _nothing, stage=stage)


def _bar(stream: TextIO, pace: Pace) -> Writer:
    """Progress as a bar that is drawn anew."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    console = Console(file=stream, force_terminal=True)
    single_line = Column(no_wrap=True, overflow="crop")
    bar = Progress(
        BarColumn(bar_width=BAR),
        TextColumn("{task.description}", markup=False, table_column=single_line),
        console=console,
        auto_refresh=False,  # a refresh thread would meet forks and the profiler
    )
    task = bar.add_task(runs.STARTING, total=pace.progress.steps)
    bar.start()
    due = 0.0  # when it is drawn again

    def show() -> None:
        nonlocal due
        progress = pace.progress
        due = pace.clock() + DRAW_SECONDS
        # Beside the bar and a blank; what does not fit is left out.
        text = fit(parts_of(progress), console.width - BAR - 2)
        bar.update(task, completed=progress.step, description=text)
        bar.refresh()

    def stage(name: str, step: int, note: str = "") -> None:
        before = pace.progress
        pace.enter(name, step, note)
        if (name, note) != (before.stage, before.note) or pace.clock() >= due:
            show()

    def write(step: int, kind: str, values: Values) -> None:
        del step, kind  # the bar has the last numbers of every kind
        pace.read(values)
        show()

    return Writer(write, _nothing, bar.stop, stage=stage)


def _in_order(values: Values) -> Values:
    """The main numbers first, without the time, which the lines themselves tell."""
    names = dict.fromkeys((*MAIN, *values))
    return {n: values[n] for n in names if n in values and n != "seconds"}


def _nothing() -> None:
    pass
