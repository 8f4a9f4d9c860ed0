"""Rows that fail, and a disk that is full: neither may cost another row its numbers."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attnlab import runs
from benchmarks.faults.config import FAULTY
from benchmarks.faults.sweeps import Bench, Outcome, half_written

MEMORY = 6 * 2**30  # bytes of address space that a run may have
ROOM = (1, 2)  # MiB of the disk that fills up; the sweep needs more


def failing_row(bench: Bench, fault: str) -> Outcome:
    """A sweep with one more row, which fails: its error is said, the others finish."""
    folder = bench.begin(bench.folder / fault.replace(" ", "-"))
    code = bench.finish(bench.start(folder, fault=fault, memory=MEMORY))
    slug = runs.slug(fault)
    wrong = bench.differences(folder, but=[slug])
    (failed,) = [run for run in runs.find(folder) if run.slug == slug]
    error = str((failed.error or {}).get("error", ""))
    bench.say(f"a row {fault}: exit {code}, {error[:70]!r}; {wrong[:2]}")
    good = not wrong and code == 1 and failed.result is None
    return Outcome(f"a row: {fault}", 1, int(good), int(bool(error)), len(wrong), error)


def failing_rows(bench: Bench) -> list[Outcome]:
    return [failing_row(bench, fault) for fault in FAULTY]


def full_disk(bench: Bench) -> Outcome:
    """Sweeps on file systems too small for them, which then get room."""
    fault = "the disk is full"
    place = bench.folder / "disk"
    said = survived = lost = 0
    for size in ROOM:
        try:
            with small_disk(place, size) as (disk, enlarge):
                folder = bench.begin(disk / f"full-{size}")
                code = bench.finish(bench.start(folder))
                text = bench.log(folder).read_text(errors="replace")
                clear = "No space left" in text or "no space left" in text
                said += code != 0 and clear and "Traceback" not in text
                halves = half_written(folder)
                enlarge()
                again = bench.finish(bench.start(folder))
                wrong = bench.differences(folder) + halves
        except PermissionError as error:
            return Outcome(fault, 0, 0, 0, 0, f"SKIPPED: {error}")
        bench.say(f"{size} MiB: exit {code}, then {again}; {wrong[:2]}")
        survived += not wrong and again == 0
        lost += len(wrong)
    sizes = ", ".join(map(str, ROOM))
    note = f"{sizes} MiB, then enough"
    return Outcome(fault, len(ROOM), survived, said, lost, note)


@contextmanager
def small_disk(place: Path, mebibytes: int) -> Iterator[tuple[Path, object]]:
    """A file system of that size, and a function that makes it large."""
    if os.geteuid() != 0:
        raise PermissionError("only root can mount a small file system")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)

    def mount(*options: str) -> None:
        words = ["mount", "-t", "tmpfs", *options, "tmpfs", str(place)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PermissionError(f"mount: {done.stderr.strip()}")

    mount("-o", f"size={mebibytes}m")
    try:
        yield place, lambda: mount("-o", "remount,size=512m")
    finally:
        subprocess.run(["umount", str(place)], check=True)
