"""What a sweep shows of its runs: on terminals of several widths, and elsewhere."""

import os
import pty
import re
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from attnlab import runs
from attnlab.runs import RunProgress
from attnlab.sweep.display import Display
from tests.terminal import Terminal, screens
from tests.tiny import tiny_config

LONG = "local-p-general-two-layers-with-input-feeding-and-a-coverage-penalty-of-one"
NUMBERS = {"loss": 2.31, "tokens_per_second": 51234.0, "bleu": 12.3, "aer": 0.25}
STAGES = [
    RunProgress(runs.READING, steps=600),
    RunProgress(runs.COMPILING, "shape 2 of 4", 1, 600),
    RunProgress(runs.TRAINING, "", 120, 600, 30.0, 100.0, NUMBERS),
    RunProgress(runs.EVALUATING, "", 300, 600, 60.0, 60.0, NUMBERS),
    RunProgress(runs.TESTING, "", 600, 600, 130.0, 0.0, NUMBERS),
]


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def make_folders(root: Path, *names: str) -> list[Path]:
    folders = [root / name / "0" for name in names]
    for folder in folders:
        runs.write_json(folder / runs.CONFIG, tiny_config(**{"train.steps": 600}))
    return folders


def finish(folder: Path) -> None:
    runs.remove_progress(folder)
    result = {"bleu": 23.5, "aer": 0.2, "perplexity": 9.5, "seconds": 120.0}
    runs.write_json(folder / runs.RESULT, result)


def sweep_through(folders: list[Path], root: Path, stream, clock: Clock) -> Display:
    """A sweep of one run after another, 10 s a stage; the last fails."""
    with Display(folders, root, stream=stream, clock=clock) as display:
        display.poll()
        for folder in folders:
            display.notify("start", folder)
            for progress in STAGES:
                runs.write_progress(folder, progress)
                for _ in range(50):  # as often as `run_all` does it
                    display.poll()
                    clock.now += 0.2
            if folder != folders[-1]:
                finish(folder)
                display.notify("done", folder)
        error = "ValueError: " + "a corpus that does not fit " * 10
        runs.write_json(folders[-1] / runs.ERROR, {"error": error})
        runs.remove_progress(folders[-1])
        display.notify("failed", folders[-1])
    return display


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_longer_than_the_terminal(tmp_path, monkeypatch, width):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    stream = Terminal()
    folders = make_folders(tmp_path, "dot", LONG, "bad")
    sweep_through(folders, tmp_path, stream, Clock())
    lines = screens(stream.getvalue())
    assert max(map(len, lines)) <= width
    shown = "\n".join(lines)
    for stage in ("reading data", "compiling", "step 120/600", "evaluating", "testing"):
        assert stage in shown
    # A line that was broken would go on without a name or a bar.
    starts = ("dot/0", "loc", "sweep", "done", "FAILED", "bad/0")
    assert all(line.startswith(starts) for line in lines if line)
    assert (f"{LONG}/0" in shown) == (width == 200)
    if width == 80:
        assert "compiling (shape 2 of 4)" in shown
        # The longer the name, the fewer numbers.
        assert "step 120/600  0:01:40 left  loss 2.310  tokens/s 51234\n" in shown
        assert "local-p-genera...nalty-of-one/0 ━" in shown
        assert "step 120/600  0:01:40 left\n" in shown
    if width == 200:
        assert "loss 2.310  tokens/s 51234  bleu 12.300  aer 0.250" in shown


def test_what_happens_between_two_polls_is_drawn_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream, clock = Terminal(), Clock()
    folders = make_folders(tmp_path, *"abcdef")
    with Display(folders, tmp_path, stream=stream, clock=clock) as display:
        for folder in folders[:3]:
            display.notify("start", folder)
        display.poll()
        before = stream.getvalue()
        for ended, folder in zip(folders, folders[3:], strict=False):
            finish(ended)
            display.notify("done", ended)
            display.notify("start", folder)
        assert stream.getvalue() == before
        display.poll()  # the next second has not begun
        drawn = "\n".join(screens(stream.getvalue().removeprefix(before)))
        assert re.findall("done +(./0)", drawn) == ["a/0", "b/0", "c/0"]
        # Those that ended go up with the lines that are printed above.
        assert re.findall("(./0) +━", drawn)[-3:] == ["d/0", "e/0", "f/0"]


def test_elsewhere_it_is_a_plain_line_for_each_stage(tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # which rich would follow into a file
    monkeypatch.setenv("COLUMNS", "40")
    path = tmp_path / "out"
    folders = make_folders(tmp_path, "dot", LONG)
    with open(path, "w") as stream:
        sweep_through(folders, tmp_path, stream, Clock())
    text = path.read_text()
    assert not set(text) & {"\x1b", "\r"}
    lines = text.splitlines()
    assert lines[:6] == [
        "start   dot/0",
        "dot/0  reading data",
        "dot/0  compiling (shape 2 of 4)",
        "dot/0  step 120/600  0:01:40 left",
        "dot/0  evaluating  0:01:00 left",
        "dot/0  testing",
    ]
    assert lines[6].startswith("done    dot/0  bleu 23.5")
    assert lines[6].endswith("120 s  [1/2]")
    assert lines[-1].startswith(f"FAILED  {LONG}/0  ValueError: a corpus that does")
    assert lines[-1].endswith("a corpus that does not fit   [2/2]")


def test_the_sweep_has_its_own_line_each_half_minute(tmp_path, capsys):
    clock = Clock()
    folders = make_folders(tmp_path, *"abcdefgh")
    with Display(folders, tmp_path, clock=clock) as display:
        for folder in folders[:6]:
            display.notify("start", folder)
            runs.write_progress(folder, STAGES[2])
        display.poll()
        clock.now += 31
        display.poll()
    line = capsys.readouterr().err.splitlines()[-1]
    # Six at once, each 100 s after the last word; then the other two.
    assert line == (
        "0/8 runs  0:02:24 left  a/0 step 120/600  b/0 step 120/600  "
        "c/0 step 120/600  d/0 step 120/600  and 2 more"
    )


def test_time_left_comes_from_ended_runs_and_those_under_way(tmp_path):
    clock = Clock()
    folders = make_folders(tmp_path, *"abcd")
    display = Display(folders, tmp_path, stream=Terminal(), clock=clock)
    assert display.seconds_left() is None
    display.notify("start", folders[0])
    display.notify("start", folders[1])
    assert display.seconds_left() is None
    clock.now += 40
    runs.write_progress(folders[0], STAGES[2])  # 100 s left, of 140
    display.poll()
    # Two at a time: 100 of one, as much of the other, and 140 of each that waits.
    assert display.seconds_left() == (100 + 100 + 2 * 140) / 2
    clock.now += 100
    runs.write_progress(folders[0], STAGES[4])
    display.poll()
    clock.now += 60
    finish(folders[0])
    display.notify("done", folders[0])
    # It took 200 s, 60 of them its test.
    assert display.seconds_left() == (0 + 2 * 200) / 2
    display.notify("start", folders[2])
    runs.write_progress(folders[2], STAGES[2])
    clock.now += 2
    display.poll()
    assert display.seconds_left() == pytest.approx((100 + 60 + 181) / 2, abs=0.6)


def test_runs_of_earlier_sweeps_say_how_long_one_takes(tmp_path):
    folders = make_folders(tmp_path, *"abc")
    finish(folders[0])
    display = Display(folders, tmp_path, stream=Terminal(), clock=Clock())
    assert display.seconds_left() == 2 * 120.0


def test_a_file_left_by_a_killed_process_is_not_taken_for_a_live_one(tmp_path):
    clock = Clock()
    (folder,) = make_folders(tmp_path, "a")
    display = Display([folder], tmp_path, stream=Terminal(), clock=clock)
    display.notify("start", folder)
    runs.write_progress(folder, STAGES[4])
    clock.now += 2
    display.poll()
    assert display.watched[folder].progress == STAGES[4]
    runs.remove_progress(folder)  # as `run_all` does at the end of every process
    clock.now += 2
    display.poll()
    run = display.watched[folder]
    assert run.progress.stage == runs.STARTING and run.tested is None
    runs.write_progress(folder, STAGES[1])  # the next try
    clock.now += 2
    display.poll()
    assert display.watched[folder].progress == STAGES[1]


PROGRAM = """
import sys
from pathlib import Path
from tests.sweep.test_display import Clock, sweep_through
root = Path(sys.argv[1])
sweep_through([root / name / "0" for name in sys.argv[2:]], root, sys.stderr, Clock())
"""


@pytest.mark.parametrize("width", [80, 200])
def test_a_pseudo_terminal_shows_no_broken_line(tmp_path, width):
    make_folders(tmp_path, "dot", LONG, "bad")
    primary, secondary = pty.openpty()
    termios.tcsetwinsize(secondary, (30, width))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    drawn: list[bytes] = []

    def read():
        while True:
            try:
                drawn.append(os.read(primary, 65536))
            except OSError:  # its other end is closed
                return

    reader = threading.Thread(target=read)
    reader.start()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), "dot", LONG, "bad"],
        cwd=Path(__file__).resolve().parents[2],
        env=environment | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=secondary,
    ) as process:
        os.close(secondary)
    reader.join()
    os.close(primary)
    assert process.returncode == 0
    lines = screens(b"".join(drawn).decode())
    assert len(lines) > 50 and max(map(len, lines)) <= width
    starts = ("dot/0", "loc", "sweep", "done", "FAILED", "bad/0")
    assert all(line.startswith(starts) for line in lines if line)
