"""Signals to a sweep and its jobs, and locks whose time is wrong."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from attnlab import runs
from attnlab.runs.lock import LOCK, read_owner
from benchmarks.faults import trials
from benchmarks.faults.sweeps import PATIENCE, FaultBench, Outcome
from benchmarks.faults.trials import Trial

STOPPED = 12.0  # seconds for which a job is stopped
HOUR = 3600.0  # seconds
RUN = "global/0"


def signals(bench: FaultBench, quick: bool) -> list[Outcome]:
    """The outcomes of signals, and of locks."""
    ends = [
        _ended(bench, number, file)
        for number in (signal.SIGTERM, signal.SIGHUP)
        for file in (runs.METRICS, runs.RESULT)[: 1 if quick else None]
    ]
    locks = [
        _lock(bench, name, host, ahead)
        for name, host, ahead in (
            ("of another host, a day ahead", "elsewhere", 24 * HOUR),
            ("of this host, a day ahead", os.uname().nodename, 24 * HOUR),
            ("of another host, an hour old", "elsewhere", -HOUR),
        )[: 1 if quick else None]
    ]
    return [
        trials.outcome("SIGTERM or SIGHUP to a sweep", ends),
        trials.outcome("SIGHUP under nohup", [_nohup(bench)]),
        trials.outcome("a job stopped, a second sweep meanwhile", [_stopped(bench)]),
        trials.outcome("a lock that a machine has left", locks),
    ]


def _under_way(
    bench: FaultBench, folder: Path, file: str, process: subprocess.Popen
) -> None:
    """Wait until a run of the sweep has written a file."""
    if not trials.wait_for(lambda: [*folder.glob(f"*/*/{file}")], PATIENCE, process):
        raise RuntimeError(f"no run has come to {file}: see {bench.log(folder)}")


def _ended(bench: FaultBench, number: signal.Signals, file: str) -> Trial:
    """One line, 128 and the number, no job left; and the same command goes on."""
    folder = bench.begin(bench.folder / "signalled")
    bench.log(folder).unlink(missing_ok=True)
    process = bench.start(folder)
    _under_way(bench, folder, file, process)
    process.send_signal(number)
    code = bench.finish(process)
    text = bench.log(folder).read_text(errors="replace")
    line = f"sweep: ended by {number.name}; the same command goes on\n"
    left = trials.processes_of(folder)
    named = code == 128 + number and text.endswith(line) and "Traceback" not in text
    again = bench.finish(bench.start(folder))
    wrong = bench.differences(folder)
    name = f"{number.name} once there was {file}"
    bench.say(f"{name}: exit {code}, left: {[*left.values()]}; {again}; {wrong[:2]}")
    survived = named and not left and again == 0 and not wrong
    return Trial(name, survived, named, len(wrong))


def _nohup(bench: FaultBench) -> Trial:
    """The terminal goes, and the sweep goes on."""
    folder = bench.begin(bench.folder / "signalled")
    process = bench.start(folder, before=["nohup"])
    _under_way(bench, folder, runs.METRICS, process)
    os.killpg(process.pid, signal.SIGHUP)  # to its jobs, too
    code = bench.finish(process)
    wrong = bench.differences(folder)
    bench.say(f"SIGHUP under nohup: exit {code}; {wrong[:2]}")
    return Trial("in training", code == 0 and not wrong, lost=len(wrong))


def _stopped(bench: FaultBench) -> Trial:
    """A job that is stopped keeps its run, however old its lock looks."""
    folder = bench.begin(bench.folder / "signalled")
    first = bench.start(folder)
    _under_way(bench, folder, runs.METRICS, first)
    run = next(folder.glob(f"*/*/{runs.METRICS}")).parent
    owner = read_owner(run / LOCK)
    if owner is None:
        raise RuntimeError(f"{run} had ended before it could be stopped")
    os.kill(owner["pid"], signal.SIGSTOP)
    try:
        old = time.time() - HOUR
        os.utime(run / LOCK, (old, old))
        before = (run / runs.METRICS).read_bytes()
        second = bench.start(folder)
        time.sleep(STOPPED + bench.seconds)  # for the second to come to that run
        same = read_owner(run / LOCK) == owner
        unchanged = (run / runs.METRICS).read_bytes() == before
    finally:
        os.kill(owner["pid"], signal.SIGCONT)
    codes = [bench.finish(process) for process in (first, second)]
    wrong = bench.differences(folder)
    bench.say(f"a stopped job: same owner {same}, {unchanged}; {codes}; {wrong[:2]}")
    survived = same and unchanged and codes == [0, 0] and not wrong
    return Trial("stopped in training", survived, lost=len(wrong))


def _lock(bench: FaultBench, name: str, host: str, ahead: float) -> Trial:
    """The lock of a run that nobody trains, its time `ahead` of now: taken over."""
    folder = bench.copy(bench.whole, bench.folder / "signalled")
    (folder / RUN / runs.RESULT).unlink()
    owner = {"host": host, "pid": 1, "since": "2025-01-31 12:00:00", "token": "x"}
    (folder / RUN / LOCK).write_text(json.dumps(owner))
    then = time.time() + ahead
    os.utime(folder / RUN / LOCK, (then, then))
    began = time.monotonic()
    code = bench.finish(bench.start(folder))
    wrong = bench.differences(folder)
    seconds = time.monotonic() - began
    bench.say(f"a lock {name}: exit {code} after {seconds:.0f} s; {wrong[:2]}")
    return Trial(name, code == 0 and not wrong, lost=len(wrong))
