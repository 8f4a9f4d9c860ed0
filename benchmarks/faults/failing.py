"""Rows that fail, and a disk that is full: neither may cost another row its numbers."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from attnlab import runs
from benchmarks.faults.config import FAULTY
from benchmarks.faults.sweeps import FaultBench, Outcome, half_written

KILLED = "killed for its memory"
MEMORY = 2 * 2**30  # bytes that the sweep of that row and all its runs may have
GROUPS = Path("/sys/fs/cgroup")
ROOM = (1, 2)  # MiB of the disk that fills up; the sweep needs more


def failing_row(bench: FaultBench, fault: str) -> Outcome:
    """A sweep with one more row that fails: that is reported, the others finish."""
    name = f"a row: {fault}"
    folder = bench.begin(bench.folder / fault.replace(" ", "-"))
    try:
        with memory_group(MEMORY) if fault == KILLED else nullcontext() as join:
            process = bench.start(folder, fault=fault)
            if join is not None:
                join(process.pid)  # its runs, started later, are in it then
            code = bench.finish(process)
    except PermissionError as error:
        return Outcome(name, 0, 0, 0, 0, note=f"SKIPPED: {error}")
    slug = runs.slug(fault)
    wrong = bench.differences(folder, but=[slug])
    (failed,) = [run for run in runs.find(folder) if run.slug == slug]
    error = str((failed.error or {}).get("error", ""))
    bench.say(f"a row {fault}: exit {code}, {error[:70]!r}; {wrong[:2]}")
    good = not wrong and code == 1 and failed.result is None
    return Outcome(name, 1, int(good), int(bool(error)), len(wrong), note=error)


def failing_rows(bench: FaultBench) -> list[Outcome]:
    """One sweep for each kind of failing row."""
    return [failing_row(bench, fault) for fault in FAULTY]


@contextmanager
def memory_group(limit: int) -> Iterator[Callable[[int], None]]:
    """A control group of so many bytes; join(pid) puts a process into it, and the
    kernel kills the largest where they need more. PermissionError where none may be
    made."""
    old = (GROUPS / "memory").is_dir()  # version 1
    group = (GROUPS / "memory" if old else GROUPS) / f"attnlab-faults-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise PermissionError(f"no control group can be made: {error}") from None
    try:
        name = "memory.limit_in_bytes" if old else "memory.max"
        try:
            (group / name).write_text(str(limit))
        except OSError as error:
            raise PermissionError(f"no memory limit can be set: {error}") from None

        def join(pid: int) -> None:
            (group / "cgroup.procs").write_text(str(pid))

        yield join
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    """Remove a control group, once its last process is gone."""
    for _ in range(50):
        try:
            return group.rmdir()
        except OSError:
            time.sleep(0.1)


def full_disk(bench: FaultBench) -> Outcome:
    """Sweeps on file systems too small for them, which then get room."""
    fault = "the disk is full"
    place = bench.folder / "disk"
    reported = survived = lost = 0
    for size in ROOM:
        try:
            with small_disk(place, f"{size}m") as remount:
                folder = bench.begin(place / f"full-{size}")
                code = bench.finish(bench.start(folder))
                text = bench.log(folder).read_text(errors="replace")
                clear = "No space left" in text or "no space left" in text
                reported += code != 0 and clear and "Traceback" not in text
                halves = half_written(folder)
                remount("size=512m")
                again = bench.finish(bench.start(folder))
                wrong = bench.differences(folder) + halves
        except PermissionError as error:
            return Outcome(fault, 0, 0, 0, 0, note=f"SKIPPED: {error}")
        bench.say(f"{size} MiB: exit {code}, then {again}; {wrong[:2]}")
        survived += not wrong and again == 0
        lost += len(wrong)
    sizes = ", ".join(map(str, ROOM))
    note = f"{sizes} MiB, then enough"
    return Outcome(fault, len(ROOM), survived, reported, lost, note=note)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system in memory at `place`, "2m" large, and a function that gives it
    another option: "size=512m", "ro". PermissionError where none may be mounted."""
    if os.geteuid() != 0:
        raise PermissionError("only root can mount a small file system")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)

    def mount(options: str) -> None:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PermissionError(f"mount: {done.stderr.strip()}")

    mount(f"size={size}")
    try:
        yield lambda option: mount(f"remount,{option}")
    finally:
        subprocess.run(["umount", str(place)], check=True)
