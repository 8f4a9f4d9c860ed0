"""Writers: jsonl, console, and several as one."""

import io
import math

import numpy as np
import pytest

from attnlab import runs
from attnlab.training.writers import Writer, console_writer, jsonl_writer, several


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Ten seconds later at every look."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 10.0
        return self.now


def test_jsonl_lines_are_read_back(tmp_path):
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


def test_progress_without_a_terminal_is_a_line_every_so_often():
    stream = io.StringIO()
    writer = console_writer(1000, every=100, stream=stream, clock=Clock())
    for step in range(50, 1001, 50):
        values = {"loss": 2.0 / step, "tokens_per_second": 51234.5, "seconds": 3.0}
        writer.write(step, "train", values)
        if step == 100:
            writer.write(step, "dev", {"bleu": 12.3456, "aer": None})
    writer.close()
    lines = stream.getvalue().splitlines()
    assert lines[:3] == [
        "step 50/1000  train  loss 0.040  tokens/s 51234  0:03:10 left",
        "step 100/1000  dev  bleu 12.346  0:04:30 left",
        "step 150/1000  train  loss 0.013  tokens/s 51234  0:03:47 left",
    ]
    steps = [line.split()[1] for line in lines if "train" in line]
    assert steps == [f"{step}/1000" for step in [*range(50, 1000, 100), 1000]]
    assert "\x1b" not in stream.getvalue()


def test_a_resumed_run_reckons_from_where_it_began():
    stream = io.StringIO()
    writer = console_writer(300, start=100, stream=stream, clock=Clock())
    writer.write(200, "train", {})
    assert stream.getvalue().endswith("0:00:10 left\n")
    writer.write(100, "dev", {"bleu": 1})
    assert stream.getvalue().endswith("-:--:-- left\n")


def test_odd_values_are_shown_too():
    stream = io.StringIO()
    writer = console_writer(10, stream=stream)
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


def test_progress_on_a_terminal_is_one_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    writer = console_writer(100, stream=stream)
    writer.write(40, "train", {"loss": 2.5, "tokens_per_second": 51234.5})
    writer.write(40, "dev", {"bleu": 12.0})
    writer.close()
    text = stream.getvalue()
    assert "40/100" in text
    assert "loss 2.500  tokens/s 51234" in text
    assert "bleu 12.000" in text
    assert " left" in text
    assert text.endswith("\n") or "\x1b[?25h" in text  # the cursor is back
