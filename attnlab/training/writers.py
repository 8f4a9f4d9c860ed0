"""Writers: where the numbers of a run go besides its result.

A writer is a few functions. `jsonl_writer` writes metrics.jsonl, from which reports are
made; `console_writer` shows progress; `wandb_writer` (in a file of its own) mirrors the
run in Weights & Biases; `several` makes one writer of many.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, SupportsFloat, TextIO

from attnlab import runs
from attnlab.metrics.registry import METRICS

Values = Mapping[str, object]  # numbers of one moment by name; None: not measured
Arrays = Callable[[], Mapping[str, object]]  # called by a writer that shows them, only
# show(step, kind, the last values of each kind, time left)
Show = Callable[[int, str, Mapping[str, Values], str], None]


class Writer(NamedTuple):
    """Where numbers go.

    write(step, kind, values): values of one moment; kind is "train", "dev" or "test".
    conclude(): the run is done: result.json and the rest are written.
    close(): to be called once, at the end.
    histograms(step, arrays): {name: array} whose distribution can be shown.
    """

    write: Callable[[int, str, Values], None]
    conclude: Callable[[], None]
    close: Callable[[], None]
    histograms: Callable[[int, Arrays], None] = lambda step, arrays: None


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

    def close() -> None:
        with ExitStack() as stack:  # which goes on to the others after an error
            for writer in reversed(writers):
                stack.callback(writer.close)

    return Writer(write, conclude, close, histograms)


def jsonl_writer(folder: str | os.PathLike) -> Writer:
    """A writer that adds a line to metrics.jsonl for each `write`.

    A line is on its way to the disk when `write` returns: killing the process loses
    none. A value that is not finite becomes null. Histograms are not written.

    Args:
      folder: the run's folder, made where it is missing.

    Returns:
      The writer.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def write(step: int, kind: str, values: Values) -> None:
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
    """A writer that shows the progress of a run.

    On a terminal it is one moving bar with the last numbers. Elsewhere it is a line for
    the first `write`, then for each that is `every` steps or more after the last line,
    and for every dev evaluation. Draws only inside `write`: there is no second thread.

    Args:
      total: steps of the run.
      every: steps between lines.
      start: the step that a resumed run begins at; the time left is estimated from
        there.
      stream: where to write; stderr by default.
      clock: the seconds since any moment.

    Returns:
      The writer.
    """
    output: TextIO = sys.stderr if stream is None else stream
    began = clock()
    latest: dict[str, Values] = {}

    def left(step: int) -> str:
        if step <= start:
            return "-:--:--"
        # A resumed run begins at `start`: steps before it took none of this time.
        seconds = (clock() - began) / (step - start) * (total - step)
        return _duration(seconds)

    # Streams that stand in for stderr (a notebook's, a test's) may lack isatty.
    if getattr(output, "isatty", lambda: False)():
        show, close = _bar(output, total, start)
    else:
        show, close = _lines(output, total, every)

    def write(step: int, kind: str, values: Values) -> None:
        latest[kind] = dict(values)  # the caller may change its own
        show(int(step), kind, latest, left(step))

    return Writer(write, _nothing, close)


def _lines(stream: TextIO, total: int, every: int) -> tuple[Show, Callable[[], None]]:
    """How a line is written, and what closes it."""
    last: int | None = None  # step of the last line of kind "train"

    def show(step: int, kind: str, latest: Mapping[str, Values], left: str) -> None:
        nonlocal last
        if kind == "train":
            # The last step always gets its line.
            if last is not None and step < last + every and step < total:
                return
            last = step
        text = f"step {step}/{total}  {kind}  {_numbers(latest[kind])}  {left} left"
        print(text, file=stream, flush=True)

    return show, _nothing


def _bar(stream: TextIO, total: int, start: int) -> tuple[Show, Callable[[], None]]:
    """How the bar is drawn anew, and what closes it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.table import Column

    single_line = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    progress = Progress(
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False, table_column=single_line),
        console=Console(file=stream),
        expand=True,
        auto_refresh=False,  # a refresh thread would meet forks and the profiler
    )
    task = progress.add_task("", total=total, completed=start)
    progress.start()

    def show(step: int, kind: str, latest: Mapping[str, Values], left: str) -> None:
        del kind  # the bar has the last numbers of every kind
        parts = [_numbers(values, short=True) for values in latest.values()]
        text = "  ".join([f"{left} left", *parts])
        progress.update(task, completed=step, description=text)
        progress.refresh()

    return show, progress.stop


def _numbers(values: Values, short: bool = False) -> str:
    """ "loss 2.310  tokens/s 51234": the main numbers if `short`, else all but time."""
    wanted = ("loss", "tokens_per_second", *METRICS)
    names = [name for name in dict.fromkeys(wanted) if name in values]
    if not short:
        names += [name for name in values if name not in (*wanted, "seconds")]
    pairs = [(name, values[name]) for name in names if values[name] is not None]
    return "  ".join(f"{_label(name)} {_number(value)}" for name, value in pairs)


def _label(name: str) -> str:
    return name.replace("_per_second", "/s").replace("_", " ")


def _number(value: object) -> str:
    if not isinstance(value, SupportsFloat):  # NumPy's and JAX's scalars are
        return str(value)
    value = float(value)
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.1e}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _nothing() -> None:
    pass
