"""The lock of a run folder, so that one process trains a run, and its owner's name.

    .lock     {"host": "h", "pid": 1234, "since": "2025-01-31 12:00:00", "token": ...}

flock is the lock where the file system has it: the system frees it when the process
ends, however it ends, so nothing that a killed process leaves can block a run. What the
file says is for people, and for machines that do not see each other's flock:

- an owner on another host counts as alive while the file's time is younger than STALE
  seconds; every owner renews it each BEAT seconds. (Clocks have to agree to a minute.
  A time further in the future says nothing: it is looked at again after a beat.)
- without flock the same holds on this host too, unless the owner's process is gone.

A file that is empty, damaged or out of date is no lock.
"""

import errno
import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOCK = ".lock"
BEAT, STALE = 20.0, 120.0  # seconds
AHEAD = 60.0  # seconds by which the clock of another host may be fast
POLL = 1.0  # seconds between two looks at a lock that is waited for
SETTLE = 1.0  # seconds until what two processes wrote at once is the same for both
NO_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


class BusyRun(RuntimeError):
    """Another process is training this run."""


@contextmanager
def only_one(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a run folder, as a context.

    Args:
      folder: the run's.
      wait: whether to wait for another owner.

    Returns:
      A context manager, whose value is None.

    Raises:
      BusyRun: where another process holds it and `wait` is not set.
    """
    path = Path(folder) / LOCK
    # Append mode creates the file, and leaves the name of its owner in it.
    with open(path, "ab") as file:
        flocked = _flock(file.fileno(), path, wait)
        while True:
            owner = read_owner(path)
            if owner is None or not _alive(owner, path, flocked):
                token = _claim(path, flocked)
                if token is not None:
                    break
            elif not wait:
                raise _busy(path, owner)
            # Also after a lost claim: the winner's name then stands in the file.
            time.sleep(POLL)
        over = threading.Event()
        # A daemon, so that it cannot outlive the run.
        beating = threading.Thread(target=_beat, args=(path, over), daemon=True)
        beating.start()
        try:
            yield
        finally:
            over.set()
            # Waited for, or a late beat could renew a lock that has been released.
            beating.join()
            _release(path, token)


def read_owner(path: Path) -> dict[str, Any] | None:
    """The owner that a lock file names.

    Args:
      path: of the file.

    Returns:
      host, pid, since and token; None where the file is empty or damaged.
    """
    try:
        owner = json.loads(path.read_bytes())
        kinds = {"host": str, "pid": int, "since": str, "token": str}
        return owner if all(isinstance(owner[k], t) for k, t in kinds.items()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _flock(descriptor: int, path: Path, wait: bool) -> bool:
    """Takes the system's lock; False where the file system has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise _busy(path, read_owner(path)) from None
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
        return False
    return True


def _alive(owner: dict[str, Any], path: Path, flocked: bool) -> bool:
    """Whether the owner named in the file still holds it."""
    here = owner["host"] == socket.gethostname()
    if here and (flocked or not _runs(owner["pid"])):
        return False  # it would hold the flock, or it has ended
    try:
        then = path.stat().st_mtime
        if time.time() - then > -AHEAD:
            return time.time() - then < STALE
        time.sleep(1.5 * BEAT)  # a clock was set back: only a beat is a sign of life
        return path.stat().st_mtime != then
    except FileNotFoundError:
        return False


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 only asks whether the process exists
    except (ProcessLookupError, OverflowError, ValueError):
        return False
    # It exists, but belongs to another user.
    except PermissionError:
        pass
    return True


def _claim(path: Path, flocked: bool) -> str | None:
    """Writes this process down as the owner: its token, None where another was last."""
    token = secrets.token_hex(8)
    owner = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "token": token,
    }
    content = json.dumps(owner).encode() + b"\n"
    if flocked:
        _overwrite(path, content)  # keeps the file, and with it the flock
        return token
    temporary = path.with_name(f"{LOCK}.{token}.tmp")  # on no other host either
    temporary.write_bytes(content)
    os.replace(temporary, path)
    # Without flock the last to rename wins, so look again once all have done so.
    time.sleep(SETTLE)
    last = read_owner(path)
    return token if last is not None and last["token"] == token else None


def _release(path: Path, token: str) -> None:
    """Empties the file, if it is still this owner's."""
    owner = read_owner(path)
    if owner is not None and owner["token"] == token:
        _overwrite(path, b"")


def _overwrite(path: Path, content: bytes) -> None:
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise  # a full disk costs the owner's name, not the lock


def _beat(path: Path, over: threading.Event) -> None:
    while not over.wait(BEAT):
        try:
            os.utime(path)
        except OSError:  # the folder is gone, or the disk: the run will say so itself
            pass


def _busy(path: Path, owner: dict[str, Any] | None) -> BusyRun:
    who = ""
    if owner is not None:
        who = f" (pid {owner['pid']} on host {owner['host']} since {owner['since']})"
    return BusyRun(f"another process{who} is training {path.parent}")
