"""Writers: jsonl, console, and a real offline wandb run read back from its file."""

import io
import json
import math
import os
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from attnlab import runs
from attnlab.train.writers import (
    Writer,
    console_writer,
    jsonl_writer,
    several,
    wandb_writer,
)

ROOT = Path(__file__).resolve().parents[2]  # from where `import attnlab` works


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
    writer.figure("alignment", "nowhere.png")
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
    writer.histograms(1, {"weights": np.zeros(1000)})
    writer.close()
    assert not (tmp_path / "metrics.jsonl").exists()


def record(calls: list, name: str, fails: bool = False) -> Writer:
    def close():
        calls.append((name, "close"))
        if fails:
            raise OSError(name)

    return Writer(
        lambda step, kind, values: calls.append((name, step, kind, values)),
        lambda title, path: calls.append((name, title, path)),
        close,
        lambda step, arrays: calls.append((name, step, arrays)),
    )


def test_several_pass_everything_on_in_order():
    calls = []
    writer = several(record(calls, "a"), record(calls, "b"))
    writer.write(1, "dev", {"bleu": 1.0})
    writer.figure("x", "x.png")
    writer.histograms(1, {"states": 0})
    writer.close()
    assert calls == [
        ("a", 1, "dev", {"bleu": 1.0}),
        ("b", 1, "dev", {"bleu": 1.0}),
        ("a", "x", "x.png"),
        ("b", "x", "x.png"),
        ("a", 1, {"states": 0}),
        ("b", 1, {"states": 0}),
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


# Weights & Biases.


def read_wandb(file: Path) -> list:
    """Records of a .wandb file: LevelDB's log format after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, joined, records = file.read_bytes(), 7, b"", []
    block = 32 * 1024
    while place < len(content):
        if block - place % block < 7:  # no record starts in the rest of a block
            place += block - place % block
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        joined += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            found = Record()
            found.ParseFromString(joined)
            records.append(found)
            joined = b""
    return records


def values_of(items) -> dict:
    return {
        item.key or "/".join(item.nested_key): json.loads(item.value_json)
        for item in items
    }


# A user's process: nothing of wandb in the environment, none of pytest's settings.
RUN = """
    import json, math, os, subprocess, sys, threading
    import numpy as np
    from attnlab.train.writers import wandb_writer

    def children():
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return file.read().split()

    def state():
        names = sorted(thread.name for thread in threading.enumerate())
        variables = sorted(name for name in os.environ if name.startswith("WANDB"))
        return [names, len(children()), variables]

    folder, picture = sys.argv[1:]
    before, lazy = state(), "wandb" not in sys.modules
    config = {"score": "general", "layers": [1, 2], "nested": {"width": np.int64(3)}}
    off = wandb_writer("attnlab", "luong", "off", config, "disabled", folder)
    off.write(1, "train", {"loss": 1.0})
    off.close()
    lazy = lazy and "wandb" not in sys.modules
    for seed in (0, 1):
        writer = wandb_writer("attnlab", "luong", f"s{seed}", config, folder=folder)
        open_threads = state()[0]
        writer.write(1, "train", {"loss": np.float32(2.5), "seconds": None})
        writer.write(2, "train", {"loss": 2.0})
        writer.write(2, "dev", {"bleu": 12.5, "perplexity": math.nan})
        writer.figure("alignment", picture)
        writer.figure("alignment", "paper.pdf")
        writer.write(10, "train", {"loss": 1.5})
        writer.histograms(10, {"weights": np.array([[0.0, 1.0, 1.0]])})
        writer.close()
    print(json.dumps([lazy, before, open_threads, state()]))
"""


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """The folder of two real offline runs, and what their process looked like."""
    from matplotlib import image

    folder = tmp_path_factory.mktemp("wandb")
    picture = folder / "alignment.png"
    image.imsave(picture, np.zeros((2, 2)))
    environment = {
        name: value for name, value in os.environ.items() if "WANDB" not in name
    }
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(RUN), folder / "run", picture],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment | {"HOME": str(folder)},
    )
    assert process.returncode == 0, process.stderr
    return folder / "run", process


def test_an_offline_run_is_in_its_file(offline):
    folder, _ = offline
    files = sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(files) == 2
    by_name = {}
    for file in files:
        records = read_wandb(file)
        (run,) = [found.run for found in records if found.HasField("run")][:1]
        by_name[run.display_name] = records
        assert (run.project, run.run_group, run.job_type) == (
            "attnlab",
            "luong",
            "train",
        )
        config = values_of(run.config.update)
        assert config["score"] == "general"
        assert config["layers"] == [1, 2]
        assert config["nested"] == {"width": 3}
    assert sorted(by_name) == ["s0", "s1"]

    history = [
        values_of(found.history.item)
        for found in by_name["s1"]
        if found.HasField("history")
    ]
    assert [row["_step"] for row in history] == [1, 2, 10]
    assert history[0]["train/loss"] == 2.5
    assert "train/seconds" not in history[0]
    assert history[1]["train/loss"] == 2.0
    assert history[1]["dev/bleu"] == 12.5
    assert math.isnan(float(history[1]["dev/perplexity"]))
    assert history[2]["train/loss"] == 1.5
    counts = history[2]["histogram/weights/values"]
    assert (counts[0], counts[-1], sum(counts)) == (1, 2, 3)
    pictures = list(folder.glob("wandb/offline-run-*/files/media/images/*.png"))
    assert len(pictures) == 2


def test_wandb_leaves_no_thread_process_or_variable(offline):
    _, process = offline
    lazy, before, opened, after = json.loads(process.stdout.splitlines()[-1])
    assert lazy
    assert after == before
    others = [name for name in opened if name != "MainThread"]
    assert all(name.startswith("wandb-") for name in others), others
    assert len(process.stdout.splitlines()) == 1
    assert process.stderr == ""


def test_disabled_wandb_writes_nothing(tmp_path):
    writer = wandb_writer("p", "g", "n", {}, "disabled", tmp_path / "run")
    writer.write(1, "train", {"loss": 1.0})
    writer.figure("x", "x.png")
    writer.close()
    assert not list(tmp_path.iterdir())


def test_unknown_mode_names_the_choices(tmp_path):
    with pytest.raises(ValueError, match="'on'; choose offline, online, disabled"):
        wandb_writer("p", "g", "n", {}, "on", tmp_path)


def test_online_without_login_says_so_at_once(tmp_path, monkeypatch):
    # Nobody listens on port 9 of this machine.
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(ConnectionError, match="log in with `wandb login`, or"):
        wandb_writer("p", "g", "n", {}, "online", tmp_path, timeout=2)
    assert os.environ["WANDB_MODE"] == "disabled"


def test_online_without_an_answer_names_the_way_out(tmp_path, monkeypatch):
    import wandb
    from wandb.errors import CommError

    def init(**settings):
        assert settings["settings"].init_timeout == 2
        raise CommError("timed out")

    monkeypatch.setattr(wandb, "init", init)  # the real one takes 14 s to give up
    with pytest.raises(ConnectionError, match="timed out\n.* choose the mode offline"):
        wandb_writer("p", "g", "n", {}, "online", tmp_path, timeout=2)
