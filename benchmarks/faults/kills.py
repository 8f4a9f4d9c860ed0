"""SIGKILL of a whole sweep at random moments, and two sweeps on one folder."""

import random
import subprocess
import time
from collections import Counter
from pathlib import Path

from attnlab import runs
from benchmarks.faults.sweeps import Bench, Outcome, half_written, kill

SHORTEST, LONGEST = 0.2, 20.0  # seconds from the start of a sweep to its kill
CHANGES = 30  # of a sweep's files, at most, from its start to its kill
LOOK = 0.05  # seconds between two looks at the files


def kills(bench: Bench, count: int, seed: int) -> Outcome:
    """Kill sweeps `count` times in all, and let each finish nevertheless.

    Every other kill comes at a random time; the ones between after a random number of
    changes to the files, and less than a second: on a busy machine most of the time is
    spent before anything is done.
    """
    moments = random.Random(seed)
    doing: Counter[str] = Counter()
    killed = sweeps = survived = lost = halves = 0
    while killed < count:
        sweeps += 1
        folder = bench.begin(bench.folder / f"killed-{sweeps}")
        before = killed
        while killed < count and not _ends_before(bench, folder, killed % 2, moments):
            killed += 1
            place = what(folder)
            doing[place] += 1
            halves += len(half_written(folder))
            bench.say(f"kill {killed} of {count} {place}")
        if killed == count:
            bench.finish(bench.start(folder))
        wrong = bench.differences(folder)
        bench.say(f"sweep {sweeps} ended after {killed - before} kills: {wrong[:2]}")
        survived += (killed - before) * (not wrong)
        lost += len(wrong)
    note = ", ".join(f"{number} {name}" for name, number in doing.most_common())
    note = f"{sweeps} sweeps; {note}; {halves} half-written files"
    return Outcome("SIGKILL of the sweep", killed, survived, 0, lost + halves, note)


def _ends_before(
    bench: Bench, folder: Path, by_time: int, moments: random.Random
) -> bool:
    """Start a sweep and kill it at a random moment; true where it has ended by then."""
    process = bench.start(folder)
    if by_time:
        ended = _ended(process, moments.uniform(SHORTEST, LONGEST))
    else:
        wanted, seen, ended = moments.randint(1, CHANGES), set(), False
        while len(seen) <= wanted and not ended:
            seen.add(_state(folder))
            ended = _ended(process, LOOK)
        ended = ended or _ended(process, moments.uniform(0.0, 1.0))
    if not ended:
        kill(process)
    return ended


def _state(folder: Path) -> frozenset[tuple[str, int]]:
    """Names and sizes of what a sweep has written so far."""
    paths = [*folder.glob("*/*/*"), *folder.glob("*/*/*/*"), *folder.glob("report/*")]
    found = set()
    for path in paths:
        try:
            found.add((str(path), path.stat().st_size))
        except FileNotFoundError:  # it was a temporary one
            continue
    return frozenset(found)


def _ended(process: subprocess.Popen, seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def what(folder: Path) -> str:
    """What a sweep was doing when it was killed, from what it has left."""
    begun = [path.parent for path in folder.glob(f"*/*/{runs.CONFIG}")]
    open_ = [run for run in begun if not (run / runs.RESULT).exists()]
    if not begun:
        return "before the first folder"
    if not open_:
        return "in the report"
    for run in open_:
        steps = [p for p in (run / runs.CHECKPOINTS).glob("*") if p.is_dir()]
        if any(not p.with_name(f"{p.name}.manifest.json").exists() for p in steps):
            return "while a checkpoint was written"
    for run in open_:
        if (run / runs.HYPOTHESES).exists() or (run / runs.LOSSES).exists():
            return "in a test"
    if any(
        (run / ".lock").exists() and (run / ".lock").stat().st_size for run in open_
    ):
        return "in training"
    return "between runs"


def two_at_once(bench: Bench, times: int, seed: int) -> Outcome:
    """Two sweeps that start within seconds of each other, on one folder."""
    moments = random.Random(seed)
    survived = lost = 0
    for turn in range(times):
        folder = bench.begin(bench.folder / f"two-{turn}")
        first = bench.start(folder)
        time.sleep(moments.uniform(0.0, 0.5 * bench.seconds) if turn else 0.0)
        second = bench.start(folder)
        codes = [bench.finish(process) for process in (first, second)]
        wrong = bench.differences(folder)
        bench.say(f"two sweeps at once: exit {codes}, {wrong[:2]}")
        survived += not wrong and codes == [0, 0]
        lost += len(wrong)
    return Outcome("two sweeps on one folder at once", times, survived, 0, lost)
