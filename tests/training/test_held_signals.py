"""Signals that wait for the end of a checkpoint."""

import os
import signal
import threading

import pytest

from attnlab.training import checkpoint
from attnlab.training.held_signals import held_signals
from attnlab.training.run import run
from tests.tiny import tiny_folder


def test_an_interruption_waits_for_the_end():
    done = []
    with pytest.raises(KeyboardInterrupt), held_signals():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("it was held after the end")


def test_an_error_inside_comes_out_without_a_signal():
    with pytest.raises(ZeroDivisionError), held_signals():
        raise ZeroDivisionError


def test_what_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with held_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_go_through():
    done = []

    def work():
        with held_signals():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


def test_ctrl_c_while_a_checkpoint_is_written_leaves_it(tmp_path, monkeypatch):
    """It was lost, and with it all updates before it."""
    folder = tiny_folder(tmp_path, **{"train.steps": 20, "train.evaluate_every": 10})
    write = checkpoint.Checkpoints._write
    saved = []

    def interrupted(self, step, arrays, note):
        os.kill(os.getpid(), signal.SIGINT)
        saved.append(step)
        return write(self, step, arrays, note)

    monkeypatch.setattr(checkpoint.Checkpoints, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(folder)
    assert saved == [10]
    assert checkpoint.Checkpoints(folder / "checkpoints").latest_step == 10
    monkeypatch.setattr(checkpoint.Checkpoints, "_write", write)
    assert run(folder)["steps"] == 20
