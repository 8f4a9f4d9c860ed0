"""Corpus files from a mirror: resumed where they stopped, checked before they count.

A mirror is an address below which the files lie at their paths in the data folder. What
has come of a file stands beside its place as `NAME.part`, also after a kill, and takes
the name once its sha256 sum is right. That sum and the size, which the catalogue knows,
are why a resumed file needs no ETag: a part of something else is noticed and dropped.
"""

import errno
import fcntl
import http.client
import os
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from attnlab.corpora.catalogue import File
from attnlab.corpora.verifying import OK, UNREADABLE, check, sha256_of

VARIABLE = "ATTNLAB_MIRROR"
SCHEMES = ("http", "https", "file")
BLOCK = 1 << 16
PART = ".part"
FULL = (errno.ENOSPC, errno.EDQUOT)
LATER = (408, 425, 429, 500, 502, 503, 504)  # answers that may be others next time
RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Patience(NamedTuple):
    """How long a mirror is waited for.

    Attributes:
      timeout: seconds to wait for a byte.
      attempts: a connection that fails so many times in a row without bringing a byte
        is given up.
      pause: seconds after the first of these failures, and each time twice as many.
    """

    timeout: float = 30.0
    attempts: int = 5
    pause: float = 1.0


PATIENCE = Patience()


class FetchError(Exception):
    """No mirror could give a file; the message says what each of them did."""


class NoAnswer(FetchError):
    """All of them failed to answer, or to go on: the next file would fare no better."""


class FolderError(OSError):
    """The data folder cannot take a file: it is full, or not ours to write to."""


class _Refused(Exception):
    """This mirror does not have the file, or has another one: asking again is vain."""


class _Dropped(Exception):
    """The connection failed: the rest may come another time."""


def mirrors(text: str | None = None) -> list[str]:
    """The addresses of mirrors.

    Args:
      text: addresses parted by blanks or commas; None: those of $ATTNLAB_MIRROR.

    Returns:
      The addresses, each with a slash at its end.

    Raises:
      ValueError: for what is no http, https or file address.
    """
    given = os.environ.get(VARIABLE, "") if text is None else text
    addresses = []
    for address in filter(None, re.split(r"[\s,]+", given)):
        parts = urlsplit(address)
        place = parts.path if parts.scheme == "file" else parts.netloc
        if parts.scheme not in SCHEMES or not place:
            raise ValueError(
                f"mirror {address!r} is no address; give http://..., https://... or "
                "file:///..."
            )
        addresses.append(address.rstrip("/") + "/")
    return addresses


def check_room(files: Sequence[File], folder: Path) -> None:
    """Refuse to start where the disk has no room for the rest of the files.

    Args:
      files: that are to come.
      folder: the data folder.

    Raises:
      FolderError: with the bytes that are free, and those needed.
    """
    parts = [_part_of(folder / file.path) for file in files]
    there = sum(part.stat().st_size for part in parts if part.exists())
    # What has come of a file before needs no room again.
    needed = sum(file.size for file in files) - there
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    # The data folder may not exist yet; its nearest parent is on the same disk.
    free = shutil.disk_usage(place).free
    if needed > free:
        raise FolderError(
            f"{folder} has room for {free:,} bytes, and {needed:,} are to come"
        )


def fetch(
    file: File,
    folder: Path,
    addresses: Sequence[str],
    *,
    patience: Patience = PATIENCE,
    progress: Callable[[int], None] = lambda done: None,
    notice: Callable[[str], None] = lambda text: None,
) -> str:
    """Put a file into the data folder.

    A good file is never touched, a damaged one stays until there is a good one in its
    place.

    Args:
      file: of the catalogue.
      folder: the data folder.
      addresses: as `mirrors` gives them, tried in order.
      patience: how long each is waited for.
      progress: called with the bytes that are there.
      notice: called with why it waits.

    Returns:
      The mirror that gave it; "" if it was there.

    Raises:
      FetchError: where no mirror has it; NoAnswer where none answers.
      FolderError: where it cannot be written.
      ValueError: where no mirror is named.
    """
    target = folder / file.path
    there = check(file, folder)
    if there.state == OK:
        return ""
    if there.state == UNREADABLE:
        raise FolderError(f"cannot read {target}: {there.got}")
    if not addresses:
        raise ValueError(f"{file.path}: no mirror is named; set {VARIABLE}")
    failures: dict[str, Exception] = {}
    with _part(target) as part:
        for address in addresses:
            try:
                _complete(part, file, address, patience, progress, notice)
            except (_Refused, _Dropped) as error:
                failures[address] = error
                continue
            with _writing(target):
                # Before the rename, or a power cut could spoil a checked file.
                os.fsync(part.fileno())
                os.replace(_part_of(target), target)
            return address
    lines = [f"{file.path}:", *(f"  {a}: {e}" for a, e in failures.items())]
    # A mirror that answers for one file may have the next; silence is of all.
    silent = all(isinstance(error, _Dropped) for error in failures.values())
    raise (NoAnswer if silent else FetchError)("\n".join(lines))


def _complete(
    part: FileIO,
    file: File,
    address: str,
    patience: Patience,
    progress: Callable[[int], None],
    notice: Callable[[str], None],
) -> None:
    """Fill `part` from one mirror until its sum is right."""
    url = address + quote(file.path)
    # A part that fails its sum is worth one more try, if it was not all ours.
    foreign = part.seek(0, os.SEEK_END) > 0  # begun by another mirror, or another day
    misses = 0
    while True:
        start = part.seek(0, os.SEEK_END)
        try:
            if start < file.size:
                _receive(part, file, url, start, patience.timeout, progress)
        except _Dropped as error:
            came = part.seek(0, os.SEEK_END) > start
            # Any byte is progress: a mirror that drops often is still worth asking.
            misses = 0 if came else misses + 1
            if misses == patience.attempts:
                raise _Dropped(f"{error} ({misses} times)") from None
            wait = patience.pause * 2 ** max(misses - 1, 0)  # exponential backoff
            notice(f"{url}: {error}; again in {wait:g} s")
            time.sleep(wait)
            continue
        part.seek(0)
        got = sha256_of(part)
        if got == file.sha256:
            return
        _empty(part)
        if not foreign:
            raise _Refused(f"wrong bytes: expected sha256 {file.sha256}, got {got}")
        foreign = False


def _receive(
    part: FileIO,
    file: File,
    url: str,
    start: int,
    timeout: float,
    progress: Callable[[int], None],
) -> None:
    """Add to `part` what the mirror sends from byte `start` on, or all of it anew."""
    wanted = {"Range": f"bytes={start}-"} if start else {}
    with _connection(url):
        request = urllib.request.Request(url, headers=wanted)
        answer = urllib.request.urlopen(request, timeout=timeout)
    with answer:
        done = start if start and _is_resumed(answer, file, start) else 0
        length = answer.headers.get("Content-Length") or ""
        if length.isdecimal():
            _check_size(file, done + int(length))
        if done < start:  # it sends all of the file
            _empty(part)
        while True:
            with _connection(url):
                block = answer.read(BLOCK)
            if not block:
                break
            done += len(block)
            # Whatever goes on beyond the size is not the file: stop before it fills
            # the disk.
            if done > file.size:
                _empty(part)
                _check_size(file, done)
            with _writing(part.name):
                # A disk that is nearly full takes less than it is given.
                while block:
                    block = block[part.write(block) :]
            progress(done)
    if done < file.size:
        raise _Dropped(f"the connection ended at byte {done:,} of {file.size:,}")


def _is_resumed(answer: http.client.HTTPResponse, file: File, start: int) -> bool:
    """Whether it begins where we stopped: servers may also send all of the file."""
    if answer.status != http.client.PARTIAL_CONTENT:
        return False
    given = answer.headers.get("Content-Range") or ""
    sent = RANGE.fullmatch(given)
    if not sent or int(sent[1]) != start:
        raise _Refused(f"asked for bytes from {start} on, it sent {given!r}")
    if sent[2] != "*":
        _check_size(file, int(sent[2]))
    return True


def _check_size(file: File, size: int) -> None:
    if size != file.size:
        raise _Refused(f"wrong size: expected {file.size:,} bytes, got {size:,}")


@contextmanager
def _connection(url: str) -> Iterator[None]:
    """What goes wrong on the way, as _Refused or _Dropped."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        kind = _Dropped if error.code in LATER else _Refused  # 404 will be 404 again
        raise kind(f"{error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        message = str(reason) or type(reason).__name__
        vain = (ValueError, http.client.InvalidURL, ssl.SSLCertVerificationError)
        # A local file that fails once fails again, as a wrong address does.
        if url.startswith("file:") or isinstance(reason, vain):
            raise _Refused(message) from None
        raise _Dropped(message) from None


@contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    """What the disk objects to, as a FolderError that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            message = f"no room on the disk for {path}; what has come is kept"
        else:
            message = f"cannot write {path}: {error.strerror or error}"
        raise FolderError(message) from None


@contextmanager
def _part(target: Path) -> Iterator[FileIO]:
    """What has come of `target`, open for adding, for this process alone."""
    path = _part_of(target)
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered, so that after a kill all that has come is in the file.
        part = open(path, "a+b", buffering=0)
    with part:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between open and lock another fetch may have renamed the file we hold.
            ours = os.path.samestat(os.fstat(part.fileno()), os.stat(path))
        except OSError:  # locked by another, or given its name by another just now
            ours = False
        if not ours:
            raise FetchError(f"{path}: another fetch is at work on it")
        try:
            yield part
        finally:
            # An empty part is worth nothing, and would only be litter.
            if not os.fstat(part.fileno()).st_size:
                path.unlink(missing_ok=True)


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + PART)


def _empty(part: FileIO) -> None:
    with _writing(part.name):
        part.truncate(0)
