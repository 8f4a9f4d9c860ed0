"""The writer that mirrors a run's numbers for TensorBoard, and never stops the run."""

import importlib.util
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, SupportsFloat

from attnlab import runs
from attnlab.settings import TaskSettings
from attnlab.training.mirrors import forgiving, note
from attnlab.training.writers import Values, Writer, several

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter

FOLDER = "tensorboard"  # in the run's
SUFFIX = ".attnlab"  # of the files that are ours, to be replaced


def check_installed(settings: TaskSettings) -> None:
    """Refuse a run whose mirror this machine cannot write.

    Args:
      settings: of the run.

    Raises:
      ValueError: where it asks for a mirror and tensorboardX is not installed.
    """
    if settings.tensorboard and importlib.util.find_spec("tensorboardX") is None:
        raise ValueError(
            "tensorboard is True, and tensorboardX is not installed: "
            "pip install tensorboardX"
        )


def tensorboard_writer(folder: Path, settings: TaskSettings) -> Writer:
    """A writer that mirrors metrics.jsonl in event files of TensorBoard.

    Whatever goes wrong with it is reported once, on stderr and under "tensorboard" in
    environment.json, and training goes on without it.

    Args:
      folder: the run's folder; event files are in folder/tensorboard.
      settings: of the run.

    Returns:
      The writer, none of whose functions raises. `write` is to be called after that of
      `jsonl_writer`.
    """
    if not settings.tensorboard:
        return several()  # which writes nothing

    def warn(error: Exception) -> None:
        note(
            folder,
            "tensorboard",
            f"tensorboard failed ({type(error).__name__}: {error}); training goes on, "
            "and this run is missing there from here on",
        )

    return forgiving(lambda: _mirror(folder, settings), warn)


def _mirror(folder: Path, settings: TaskSettings) -> Writer:
    """The writer; any of its functions may raise."""
    check_installed(settings)
    events: EventsWriter | None = None

    def write(step: int, kind: str, values: Values) -> None:
        nonlocal events
        if events is None:
            # Not before: training cuts metrics.jsonl to the step where it resumes.
            events = _copy(folder)
        else:
            _add(events, {**values, "step": int(step), "kind": kind}, time.time())
        # A process that is killed loses nothing.
        events.flush()

    def close() -> None:
        if events is not None:
            events.close()

    return Writer(write, _nothing, close)


def _copy(folder: Path) -> "EventsWriter":
    """A new event file with all that metrics.jsonl has, instead of those of before.

    So a resumed run has no point twice, lacks none that a killed process had not
    written, and has those of before it was mirrored.
    """
    from tensorboardX.event_file_writer import EventsWriter

    place = folder.absolute() / FOLDER
    place.mkdir(exist_ok=True)
    before = set(place.glob(f"events.out.tfevents.*{SUFFIX}"))
    events = EventsWriter(str(place / "events"), SUFFIX)
    try:
        _add_all(events, runs.read_jsonl(folder / runs.METRICS), bool(before))
    except BaseException:  # nobody else has the file yet, to close it
        events.close()
        raise
    # Named by the second: one of the same second was overwritten just now.
    for path in before - {Path(events._file_name)}:
        path.unlink(missing_ok=True)
    return events


def _add_all(
    events: "EventsWriter", lines: Sequence[Mapping[str, object]], again: bool
) -> None:
    """Write the lines of metrics.jsonl; `again`: they were in another file before."""
    # Generated code, whose names pyright doesn't see.
    from tensorboardX.proto.event_pb2 import Event, SessionLog  # type: ignore

    now, passed = time.time(), 0.0
    if again and lines:
        # A TensorBoard that has shown the old file drops its points from there on.
        log, first = SessionLog(status=SessionLog.START), int(str(lines[0]["step"]))
        events.write_event(Event(wall_time=now, step=first, session_log=log))
    # How long ago a moment was, in seconds of training; only updates are timed.
    last = max(map(_seconds, lines), default=0.0)
    for line in lines:
        passed = max(passed, _seconds(line))
        _add(events, line, now - (last - passed))


def _seconds(line: Mapping[str, object]) -> float:
    seconds = line.get("seconds")
    return float(seconds) if isinstance(seconds, SupportsFloat) else 0.0


def _add(events: "EventsWriter", line: Mapping[str, object], wall_time: float) -> None:
    """Write a line of metrics.jsonl: its numbers as scalars <kind>/<name>.

    What is not finite is left out, as metrics.jsonl has null for it.
    """
    from tensorboardX.proto.event_pb2 import Event  # type: ignore
    from tensorboardX.proto.summary_pb2 import Summary  # type: ignore

    numbers = {
        f"{line['kind']}/{name}": float(value)
        for name, value in line.items()
        if name not in ("step", "kind") and isinstance(value, SupportsFloat)
    }
    scalars = [
        Summary.Value(tag=tag, simple_value=value)
        for tag, value in numbers.items()
        if math.isfinite(value)
    ]
    step, summary = line["step"], Summary(value=scalars)
    assert isinstance(step, int)
    events.write_event(Event(wall_time=wall_time, step=step, summary=summary))


def _nothing() -> None:
    pass
