"""Writers: where the numbers of a run go besides its result.

A writer is three functions. `jsonl_writer` keeps the truth, `wandb_writer` mirrors it,
`console_writer` shows it; `several` makes one writer of many.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

import numpy as np

from attnlab import runs
from attnlab.metrics.named import METRICS

MODES = ("offline", "online", "disabled")


class Writer(NamedTuple):
    """Where numbers and figures go; call `close` once, at the end.

    write(step, kind, values)   values of one moment; kind is "train" or "dev"
    figure(name, path)          a finished picture
    histograms(step, arrays)    arrays whose distribution can be shown
    """

    write: Callable[[int, str, Mapping[str, Any]], None]
    figure: Callable[[str, str | os.PathLike], None]
    close: Callable[[], None]
    histograms: Callable[[int, Mapping[str, Any]], None] = lambda step, arrays: None


def several(*writers: Writer) -> Writer:
    """One writer that passes everything to all of them, in their order.

    `close` closes every one, also when another fails on it.
    """

    def write(step, kind, values):
        for writer in writers:
            writer.write(step, kind, values)

    def figure(name, path):
        for writer in writers:
            writer.figure(name, path)

    def histograms(step, arrays):
        for writer in writers:
            writer.histograms(step, arrays)

    def close():
        with ExitStack() as stack:
            for writer in reversed(writers):
                stack.callback(writer.close)

    return Writer(write, figure, close, histograms)


def jsonl_writer(folder: str | os.PathLike) -> Writer:
    """Adds a line to metrics.jsonl of a run folder for each `write`.

    A line is on its way to the disk when `write` returns: killing the process loses
    none. Figures are files already and not written again, and histograms are for
    looking at: a line holds numbers only. A value that is not finite becomes null.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def write(step, kind, values):
        record = {"step": int(step), "kind": kind, **values}
        runs.append_jsonl(folder / runs.METRICS, record)

    return Writer(write, _no_figure, _nothing)


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

    return Writer(write, _no_figure, close)


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


def wandb_writer(
    project: str,
    group: str,
    name: str,
    config: Mapping[str, Any],
    mode: Literal["offline", "online", "disabled"] | str = "offline",
    folder: str | os.PathLike = ".",
    *,
    timeout: float = 60.0,
) -> Writer:
    """Mirrors numbers, PNG figures and histograms in Weights & Biases, as a run below
    `folder`.

    A sweep is a `group`, a run of it a `name`. "offline" writes folder/wandb/ and needs
    no network and no login; `wandb sync` sends it later. "disabled" does nothing and
    does not import wandb. "online" raises ConnectionError where there is no login, or
    no answer in `timeout` seconds (and ten of wandb's own). The mode given here
    outranks WANDB_MODE.

    Of the machine and the code nothing is recorded but versions of packages. It is a
    mirror: a killed process leaves its last lines out of it (wandb writes blocks of
    32 KiB), and a run that is resumed becomes a second wandb run of the same name.
    """
    if mode not in MODES:
        raise ValueError(f"unknown wandb mode {mode!r}; choose {', '.join(MODES)}")
    if mode == "disabled":
        return Writer(lambda *_: None, _no_figure, _nothing)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)  # else wandb falls back to /tmp
    ours = "WANDB_SERVICE" not in os.environ  # else another run here needs wandb-core
    with _quiet_environment(mode):
        import wandb
        from wandb.errors import CommError, UsageError

        settings = wandb.Settings(
            console="off",  # no redirection of stdout, no thread reading it
            x_disable_stats=True,
            x_disable_meta=True,
            disable_git=True,
            disable_code=True,
            save_code=False,
            silent=mode == "offline",
            init_timeout=timeout,
            login_timeout=timeout,
        )
        try:
            run = wandb.init(
                project=project,
                group=group,
                name=name,
                config=runs.plain(config),
                mode=mode,
                dir=folder,
                job_type="train",
                reinit="finish_previous",
                settings=settings,
            )
        except (UsageError, CommError) as error:
            if ours:
                wandb.teardown()
            raise ConnectionError(
                f"wandb cannot start online: {error}\nlog in with `wandb login`, or "
                "choose the mode offline and `wandb sync` later"
            ) from error

    def write(step, kind, values):
        numbers = {
            f"{kind}/{key}": value.item() if hasattr(value, "item") else value
            for key, value in values.items()
            if value is not None
        }
        run.log(numbers, step=int(step))

    def figure(name, path):
        if Path(path).suffix.lower() == ".png":
            run.log({name: wandb.Image(os.fspath(path))})

    def histograms(step, arrays):
        drawn = {
            f"histogram/{name}": wandb.Histogram(np_histogram=np.histogram(array, 64))
            for name, array in arrays.items()
        }
        run.log(drawn, step=int(step))

    def close():
        run.finish()
        if ours and wandb.run is None:
            wandb.teardown()  # or wandb-core and two threads stay until Python exits

    return Writer(write, figure, close, histograms)


@contextmanager
def _quiet_environment(mode: str) -> Iterator[None]:
    """Variables that wandb reads when imported and started, set for that time only.

    Without them it starts threads that report its own errors, and prints. What the
    user has set stays, but for WANDB_MODE, which the caller has decided.
    """
    wanted = {"WANDB_ERROR_REPORTING": "false"}
    if mode == "offline":
        wanted["WANDB_SILENT"] = "true"
    wanted = {k: v for k, v in wanted.items() if k not in os.environ} | {
        "WANDB_MODE": mode
    }
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def _no_figure(name, path):
    del name, path


def _nothing():
    pass
