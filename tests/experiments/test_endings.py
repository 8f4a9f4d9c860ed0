"""What ends a program early is one line: signals, places that cannot be used, config
files that are wrong, terminals without a letter."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags

from experiments import report
from experiments.configs import answer, last_of_each, launch

ROOT = Path(__file__).resolve().parents[2]
PLACES = ["EACCES", "EEXIST", "EISDIR", "ELOOP", "ENAMETOOLONG", "ENOENT", "ENOTDIR"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_program_in_a_line(capsys, number):
    outside = signal.signal(number, signal.SIG_DFL)  # pytest may run under nohup
    ended = []

    def main():
        try:
            os.kill(os.getpid(), number)
            pytest.fail("it went on")
        finally:
            ended.append("its jobs")

    try:
        assert answer(main, "sweep") == 128 + number
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, outside)
    assert ended == ["its jobs"]
    name = signal.Signals(number).name
    said = capsys.readouterr().err
    assert said == f"sweep: ended by {name}; the same command goes on\n"


def test_under_nohup_a_hangup_is_nothing(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        def main():
            os.kill(os.getpid(), signal.SIGHUP)
            return 7

        assert answer(main, "sweep") == 7
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("name", [*PLACES, "EPERM", "EROFS"])
def test_a_place_that_cannot_be_used_is_named(monkeypatch, capsys, name):
    monkeypatch.setattr(sys, "argv", ["report"])
    number = getattr(errno, name)

    def main():
        raise OSError(number, os.strerror(number), "runs/a")

    assert answer(main, "report") == 2
    assert capsys.readouterr().err == f"report: runs/a: {os.strerror(number)}\n"


def test_a_file_where_a_report_should_go_is_named(tmp_path, capsys):
    (tmp_path / "a" / "0").mkdir(parents=True)
    (tmp_path / "a" / "0" / "config.json").write_text("{}")
    (tmp_path / "out").write_text("x")
    words = [f"--runs={tmp_path}", f"--out={tmp_path / 'out'}"]
    assert answer(lambda: report.main(words), "report") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(tmp_path / "out") in said


CONFIGS = {
    "syntax": ("def get_config(:\n    pass\n", ":1: invalid syntax"),
    "name": (
        "def get_config():\n    return nothing\n",
        ":2: NameError: name 'nothing'",
    ),
    "library": (
        "import json\n\n\ndef get_config():\n    return json.loads('{')\n",
        ":5: JSONDecodeError: Expecting property name",
    ),
    "nothing": ("x = 1\n", "get_config"),
}


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("program", ["train", "sweep"])
def test_what_is_wrong_with_a_config_file_is_a_line(tmp_path, kind, program):
    content, expected = CONFIGS[kind]
    file = tmp_path / "mine.py"
    file.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{program}", f"--config={file}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and expected in lines[0] and str(file) in lines[0]


@pytest.mark.parametrize("program", ["train", "sweep"])
def test_a_config_file_that_is_a_pipe_is_not_waited_for(tmp_path, program):
    file = tmp_path / "mine.py"
    os.mkfifo(file)
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{program}", f"--config={file}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == f"{program}: {file} is no file\n"


def test_an_error_of_our_own_keeps_its_traceback(tmp_path, monkeypatch):
    """Also where a config file has called the code that is wrong."""
    import attnlab.runs

    file = tmp_path / "mine.py"
    file.write_text("import attnlab.runs\nattnlab.runs.find(None)\n")
    monkeypatch.setattr(sys, "argv", ["sweep", f"--config={file}"])
    monkeypatch.setattr(flags, "FLAGS", lambda words: words)

    def main(arguments):
        exec(compile(file.read_text(), str(file), "exec"))

    assert attnlab.runs
    with pytest.raises((AttributeError, TypeError)):
        launch(main, "sweep")


def test_the_last_of_a_setting_counts():
    edges = [f"--config.evaluate.edges={edge}," for edge in (24, 32, 48)]
    words = ["train", "--config=a.py", edges[0], edges[1], "--workdir=x", edges[2]]
    left = ["train", "--config=a.py", "--workdir=x", edges[2]]
    assert last_of_each(words) == left
    assert last_of_each(left) == left
    assert last_of_each(["train", "--config.a"]) == ["train", "--config.a"]


def test_a_tuple_given_twice_is_the_last(tmp_path):
    """By the program: the earlier one is no part of it, and need not be right."""
    words = ["--config=configs/translation.py", f"--workdir={tmp_path / 'a'}"]
    words += [f"--config.evaluate.edges={edge}," for edge in ("wrong", 24, -5)]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.train", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "evaluate.edges" in line and "-5" in line and "24" not in line
    assert not (tmp_path / "a").exists()


def test_a_terminal_without_a_letter_gets_another(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    assert answer(lambda: print("12.3 ± 0.1 † ─"), "report") == 0
    assert raw.getvalue() == "12.3 ± 0.1 ? ?\n".encode("latin-1")
