"""Reports of odd sweeps, reports that are killed, and reports on a full disk."""

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from attnlab.report.drawings import RECORD
from benchmarks.faults import trials
from benchmarks.faults.failing import small_disk
from benchmarks.faults.odd import ODD, Odd
from benchmarks.faults.sweeps import ROOT, FaultBench, Outcome, kill
from benchmarks.faults.trials import Trial, digests

KILLS = 12  # SIGKILLs of a report while it draws
SPARE = (8, 64, 256)  # KiB that are left on the disk of a report
PNG, PDF = b"\x00\x00\x00\x00IEND\xaeB`\x82", b"%%EOF"  # their last bytes


def reports(bench: FaultBench, quick: bool) -> list[Outcome]:
    """The outcomes of odd sweeps, of kills and of full disks."""
    odd = ODD[:: 4 if quick else 1]
    results = [
        trials.outcome("a report of an odd sweep", [_report(bench, o) for o in odd])
    ]
    kills = _kills(bench, 2 if quick else KILLS)
    moments = ", ".join(sorted({kill.name.split()[0] for kill in kills}, key=int))
    note = f"with {moments} of {kills[0].name.split(' of ')[1]}"
    results.append(trials.outcome("SIGKILL of a report that draws", kills, note))
    try:
        full = [_full(bench, spare) for spare in SPARE[: 1 if quick else None]]
        results.append(trials.outcome("the disk is full in the report", full))
    except PermissionError as error:
        note = f"SKIPPED: {error}"
        results.append(Outcome("the disk is full in the report", 0, 0, 0, 0, note=note))
    return results


def _report(bench: FaultBench, odd: Odd) -> Trial:
    """The report is written; other runs keep their numbers, and no seed is added."""
    folder = bench.copy(bench.whole, bench.folder / "reported")
    shutil.rmtree(folder / "report")
    odd.change(folder)
    ended = trials.report(bench, folder)
    wrong = bench.differences(folder, but=[odd.costs] if odd.costs else [])
    wrong = [line for line in wrong if not (odd.costs and line.startswith(odd.costs))]
    whole = not _not_whole(folder)
    text = (folder / "report" / "table.txt").read_text(encoding="utf-8")
    reported = bool(odd.word) and odd.word in " ".join(text.split())
    bench.say(f"{odd.name}: {ended}; reported: {reported}; {wrong[:2]}")
    good = ended.status == 0 and not wrong and whole
    return Trial(odd.name, good and reported == bool(odd.word), reported, len(wrong))


def _not_whole(folder: Path) -> list[str]:
    """Figures of a sweep's report that are empty or cut short."""
    wrong = []
    for path in sorted((folder / "report" / "figures").glob("[!.]*")):
        end = PNG if path.suffix == ".png" else PDF
        if not path.read_bytes().rstrip().endswith(end):
            wrong.append(path.name)
    return wrong


def _kills(bench: FaultBench, count: int) -> list[Trial]:
    """Kill reports that draw every figure anew: each file is whole after each kill."""
    moments = random.Random(0)
    folder = bench.copy(bench.whole, bench.folder / "reported")
    figures = folder / "report" / "figures"
    before = digests(figures)
    names = [name for name in before if not name.startswith(".")]
    results = []
    while len(results) < count:
        (figures / RECORD).unlink(missing_ok=True)  # nothing is known to be drawn
        times = _times(figures, names)
        wanted = moments.randrange(1, len(names))
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.report", f"--runs={folder}"],
            cwd=ROOT,
            env=bench.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        began = time.monotonic()
        while process.poll() is None and _drawn(figures, times) < wanted:
            if time.monotonic() - began > trials.HANG:
                raise RuntimeError(f"no figure is drawn in {figures}")
            time.sleep(trials.LOOK)
        time.sleep(moments.uniform(0.0, 0.3))
        if process.poll() is not None:
            continue  # it was done already: no kill
        kill(process)
        after = digests(figures, names)
        broken = _not_whole(folder)
        lost = [name for name in names if after.get(name) != before[name]]
        name = f"{_drawn(figures, times)} of {len(names)} files drawn"
        bench.say(f"killed with {name}; not whole: {broken}; {lost}")
        results.append(Trial(name, not broken and not lost, lost=len(lost)))
    ended = trials.report(bench, folder)
    same = digests(figures, names) == {name: before[name] for name in names}
    if ended.status != 0 or bench.differences(folder) or not same:
        results[-1] = results[-1]._replace(survived=False)
    return results


def _times(figures: Path, names: Iterable[str]) -> dict[str, int]:
    return {name: (figures / name).stat().st_mtime_ns for name in names}


def _drawn(figures: Path, times: Mapping[str, int]) -> int:
    """How many figures are other files than at those times."""
    now = _times(figures, times)
    return sum(now[name] != time for name, time in times.items())


def _full(bench: FaultBench, spare: int) -> Trial:
    """A report on a disk with so many KiB left: a line; and all of it once there is
    room. No run loses a file."""
    size = sum(_blocks(path) for path in bench.whole.rglob("*"))
    size -= sum(_blocks(path) for path in (bench.whole / "report").rglob("*"))
    place = bench.folder / "disk"
    with small_disk(place, f"{size // 1024 + 64}k") as remount:
        folder = place / "sweep"
        shutil.copytree(
            bench.whole, folder, ignore=shutil.ignore_patterns("report", ".report.npz")
        )
        free = shutil.disk_usage(place).free
        (place / "ballast").write_bytes(bytes(max(0, free - spare * 1024)))
        before = digests(folder)
        left = shutil.disk_usage(place).free // 1024
        ended = trials.report(bench, folder)
        broken = _not_whole(folder)
        lost = sum(digests(folder, before)[name] != before[name] for name in before)
        remount("size=512m")
        again = trials.report(bench, folder)
        wrong = bench.differences(folder)
    bench.say(f"{left} KiB left: {ended}; then {again.status}; {wrong[:2]} {broken}")
    refused = ended.refused("no space left")
    survived = refused and again.status == 0 and not (wrong or broken or lost)
    return Trial(f"{left} KiB left", survived, refused, len(wrong) + lost)


def _blocks(path: Path) -> int:
    """Bytes that a file or folder takes of a small disk, in whole pages."""
    return -(-path.lstat().st_size // 4096) * 4096 if path.is_file() else 4096
