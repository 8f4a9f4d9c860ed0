"""Writers: jsonl, console, and several as one."""

import io
import math

import numpy as np
import pytest

from attnlab import runs
from attnlab.training.run import run
from attnlab.training.writers import (
    Writer,
    console_writer,
    jsonl_writer,
    progress_writer,
    several,
)
from tests.terminal import Terminal, screens
from tests.tiny import tiny_folder


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_jsonl_lines_are_read_back(tmp_path):
    (tmp_path / "run").mkdir()
    writer = jsonl_writer(tmp_path / "run")
    writer.write(1, "train", {"loss": np.float32(2.5), "tokens_per_second": 10})
    writer.write(2, "dev", {"bleu": math.nan, "aer": None})
    writer.conclude()
    writer.close()
    assert runs.read_jsonl(tmp_path / "run" / "metrics.jsonl") == [
        {"step": 1, "kind": "train", "loss": 2.5, "tokens_per_second": 10},
        {"step": 2, "kind": "dev", "bleu": None, "aer": None},
    ]


def test_a_second_jsonl_writer_goes_on(tmp_path):
    for step in (1, 2):
        writer = jsonl_writer(tmp_path)
        writer.write(step, "train", {"loss": 1.0})
        writer.close()
    assert [line["step"] for line in runs.read_jsonl(tmp_path / "metrics.jsonl")] == [
        1,
        2,
    ]


def test_histograms_are_no_lines(tmp_path):
    writer = jsonl_writer(tmp_path)
    writer.histograms(1, lambda: pytest.fail("they are not even made"))
    writer.close()
    assert not (tmp_path / "metrics.jsonl").exists()


def record(calls: list, name: str, fails: bool = False) -> Writer:
    def close():
        calls.append((name, "close"))
        if fails:
            raise OSError(name)

    return Writer(
        lambda step, kind, values: calls.append((name, step, kind, values)),
        lambda: calls.append((name, "concluded")),
        close,
        lambda step, arrays: calls.append((name, step, arrays)),
    )


def test_several_pass_everything_on_in_order():
    calls = []
    writer = several(record(calls, "a"), record(calls, "b"))
    writer.write(1, "dev", {"bleu": 1.0})
    writer.conclude()
    writer.histograms(1, dict)
    writer.close()
    assert calls == [
        ("a", 1, "dev", {"bleu": 1.0}),
        ("b", 1, "dev", {"bleu": 1.0}),
        ("a", "concluded"),
        ("b", "concluded"),
        ("a", 1, dict),
        ("b", 1, dict),
        ("a", "close"),
        ("b", "close"),
    ]


def test_all_writers_are_closed_when_one_fails():
    calls = []
    with pytest.raises(OSError, match="a"):
        several(record(calls, "a", fails=True), record(calls, "b")).close()
    assert calls == [("a", "close"), ("b", "close")]


def test_no_writer_at_all():
    several().write(1, "train", {})
    several().close()


# The console.


def train_through(
    writer: Writer, clock: Clock, steps: int = 1000, every: int = 500
) -> None:
    """What a run calls: 10 s to read, 20 to compile, 1 a step, 30 to evaluate."""
    writer.stage(runs.READING, 0)
    clock.now += 10
    writer.stage(runs.COMPILING, 0, "shape 1 of 2")
    clock.now += 20
    for step in range(1, steps + 1):
        clock.now += 1
        writer.stage(runs.TRAINING, step)
        if step % 50 == 0:
            values = {"loss": 2.0 / step, "tokens_per_second": 51234.5, "seconds": 3.0}
            writer.write(step, "train", values)
        if step % every == 0:
            writer.stage(runs.EVALUATING, step)
            clock.now += 30
            writer.write(step, "dev", {"bleu": 12.3456, "aer": None})
    writer.stage(runs.TESTING, steps)
    clock.now += 10
    writer.write(steps, "test", {"bleu": 12.0})
    writer.close()


def test_progress_without_a_terminal_is_a_line_for_each_stage_and_every_so_often():
    stream, clock = io.StringIO(), Clock()
    train_through(console_writer(1000, 500, stream=stream, clock=clock), clock)
    lines = stream.getvalue().splitlines()
    shown = [line for line in lines if line.count("  ") != 1]
    assert shown[:4] == [
        "reading data",
        "compiling (shape 1 of 2)",
        "step 50/1000  train  loss 0.040  tokens/s 51234  0:15:50 left",
        "evaluating  step 500/1000  0:08:20 left",
    ]
    assert "step 500/1000  dev  bleu 12.346  0:08:20 left" in lines
    assert lines[-3:] == [
        "step 1000/1000  dev  bleu 12.346",
        "testing  step 1000/1000",
        "step 1000/1000  test  bleu 12.000",
    ]
    # Between the lines with numbers one on the step each half minute.
    assert "step 80/1000  0:15:20 left" in lines
    assert not set(stream.getvalue()) & {"\x1b", "\r"}


def test_evaluations_to_come_are_part_of_the_time_left():
    stream, clock = io.StringIO(), Clock()
    writer = console_writer(100, 50, stream=stream, clock=clock)
    for step in range(60):
        clock.now += 1
        writer.stage(runs.TRAINING, step)
        if step == 50:
            writer.stage(runs.EVALUATING, step)
            clock.now += 30
    writer.write(59, "dev", {})
    assert stream.getvalue().endswith("dev  0:01:12 left\n")  # 41 steps, and 31 s


def test_a_resumed_run_reckons_from_where_it_began():
    stream, clock = io.StringIO(), Clock()
    writer = console_writer(300, 300, stream=stream, clock=clock)
    for stage, step in [
        (runs.COMPILING, 0),
        (runs.COMPILING, 100),
        (runs.TRAINING, 101),
        (runs.TRAINING, 201),
    ]:
        writer.write(step, "dev", {"bleu": 1})
        assert stream.getvalue().endswith("bleu 1.000\n")  # nothing is known yet
        writer.stage(stage, step)
        clock.now += 10
    writer.write(201, "dev", {"bleu": 1})
    assert stream.getvalue().endswith("0:00:10 left\n")


def test_odd_values_are_shown_too():
    stream = io.StringIO()
    writer = console_writer(10, 10, stream=stream)
    writer.write(
        1,
        "dev",
        {
            "note": "x",
            "learning_rate": 1e-4,
            "bleu": 0.0,
            "loss": math.nan,
            "aer": np.float32(0.25),
        },
    )
    shown = "loss nan  bleu 0.000  aer 0.250  note x  learning rate 1.0e-04"
    assert shown in stream.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_progress_on_a_terminal_is_one_bar_within_its_width(monkeypatch, width):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    stream, clock = Terminal(), Clock()
    train_through(console_writer(1000, 500, stream=stream, clock=clock), clock)
    lines = screens(stream.getvalue())
    assert max(map(len, lines)) < width
    text = "\n".join(lines)
    stages = ["reading", "compiling (shape", "step 40/1000", "evaluating", "testing"]
    places = [text.index(stage) for stage in stages]
    assert places == sorted(places)
    if width >= 80:
        assert "step 740/1000  0:04:51 left  loss" in text
    everything = "left  loss 2.7e-03  tokens/s 51234  bleu 12.346"
    assert (everything in text) == (width == 200)
    assert "\x1b[?25h" in stream.getvalue()  # the cursor is back


def test_a_terminal_that_cannot_be_drawn_on_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream, clock = Terminal(), Clock()
    train_through(console_writer(100, 50, stream=stream, clock=clock), clock, 100)
    assert not set(stream.getvalue()) & {"\x1b", "\r"}


# progress.json.


def test_what_a_run_does_is_published_until_it_ends(tmp_path):
    clock = Clock()
    writer = progress_writer(tmp_path, 100, 50, clock=clock)
    publish, seen = writer.stage, []

    def stage(*moment):
        publish(*moment)
        seen.append(runs.read_progress(tmp_path))

    writer = writer._replace(stage=stage)
    train_through(writer, clock, 100, every=50)
    stages = [progress.stage for progress in seen]
    assert list(dict.fromkeys(stages)) == [
        runs.READING,
        runs.COMPILING,
        runs.TRAINING,
        runs.EVALUATING,
        runs.TESTING,
    ]
    halfway = seen[stages.index(runs.EVALUATING)]
    assert (halfway.step, halfway.steps, halfway.left) == (50, 100, 50.0)
    assert halfway.numbers == {"loss": 0.04, "tokens_per_second": 51234.5}
    assert seen[1].note == "shape 1 of 2"
    assert not [*tmp_path.iterdir()]


def test_one_stage_is_published_once_a_second(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(runs, "write_progress", lambda *what: written.append(what[1]))
    clock = Clock()
    writer = progress_writer(tmp_path, 10_000, 10_000, clock=clock)
    for step in range(1000):
        writer.stage(runs.TRAINING, step)
        clock.now += 0.01
    assert 9 <= len(written) <= 11
    writer.stage(runs.EVALUATING, 1000)
    assert written[-1].stage == runs.EVALUATING


def test_a_run_goes_through_the_stages_and_leaves_no_progress(tmp_path, capsys):
    folder = tiny_folder(tmp_path)
    # Left by a process that was killed.
    runs.write_progress(folder, runs.RunProgress(runs.TESTING, step=30))
    run(folder)
    lines = capsys.readouterr().err.splitlines()
    stages = [line.split("  ")[0] for line in lines]
    wanted = ["reading data", "compiling", "compiling (shape 1 of 1)", "step 1/30"]
    wanted += ["evaluating", "testing"]
    assert [stage for stage in dict.fromkeys(stages) if stage in wanted] == wanted
    assert not (folder / runs.PROGRESS).exists()
    listed = runs.read_manifest(folder)
    assert runs.RESULT in listed and runs.PROGRESS not in listed
