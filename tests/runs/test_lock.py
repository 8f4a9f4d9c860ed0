"""One owner a run folder: two processes, a killed one, other hosts, no flock."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from attnlab.runs import lock
from attnlab.runs.lock import LOCK, BusyRun, only_one, read_owner

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
    import sys, time
    from pathlib import Path
    from attnlab.runs.lock import only_one
    with only_one(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD), tmp_path],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def write_owner(folder: Path, *, host: str, pid: int, age: float) -> None:
    owner = {"host": host, "pid": pid, "since": "2025-01-31 12:00:00", "token": "x"}
    (folder / LOCK).write_text(json.dumps(owner))
    then = time.time() - age
    os.utime(folder / LOCK, (then, then))


@pytest.fixture
def no_flock(monkeypatch):
    """A file system without flock, whose writes settle at once."""

    def flock(descriptor, operation):
        del descriptor, operation
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(lock, "SETTLE", 0.05)


def test_the_owner_is_named_and_gone_when_killed(tmp_path, holder):
    with pytest.raises(BusyRun) as busy, only_one(tmp_path):
        pass
    host = os.uname().nodename
    start = f"another process (pid {holder.pid} on host {host} since 20"
    assert str(busy.value).startswith(start)
    assert str(busy.value).endswith(f") is training {tmp_path}")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert read_owner(tmp_path / LOCK)["pid"] == holder.pid  # left behind: no lock
    with only_one(tmp_path):
        assert read_owner(tmp_path / LOCK)["pid"] == os.getpid()
    assert read_owner(tmp_path / LOCK) is None


def test_who_waits_comes_next(tmp_path, holder):
    threading.Timer(0.3, holder.kill).start()
    began = time.monotonic()
    with only_one(tmp_path, wait=True):
        assert 0.2 < time.monotonic() - began < 10.0


def test_a_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), only_one(tmp_path):
        _ = 1 / 0
    with only_one(tmp_path), pytest.raises(BusyRun, match=f"pid {os.getpid()} on"):
        with only_one(tmp_path):
            pass


@pytest.mark.parametrize(
    "content", [b"", b"\xff\x00", b"{", b"[1]", b'{"host": 3}', b"null\n"]
)
def test_what_is_no_owner_is_no_lock(tmp_path, content):
    (tmp_path / LOCK).write_bytes(content)
    with only_one(tmp_path):
        assert read_owner(tmp_path / LOCK)["pid"] == os.getpid()


def test_an_owner_on_another_host_counts_while_it_is_heard_of(tmp_path, monkeypatch):
    write_owner(tmp_path, host="elsewhere", pid=1, age=lock.STALE - 20.0)
    with pytest.raises(BusyRun, match="pid 1 on host elsewhere since 2025-01-31"):
        with only_one(tmp_path):
            pass
    assert read_owner(tmp_path / LOCK)["host"] == "elsewhere"
    monkeypatch.setattr(lock, "POLL", 0.05)
    monkeypatch.setattr(lock, "STALE", lock.STALE - 19.5)
    with only_one(tmp_path, wait=True):  # until it is stale
        assert read_owner(tmp_path / LOCK)["pid"] == os.getpid()
    write_owner(tmp_path, host="elsewhere", pid=1, age=lock.STALE + 20.0)
    with only_one(tmp_path):
        pass


def test_a_time_in_the_future_is_no_sign_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT", 0.4)
    write_owner(tmp_path, host="elsewhere", pid=1, age=-3600)
    with only_one(tmp_path):
        pass
    write_owner(tmp_path, host="elsewhere", pid=1, age=-3600)
    over = threading.Event()  # its clock is an hour fast, and it lives

    def beat():
        ahead = time.time() + 3600
        while not over.wait(0.02):
            ahead += 1
            os.utime(tmp_path / LOCK, (ahead, ahead))

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with pytest.raises(BusyRun, match="elsewhere"), only_one(tmp_path):
            pass
    finally:
        over.set()
        beating.join()


def test_the_owner_is_heard_of(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT", 0.02)
    with only_one(tmp_path):
        os.utime(tmp_path / LOCK, (0.0, 0.0))
        deadline = time.monotonic() + 10.0
        while (tmp_path / LOCK).stat().st_mtime < 1.0:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_without_flock_the_owner_is_asked_for(tmp_path, no_flock):
    with only_one(tmp_path), pytest.raises(BusyRun, match=f"pid {os.getpid()} on"):
        with only_one(tmp_path):
            pass
    here = os.uname().nodename
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_owner(tmp_path, host=here, pid=gone.pid, age=0.0)
    with only_one(tmp_path):  # its process has ended
        pass
    write_owner(tmp_path, host=here, pid=os.getpid(), age=lock.STALE + 20.0)
    with only_one(tmp_path):  # its number has another process now
        pass


def test_without_flock_one_of_two_at_once_gets_it(tmp_path, no_flock):
    inside, most, errors = [], [], []
    together = threading.Barrier(4)

    def run():
        together.wait()
        try:
            with only_one(tmp_path):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.3)
                inside.pop()
        except BusyRun as busy:
            errors.append(busy)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1} and len(errors) == 4 - len(most)
