"""Fetching from mirrors that drop, stall, lie and refuse."""

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attnlab.corpora import fetching
from attnlab.corpora.catalogue import File
from attnlab.corpora.fetching import (
    FetchError,
    FolderError,
    NoAnswer,
    Patience,
    fetch,
    mirrors,
)
from tests.corpora.mirror import dead_address, mirror_of

CONTENT = random.Random(0).randbytes(200_000)
NAME = "corpus/deep/a file.gz"
FILE = File(NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
QUICK = Patience(timeout=0.3, attempts=3, pause=0.0)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def mirror(tmp_path):
    root = tmp_path / "served"
    # The address of a blank is %20; the handler does not decode it.
    path = root / NAME.replace(" ", "%20")
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    with mirror_of(root) as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def part(folder: Path) -> Path:
    return folder / f"{NAME}.part"


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def ranges(mirror) -> list[str | None]:
    return [asked for _, asked in mirror.seen]


def test_a_file_comes_whole_and_is_not_fetched_twice(mirror, folder):
    done = []
    used = fetch(FILE, folder, [mirror.address], progress=done.append, patience=QUICK)
    assert used == mirror.address
    assert (folder / NAME).read_bytes() == CONTENT
    assert done == sorted(done) and done[-1] == len(CONTENT)
    assert left(folder) == ["a file.gz"]
    before = (folder / NAME).stat()
    assert fetch(FILE, folder, [mirror.address], patience=QUICK) == ""
    after = (folder / NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(mirror.seen) == 1


def test_a_dropped_connection_goes_on_where_it_stopped(mirror, folder):
    mirror.plan = ["drop 70000", "drop 1", "drop 0", "drop 0"]
    fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert (folder / NAME).read_bytes() == CONTENT
    later = "bytes=70001-"
    assert ranges(mirror) == [None, "bytes=70000-", later, later, later]


def test_a_connection_that_brings_nothing_is_given_up(mirror, folder):
    mirror.always = "drop 0"
    with pytest.raises(NoAnswer, match=r"ended at byte 0 of 200,000 \(3 times\)"):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert len(mirror.seen) == 3
    assert left(folder) == []


def test_pauses_grow_twofold_while_nothing_comes(mirror, folder, monkeypatch):
    slept = []
    monkeypatch.setattr(fetching.time, "sleep", slept.append)
    mirror.plan = ["status 503", "status 500", "drop 10", "status 429", "status 502"]
    said = []
    patient = Patience(attempts=4, pause=3)
    fetch(FILE, folder, [mirror.address], patience=patient, notice=said.append)
    assert slept == [3, 6, 3, 3, 6]
    assert len(said) == 5
    assert said[1].endswith("500 Internal Server Error; again in 6 s")


def test_a_server_that_ignores_ranges_starts_again(mirror, folder):
    mirror.plan = ["drop 70000", "whole"]
    fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert (folder / NAME).read_bytes() == CONTENT
    assert ranges(mirror) == [None, "bytes=70000-"]


def test_another_answer_costs_nothing_of_what_has_come(mirror, folder):
    part(folder).parent.mkdir(parents=True)
    part(folder).write_bytes(CONTENT[:70_000])
    mirror.plan = ["whole"]
    mirror.instead = b"<html>Log in first</html>"
    with pytest.raises(FetchError, match="expected 200,000 bytes, got 25"):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert part(folder).read_bytes() == CONTENT[:70_000]
    mirror.instead = None
    fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert ranges(mirror) == ["bytes=70000-"] * 2


def test_a_stalled_server_is_tried_again(mirror, folder):
    mirror.plan = ["stall"]
    fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert (folder / NAME).read_bytes() == CONTENT
    mirror.plan = ["stall"]
    (folder / NAME).unlink()
    once = Patience(timeout=0.1, attempts=1)
    with pytest.raises(NoAnswer, match=r"timed out \(1 times\)"):
        fetch(FILE, folder, [mirror.address], patience=once)


def test_a_range_that_was_not_asked_for_is_refused(mirror, folder):
    mirror.plan = ["drop 9", "shifted"]
    wrong = "asked for bytes from 9 on, it sent 'bytes 10-199999/200000'"
    with pytest.raises(FetchError, match=wrong):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert part(folder).read_bytes() == CONTENT[:9]


def test_wrong_bytes_are_thrown_away_and_the_next_mirror_asked(
    mirror, folder, tmp_path
):
    other = tmp_path / "served"
    with mirror_of(other) as liar:
        liar.instead = CONTENT[:-1] + b"?"
        got = hashlib.sha256(liar.instead).hexdigest()
        wrong = f"wrong bytes: expected sha256 {FILE.sha256}, got {got}"
        with pytest.raises(FetchError) as caught:
            fetch(FILE, folder, [liar.address], patience=QUICK)
        assert str(caught.value) == f"{NAME}:\n  {liar.address}: {wrong}"
        assert not isinstance(caught.value, NoAnswer)
        assert len(liar.seen) == 1 and left(folder) == []
        used = fetch(FILE, folder, [liar.address, mirror.address], patience=QUICK)
        assert used == mirror.address
        # Dropped in the middle, its bytes are no better.
        (folder / NAME).unlink()
        liar.seen.clear()
        liar.always = "drop 120000"
        with pytest.raises(FetchError, match="wrong bytes"):
            fetch(FILE, folder, [liar.address], patience=QUICK)
        assert ranges(liar) == [None, "bytes=120000-"]
    assert left(folder) == []


def test_a_part_of_something_else_costs_one_more_download(mirror, folder):
    part(folder).parent.mkdir(parents=True)
    for begun in (b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 7)):
        part(folder).write_bytes(begun)
        fetch(FILE, folder, [mirror.address], patience=QUICK)
        assert (folder / NAME).read_bytes() == CONTENT
        (folder / NAME).unlink()
    assert ranges(mirror) == ["bytes=1000-", None, None, None]


def test_a_part_of_something_else_and_a_mirror_that_lies(mirror, folder):
    part(folder).parent.mkdir(parents=True)
    part(folder).write_bytes(b"x" * 1000)
    mirror.instead = b"y" * len(CONTENT)
    with pytest.raises(FetchError, match="wrong bytes"):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert ranges(mirror) == ["bytes=1000-", None]
    assert left(folder) == []


def test_a_whole_part_needs_no_mirror_to_answer(folder):
    part(folder).parent.mkdir(parents=True)
    part(folder).write_bytes(CONTENT)
    dead = dead_address()
    assert fetch(FILE, folder, [dead], patience=QUICK) == dead
    assert left(folder) == ["a file.gz"]


@pytest.mark.parametrize("plan", ["", "open"])
@pytest.mark.parametrize("start", [0, 500])
def test_a_longer_or_shorter_file_is_refused(mirror, folder, plan, start):
    mirror.always = plan
    mirror.instead = CONTENT + b"more"
    if start:
        part(folder).parent.mkdir(parents=True)
        part(folder).write_bytes(CONTENT[:start])
    with pytest.raises(FetchError, match="wrong size: expected 200,000 bytes, got 20"):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert len(mirror.seen) == 1
    assert not (folder / NAME).exists()


@pytest.mark.parametrize(
    ("code", "requests"), [(404, 1), (403, 1), (410, 1), (500, 3), (503, 3), (429, 3)]
)
def test_only_answers_that_may_change_are_asked_for_again(
    mirror, folder, code, requests
):
    mirror.always = f"status {code}"
    with pytest.raises(FetchError, match=f"{mirror.address}: {code} "):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert len(mirror.seen) == requests
    assert left(folder) == []


def test_mirrors_are_tried_in_order_and_all_named_in_the_error(mirror, folder):
    dead = dead_address()
    mirror.plan = ["status 404"]
    with pytest.raises(FetchError) as caught:
        fetch(FILE, folder, [dead, mirror.address], patience=QUICK)
    first, second, third = str(caught.value).splitlines()
    assert first == f"{NAME}:"
    assert second.startswith(f"  {dead}: ") and "refused (3 times)" in second
    assert third == f"  {mirror.address}: 404 Not Found"
    assert fetch(FILE, folder, [dead, mirror.address], patience=QUICK) == mirror.address


def test_a_folder_is_a_mirror_too(mirror, folder, tmp_path):
    source = tmp_path / "my files"
    (source / NAME).parent.mkdir(parents=True)
    (source / NAME).write_bytes(CONTENT)
    part(folder).parent.mkdir(parents=True)
    part(folder).write_bytes(CONTENT[:100])
    fetch(FILE, folder, mirrors(source.as_uri()), patience=QUICK)
    assert (folder / NAME).read_bytes() == CONTENT
    (folder / NAME).unlink()
    (source / NAME).unlink()
    with pytest.raises(FetchError, match="No such file"):
        fetch(FILE, folder, mirrors(source.as_uri()), patience=QUICK)


def test_a_damaged_file_stays_until_a_good_one_is_there(mirror, folder):
    (folder / NAME).parent.mkdir(parents=True)
    (folder / NAME).write_bytes(b"damaged")
    mirror.plan = ["status 404"]
    with pytest.raises(FetchError):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert (folder / NAME).read_bytes() == b"damaged"
    fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert (folder / NAME).read_bytes() == CONTENT


def test_no_mirror_named_is_an_error_that_says_where(folder):
    with pytest.raises(ValueError, match="no mirror is named; set ATTNLAB_MIRROR"):
        fetch(FILE, folder, [])


def test_a_disk_that_takes_little_at_a_time_gets_all(mirror, folder, monkeypatch):
    class Slow(fetching.FileIO):
        def write(self, block):
            return super().write(block[:30_000])

    monkeypatch.setattr(
        fetching, "open", lambda p, mode, buffering: Slow(p, mode), raising=False
    )
    fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert (folder / NAME).read_bytes() == CONTENT
    assert len(mirror.seen) == 1


def test_a_full_disk_keeps_what_has_come(mirror, folder, monkeypatch):
    class Full(fetching.FileIO):
        def write(self, block):
            room = 80_000 - self.seek(0, os.SEEK_END)
            if room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(block[:room])  # as a disk does: some of it first

    with monkeypatch.context() as patch:
        patch.setattr(
            fetching, "open", lambda p, mode, buffering: Full(p, mode), raising=False
        )
        with pytest.raises(FolderError, match="no room on the disk for .*part"):
            fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert part(folder).read_bytes() == CONTENT[:80_000]
    fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert ranges(mirror) == [None, "bytes=80000-"]


def test_room_is_counted_before_anything_is_fetched(folder, monkeypatch):
    usage = type("Usage", (), {"free": 150_000})
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(FolderError, match="room for 150,000 bytes, and 200,000 are"):
        fetching.check_room([FILE], folder)
    part(folder).parent.mkdir(parents=True)
    part(folder).write_bytes(CONTENT[:60_000])
    fetching.check_room([FILE], folder)


def test_a_folder_that_takes_nothing_is_named(mirror, folder, tmp_path):
    folder.mkdir()
    (folder / "corpus").write_text("a file where a folder must be")
    with pytest.raises(FolderError, match="cannot write .*: (Not a directory|File ex)"):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    (folder / "corpus").unlink()
    (folder / NAME).mkdir(parents=True)
    with pytest.raises(FolderError, match="cannot read .*: Is a directory"):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert mirror.seen == []


def test_two_fetches_of_one_file_do_not_mix(mirror, folder):
    with fetching._part(folder / NAME) as held:
        held.write(CONTENT[:10])
        with pytest.raises(FetchError, match="another fetch is at work on it"):
            fetch(FILE, folder, [mirror.address], patience=QUICK)
    fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert ranges(mirror) == ["bytes=10-"]


def test_a_part_that_gets_its_name_meanwhile_is_left_alone(mirror, folder, monkeypatch):
    lock = fetching.fcntl.flock

    def late(file, how):
        """Another fetch is done between our opening and our locking."""
        part(folder).write_bytes(CONTENT)
        part(folder).rename(folder / NAME)
        lock(file, how)

    monkeypatch.setattr(fetching.fcntl, "flock", late)
    with pytest.raises(FetchError, match="another fetch is at work on it"):
        fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert (folder / NAME).read_bytes() == CONTENT and mirror.seen == []


KILLED = """
import sys
from pathlib import Path
from attnlab.corpora.catalogue import File
from attnlab.corpora.fetching import Patience, fetch

path, size, sha256, folder, address = sys.argv[1:]
file = File(path, int(size), sha256)
fetch(file, Path(folder), [address], patience=Patience(pause=60.0))
"""


def test_a_killed_fetch_goes_on(mirror, folder):
    mirror.plan = ["drop 90000"]  # then it waits, and is killed
    told = [FILE.path, str(FILE.size), FILE.sha256, str(folder), mirror.address]
    child = subprocess.Popen([sys.executable, "-c", KILLED, *told])
    try:
        deadline = time.monotonic() + 30
        while not (part(folder).exists() and part(folder).stat().st_size == 90_000):
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        child.kill()
    assert child.wait() == -signal.SIGKILL
    assert not (folder / NAME).exists()
    fetch(FILE, folder, [mirror.address], patience=QUICK)
    assert (folder / NAME).read_bytes() == CONTENT
    assert ranges(mirror) == [None, "bytes=90000-"]


def test_addresses_of_mirrors(monkeypatch):
    text = " http://a/b, https://c/\nfile:///d/e "
    expected = ["http://a/b/", "https://c/", "file:///d/e/"]
    assert mirrors(text) == expected
    monkeypatch.setenv("ATTNLAB_MIRROR", text)
    assert mirrors() == expected
    monkeypatch.delenv("ATTNLAB_MIRROR")
    assert mirrors() == []
    for wrong in ("/data", "ftp://a/", "http:", "file:", "a.org/b"):
        with pytest.raises(ValueError, match=f"mirror '{wrong}' is no address"):
            mirrors(wrong)
