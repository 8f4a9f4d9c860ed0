"""SIGKILL of a whole sweep at random moments, and two sweeps on one folder."""

import random
import subprocess
import time
from collections import Counter
from pathlib import Path

from attnlab import runs
from attnlab.runs.lock import LOCK, read_owner
from benchmarks.faults.sweeps import FaultBench, Outcome, half_written, kill

SHORTEST, LONGEST = 0.2, 20.0  # seconds from a start to a kill, within the sweep's own
MILESTONES, AFTER = (
    4,
    2.0,
)  # at most, from its start to its kill; seconds after the last
LOOK = 0.02  # seconds between two looks at the files


def kills(bench: FaultBench, count: int, seed: int) -> Outcome:
    """Kill sweeps `count` times in all, and let each finish nevertheless.

    Three of five kills come at a random time. On a busy machine most of that is spent
    before anything is done, so the others wait for a random number of milestones: a
    checkpoint begun or done, a file of a test, a result, a file of the report.
    """
    moments = random.Random(seed)
    doing: Counter[str] = Counter()
    killed = sweeps = survived = lost = halves = 0
    while killed < count:
        sweeps += 1
        folder = bench.begin(bench.folder / f"killed-{sweeps}")
        before = killed
        while killed < count and not _ends_before(bench, folder, killed, moments):
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
    return Outcome(
        "SIGKILL of the sweep", killed, survived, 0, lost + halves, note=note
    )


def _ends_before(
    bench: FaultBench, folder: Path, number: int, moments: random.Random
) -> bool:
    """Start a sweep and kill it at a random moment; true where it has ended by then."""
    before = _milestones(folder)
    process = bench.start(folder)
    if number % 5 in (0, 2, 4):
        longest = min(LONGEST, bench.seconds)
        ended = _ended(process, moments.uniform(SHORTEST, longest))
    else:
        wanted, ended = moments.randint(1, MILESTONES), False
        while len(_milestones(folder) - before) < wanted and not ended:
            ended = _ended(process, LOOK)
        ended = ended or _ended(process, moments.uniform(0.0, AFTER))
    if not ended:
        kill(process)
    return ended


def _milestones(folder: Path) -> set[Path]:
    """What a sweep has come to: its checkpoints, tests, results and its report."""
    patterns = (
        f"*/*/{runs.CHECKPOINTS}/*",
        f"*/*/{runs.LOSSES}",
        f"*/*/{runs.RESULT}",
        "report/*",
    )
    return {path for pattern in patterns for path in folder.glob(pattern)}


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
    locked = [run for run in open_ if read_owner(run / LOCK)]
    if not locked:
        return "between runs"
    trained = any((run / runs.METRICS).exists() for run in locked)
    return "in training" if trained else "while a run started"


def two_at_once(bench: FaultBench, times: int, seed: int) -> Outcome:
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
