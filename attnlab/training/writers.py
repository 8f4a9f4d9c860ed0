"""Writers: where the numbers of a run go besides its result.

A writer is a few functions. `jsonl_writer` keeps the truth, `console_writer` shows it,
`wandb_writer` (in a file of its own) mirrors it; `several` makes one writer of many.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from attnlab import runs
from attnlab.metrics.registry import METRICS

Arrays = Callable[[], Mapping[str, Any]]  # called by a writer that shows them, only


class Writer(NamedTuple):
    """Where numbers go; call `close` once, at the end.

    write(step, kind, values)   values of one moment; kind is "train", "dev" or "test"
    conclude()                  the run is done: result.json and the rest are written
    histograms(step, arrays)    {name: array} whose distribution can be shown
    """

    write: Callable[[int, str, Mapping[str, Any]], None]
    conclude: Callable[[], None]
    close: Callable[[], None]
    histograms: Callable[[int, Arrays], None] = lambda step, arrays: None


def several(*writers: Writer) -> Writer:
    """One writer that passes everything to all of them, in their order.

    `close` closes every one, also when another fails on it.
    """

    def write(step, kind, values):
        for writer in writers:
            writer.write(step, kind, values)

    def conclude():
        for writer in writers:
            writer.conclude()

    def histograms(step, arrays):
        for writer in writers:
            writer.histograms(step, arrays)

    def close():
        with ExitStack() as stack:
            for writer in reversed(writers):
                stack.callback(writer.close)

    return Writer(write, conclude, close, histograms)


def jsonl_writer(folder: str | os.PathLike) -> Writer:
    """Adds a line to metrics.jsonl of a run folder for each `write`.

    A line is on its way to the disk when `write` returns: killing the process loses
    none. Histograms are for looking at: a line holds numbers only. A value that is not
    finite becomes null.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def write(step, kind, values):
        record = {"step": int(step), "kind": kind, **values}
        runs.append_jsonl(folder / runs.METRICS, record)

    return Writer(write, _nothing, _nothing)


def console_writer(
    total: int,
    *,
    every: int = 100,
    start: int = 0,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Writer:
    """Shows how far a run of `total` steps is, on stderr or `stream`.

    On a terminal it is one moving bar with the last numbers. Elsewhere it is a line for
    the first `write`, then for each that is `every` steps or more after the last line,
    and for every dev evaluation. `start` is the step a resumed run begins at; the time
    left is reckoned from there. Draws only inside `write`: there is no second thread.
    """
    output: TextIO = sys.stderr if stream is None else stream
    began = clock()
    latest: dict[str, dict[str, Any]] = {}

    def left(step):
        if step <= start:
            return "-:--:--"
        seconds = (clock() - began) / (step - start) * (total - step)
        return _duration(seconds)

    if getattr(output, "isatty", lambda: False)():
        show, close = _bar(output, total, start)
    else:
        show, close = _lines(output, total, every)

    def write(step, kind, values):
        latest[kind] = dict(values)
        show(int(step), kind, latest, left(step))

    return Writer(write, _nothing, close)


def _lines(stream: TextIO, total: int, every: int):
    shown: list[int] = []

    def show(step, kind, latest, left):
        if kind == "train":
            if shown and step < shown[-1] + every and step < total:
                return
            shown.append(step)
        text = f"step {step}/{total}  {kind}  {_numbers(latest[kind])}  {left} left"
        print(text, file=stream, flush=True)

    return show, _nothing


def _bar(stream: TextIO, total: int, start: int):
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.table import Column

    one_line = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    progress = Progress(
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False, table_column=one_line),
        console=Console(file=stream),
        expand=True,
        auto_refresh=False,  # a refresh thread would meet forks and the profiler
    )
    task = progress.add_task("", total=total, completed=start)
    progress.start()

    def show(step, kind, latest, left):
        del kind
        parts = [_numbers(values, short=True) for values in latest.values()]
        text = "  ".join([f"{left} left", *parts])
        progress.update(task, completed=step, description=text)
        progress.refresh()

    return show, progress.stop


def _numbers(values: Mapping[str, Any], short: bool = False) -> str:
    """The numbers worth reading, "loss 2.310  tokens/s 51234"; all but time if not
    `short`."""
    wanted = ("loss", "tokens_per_second", *METRICS)
    names = [name for name in dict.fromkeys(wanted) if name in values]
    if not short:
        names += [name for name in values if name not in (*wanted, "seconds")]
    shown = [(name, values[name]) for name in names if values[name] is not None]
    return "  ".join(f"{_label(name)} {_number(value)}" for name, value in shown)


def _label(name: str) -> str:
    return name.replace("_per_second", "/s").replace("_", " ")


def _number(value: Any) -> str:
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.1e}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _nothing():
    pass
