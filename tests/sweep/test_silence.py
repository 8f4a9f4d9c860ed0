"""Runs that hang: said, ended, tried again; and what is no silence."""

import os
import signal
import time

import pytest

from attnlab import runs
from attnlab.sweep import local, silence
from attnlab.sweep.execute import run_all
from attnlab.sweep.jobs import training
from attnlab.sweep.local import Local
from attnlab.sweep.silence import Silence
from tests.sweep.conftest import tries

SECOND = 1 / 60  # minutes


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(silence, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(silence, "SAY", 0.5 * SECOND)


@pytest.mark.parametrize("act", ["sleeps", "stops", "deaf"])
def test_a_run_that_hangs_is_said_and_ended_and_tried_again(stand_in, often, act):
    hangs, works = stand_in(f"{act} works", "works")
    said = []
    run_all([hangs, works], Local(1), retries=1, silence=1.5 * SECOND, log=said.append)
    assert said[0] == "silent  0/0  nothing new for 0 minutes"
    assert said[1] == "again   0/0  after no progress for 0.025 min"
    assert len(tries(hangs)) == 2
    assert all((folder / runs.RESULT).exists() for folder in (hangs, works))


def test_one_that_hangs_again_and_again_fails_and_says_why(stand_in, often):
    hangs, works = stand_in("stops", "works")
    run_all([hangs, works], Local(1), retries=1, silence=SECOND)
    assert len(tries(hangs)) == 2
    error = runs.read_json(hangs / runs.ERROR)["error"]
    assert error.startswith("the process ended with no progress for 0.0166667 min")
    assert (works / runs.RESULT).exists()


def test_without_a_limit_it_is_waited_for(stand_in, often):
    (folder,) = stand_in("stops")
    said, since = [], time.monotonic()

    def go_on():
        if time.monotonic() > since + 2.5 and tries(folder):
            os.kill(tries(folder)[0]["pid"], signal.SIGCONT)

    run_all([folder], Local(1), silence=None, log=said.append, poll=go_on)
    assert said == ["silent  0/0  nothing new for 0 minutes"]
    assert (folder / runs.RESULT).exists()


@pytest.mark.parametrize(("act", "mark"), [("stops", "tries"), ("deaf", "deaf")])
def test_interrupted_a_run_that_does_not_listen_is_ended(
    stand_in, monkeypatch, act, mark
):
    monkeypatch.setattr(local, "CLOSE_SECONDS", 0.5)
    (folder,) = stand_in(act)

    def interrupt():
        if (folder / mark).exists():
            time.sleep(0.3)  # until it has stopped
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_all([folder], Local(1), poll=interrupt)
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(tries(folder)[0]["pid"], 0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_time_in_which_the_sweep_looks_counts(tmp_path):
    clock, said = Clock(), []
    job = training([tmp_path])
    listening = Silence(20.0, said.append, clock)
    assert listening.look([job]) == []
    clock.now = 10 * 3600.0  # the laptop slept, and all that is seen is one look
    assert listening.look([job]) == []
    assert said == []
    while clock.now < 10 * 3600 + 19 * 60:
        clock.now += 6.0
        assert listening.look([job]) == []
    assert len(said) == 1
    while not (over := listening.look([job])):
        clock.now += 6.0
    assert over == [job]
    assert 10 * 3600 + 19.5 * 60 < clock.now <= 10 * 3600 + 20.5 * 60
    assert len(said) == 1


@pytest.mark.parametrize("what", ["a step", "a line in the log", "a stage"])
def test_whatever_a_run_writes_is_a_sign(tmp_path, what):
    clock = Clock()
    job = training([tmp_path])
    listening = Silence(1.0, lambda line: None, clock)
    for number in range(100):
        clock.now += 6.0
        if number % 5 == 0:
            if what == "a line in the log":
                with open(job.log, "a") as log:
                    log.write("a warning\n")
            else:
                kind = runs.TRAINING if what == "a step" else runs.STARTING
                progress = runs.RunProgress(kind, step=number)
                if what == "a stage":
                    note = f"shape {number}"
                    progress = runs.RunProgress(runs.COMPILING, note)
                runs.write_progress(tmp_path, progress)
        assert listening.look([job]) == []


def test_jobs_that_do_not_compute_are_not_listened_to(tmp_path):
    clock = Clock()
    job = training([tmp_path])
    listening = Silence(1.0, lambda line: None, clock)
    for _ in range(100):
        clock.now += 6.0
        assert listening.look([]) == []  # in a queue
    for _ in range(9):
        clock.now += 6.0
        assert listening.look([job]) == []
