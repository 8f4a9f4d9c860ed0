"""Finish the runs of a sweep on an executor: the same wherever the jobs run."""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from attnlab import runs
from attnlab.sweep import replica_groups
from attnlab.sweep.jobs import End, Executor, Job, Refused, training
from attnlab.sweep.silence import LIMIT, Silence, names

POLL_SECONDS = 0.2
ASK_SECONDS = 30.0  # after a refusal, while other jobs go on

Poll = Callable[[], None]
Log = Callable[[str], None]


def run_all(
    folders: Sequence[Path],
    executor: Executor,
    *,
    cache: Path | None = None,
    replicas: bool | None = None,
    retries: int = 0,
    silence: float | None = LIMIT,
    notify: Callable[[str, Path], None] = lambda event, folder: None,
    poll: Poll = lambda: None,
    log: Log = lambda line: None,
) -> None:
    """Finish the runs of a sweep, in their order.

    Finished runs are skipped. A process trains one run, or, on this machine, those that
    are alike in turn, as they share compiled programs; where replicas pay, it trains
    several at once. A run that fails leaves its error.json and log.txt, and the others
    go on, after a crash in another process. One that was killed is tried again
    from its checkpoint; one that raised an exception would do so again, and is not.
    One of which nothing is heard counts as killed. Interrupted, the runs under way are
    ended, to be resumed next time.

    Args:
      folders: those of the runs.
      executor: where they run; it is closed in the end.
      cache: the folder where runs share compiled programs, and where it is stored
        whether replicas pay; without it that is not measured.
      replicas: whether runs that are alike share a program; None: on an accelerator, if
        a measurement says that it pays.
      retries: how often a run that was killed is tried again.
      silence: minutes without progress after which a job is ended; None: never.
      notify: notify(event, folder) is called with "start", "done" and "failed".
      poll: called several times a second.
      log: called with lines on how the runs go.

    Raises:
      Refused: where a cluster does not take the jobs.
    """
    try:
        waiting = [f for f in folders if not (f / runs.RESULT).exists()]
        jobs = _jobs(waiting, executor, cache, replicas, poll, log)
        events = _Events(notify)
        tries: Counter[Path] = Counter()
        going: set[Job] = set()
        listening, given_up = Silence(silence, log), set[Job]()
        ask = 0.0  # when to submit the next jobs
        while jobs or going:
            batch = jobs[: executor.room] if time.monotonic() >= ask else []
            if batch:
                try:
                    _submit(batch, executor, log)
                except Refused as refusal:
                    # Jobs under way will make room; without any, waiting is vain.
                    if not going:
                        raise
                    log(f"{refusal}; asked again in {ASK_SECONDS:.0f} s")
                    ask = time.monotonic() + ASK_SECONDS
                else:
                    going.update(batch)
                    jobs = jobs[len(batch) :]
            time.sleep(POLL_SECONDS)
            poll()
            for job in going:
                events.follow(job)
            for job in listening.look(executor.at_work()):
                given_up.add(job)
                executor.kill(job)
            for job, end in executor.news():
                events.start(job)
                if end is None:
                    continue
                going.remove(job)
                if job in given_up:
                    given_up.remove(job)
                    end = End(f"no progress for {silence:g} min", True)
                for folder in job.folders:  # nobody is at work there: it was killed
                    runs.remove_progress(folder)
                # Before the outcome: a run to be tried again has not failed yet.
                again = _again(job, end, tries, retries)
                if again:
                    jobs.append(training(again, cache, in_turn=job.in_turn))
                    log(f"again   {names(jobs[-1])}  after {end.how}")
                for folder in job.folders:
                    if folder not in again:
                        events.end(folder, _outcome(folder, job, end))
    finally:
        executor.close()  # also after Ctrl-C: no job outlives its sweep


class _Events:
    """Tells of each run once that it has started, and once how it has ended."""

    def __init__(self, notify: Callable[[str, Path], None]):
        self.notify = notify
        self.started: set[Path] = set()
        self.ended: set[Path] = set()

    def start(self, job: Job) -> None:
        """A job has started: all of its runs, or the first of those in turn."""
        for folder in job.folders[:1] if job.in_turn else job.folders:
            self._start(folder)

    def _start(self, folder: Path) -> None:
        if folder not in self.started:
            self.started.add(folder)
            self.notify("start", folder)

    def follow(self, job: Job) -> None:
        """Look how far a job is whose runs go in turn."""
        for folder in job.folders if job.in_turn else ():
            if folder in self.ended:
                continue
            if runs.read_progress(folder) is not None:
                self._start(folder)
            if folder not in self.started or not _settled(folder):
                return
            self.end(folder, _success(folder))

    def end(self, folder: Path, event: str) -> None:
        """A run has ended, "done" or "failed"."""
        if folder not in self.ended:
            self._start(folder)
            self.ended.add(folder)
            self.notify(event, folder)


def _jobs(
    waiting: Sequence[Path],
    executor: Executor,
    cache: Path | None,
    replicas: bool | None,
    poll: Poll,
    log: Log,
) -> list[Job]:
    """A job a run, or fewer where runs that are alike go in one process: at once where
    replicas pay or are asked for, in turn where the executor takes such groups."""
    slots, hardware = executor.slots, executor.hardware
    cpu, measured = hardware is None, hardware is not None and replicas is None
    if not waiting or not (replicas or measured or executor.groups):
        return [training([folder], cache) for folder in waiting]
    alike = replica_groups.grouped(waiting)
    if replicas:
        # Cut as for the hardware: a CPU gets a program for each core.
        pieces = replica_groups.programs(alike, cpu, slots)
        log(f"replicas of one program, as asked for: {len(pieces)} programs")
        return [training(piece, cache) for piece in pieces]
    if hardware is not None and cache is not None and measured:
        decision = _decide(alike, executor, hardware, cache, poll, log)
        log(replica_groups.reason(alike, decision))
        if decision is not None and decision.pays:
            pieces = replica_groups.programs(alike, cpu, slots)
            return [training(piece, cache) for piece in pieces]
    if not executor.groups:
        return [training([folder], cache) for folder in waiting]
    pieces = replica_groups.programs(alike, True, slots)
    if len(pieces) < len(waiting):
        log(f"{len(waiting)} runs in {len(pieces)} processes, those alike in turn")
    return [training(piece, cache, in_turn=len(piece) > 1) for piece in pieces]


def _decide(
    alike: list[list[Path]],
    executor: Executor,
    hardware: str,
    cache: Path,
    poll: Poll,
    log: Log,
) -> replica_groups.Decision | None:
    """Whether replicas pay, measured where nobody has yet; None if that fails."""
    # A run alone has nothing to share a program with.
    several = [group for group in alike if len(group) > 1]
    decision = replica_groups.recall(cache, hardware) if several else None
    if decision is not None and decision.cpu:
        decision = None  # JAX may have got its package for the accelerator since
    until = time.monotonic() + replica_groups.LIMIT
    # A measurement may fail with one group's settings, so the next is tried.
    while several and decision is None and time.monotonic() < until:
        group = several.pop(0)
        seconds = f"{until - time.monotonic():.0f}"
        words = (str(cache), hardware, seconds, *map(str, group))
        job = Job(
            "attnlab.sweep.replica_groups", words, group[0] / runs.LOG, cache=cache
        )
        _submit([job], executor, log)
        ended = False
        while not ended:
            time.sleep(POLL_SECONDS)
            poll()
            for _, end in executor.news():
                ended = end is not None
                if not ended:
                    log(f"measuring whether replicas pay, at most {seconds} s")
        decision = replica_groups.recall(cache, hardware)
    return decision


def _submit(jobs: Sequence[Job], executor: Executor, log: Log) -> None:
    for job in jobs:
        for folder in job.folders:  # an earlier try's, which this one may outdo
            (folder / runs.ERROR).unlink(missing_ok=True)
            runs.remove_progress(folder)  # a killed one's, which is at work no more
    line = executor.submit(jobs)
    if line:
        log(line)


def _again(job: Job, end: End, tries: Counter[Path], retries: int) -> list[Path]:
    """The runs of a job that are tried once more, which is counted in `tries`."""
    left = [folder for folder in job.folders if not _settled(folder)]
    # Of those in turn only the first was at work: the others were not tried at all.
    tried = left[:1] if job.in_turn else left
    again = [folder for folder in tried if end.killed and tries[folder] < retries]
    tries.update(again)
    return again + left[len(tried) :]


def _settled(folder: Path) -> bool:
    """Whether the run has written a result or an error.

    The folder is listed, as a network file system asks its server anew for a list, and
    may take a single file for absent that another machine has just written.
    """
    return not {runs.RESULT, runs.ERROR}.isdisjoint(os.listdir(folder))


def _outcome(folder: Path, job: Job, end: End) -> str:
    if not _settled(folder):  # it was ended before it could write why
        log = os.path.relpath(job.log, folder)
        message = f"the process ended with {end.how}; see {log}"
        runs.write_json(folder / runs.ERROR, {"error": message}, folders=False)
    return _success(folder)


def _success(folder: Path) -> str:
    return "done" if (folder / runs.RESULT).exists() else "failed"
