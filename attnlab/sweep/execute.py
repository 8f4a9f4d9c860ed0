"""Finish the runs of a sweep on an executor: the same wherever the jobs run."""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from attnlab import runs
from attnlab.sweep import replica_groups
from attnlab.sweep.jobs import LOG, End, Executor, Job, Refused, training

POLL_SECONDS = 0.2
ASK_SECONDS = 30.0  # after a refusal, while other jobs go on

Poll = Callable[[], None]
Log = Callable[[str], None]


def run_all(
    folders: Sequence[Path],
    executor: Executor,
    *,
    cache: Path | None = None,
    retries: int = 0,
    notify: Callable[[str, Path], None] = lambda event, folder: None,
    poll: Poll = lambda: None,
    log: Log = lambda line: None,
) -> None:
    """Finish the runs of a sweep, in their order.

    Finished runs are skipped. Every run is a process of its own (its memory, its
    crash); where replicas pay, a process trains several. A run that fails leaves its
    error.json and log.txt, and the others go on. One that was killed is tried again
    from its checkpoint; one that raised an exception would do so again, and is not.
    Interrupted, the runs under way are ended, to be resumed next time.

    Args:
      folders: those of the runs.
      executor: where they run; it is closed in the end.
      cache: the folder where runs share compiled programs, and where it is stored
        whether replicas pay; without it every run is on its own.
      retries: how often a run that was killed is tried again.
      notify: notify(event, folder) is called with "start", "done" and "failed".
      poll: called several times a second.
      log: called with lines on how the runs go.

    Raises:
      Refused: where a cluster does not take the jobs.
    """
    try:
        waiting = [f for f in folders if not (f / runs.RESULT).exists()]
        jobs = _jobs(waiting, executor, cache, poll, log)
        started: set[Path] = set()
        tries: Counter[Path] = Counter()
        going, ask = 0, 0.0  # jobs under way; when to submit the next ones
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
                    going, jobs = going + len(batch), jobs[len(batch) :]
            time.sleep(POLL_SECONDS)
            poll()
            for job, end in executor.news():
                for folder in job.folders:
                    if folder not in started:
                        started.add(folder)
                        notify("start", folder)
                if end is None:
                    continue
                going -= 1
                # Before the outcome: a run to be tried again has not failed yet.
                again = _again(job, end, tries, retries)
                if again:
                    jobs.append(training(again, cache))
                    names = ", ".join("/".join(folder.parts[-2:]) for folder in again)
                    log(f"again   {names}  after {end.how}")
                for folder in job.folders:
                    if folder not in again:
                        notify(_outcome(folder, job, end), folder)
    finally:
        executor.close()  # also after Ctrl-C: no job outlives its sweep


def _jobs(
    waiting: Sequence[Path],
    executor: Executor,
    cache: Path | None,
    poll: Poll,
    log: Log,
) -> list[Job]:
    """A job a run, or fewer where replicas pay."""
    pieces = [[folder] for folder in waiting]
    if cache is not None and waiting:
        alike = replica_groups.grouped(waiting)
        if executor.hardware is None:
            log("one process a run: replicas are tried where runs ask for a GPU")
        else:
            decision = _decide(alike, executor, executor.hardware, cache, poll, log)
            log(replica_groups.reason(alike, decision))
            if decision is not None and decision.pays:
                pieces = replica_groups.programs(alike, decision, executor.slots)
    return [training(piece, cache) for piece in pieces]


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
    # A measurement may fail with one group's settings, so the next is tried.
    while several and decision is None:
        group = several.pop(0)
        words = (str(cache), hardware, *map(str, group))
        job = Job("attnlab.sweep.replica_groups", words, group[0] / LOG, cache=cache)
        _submit([job], executor, log)
        # An end of None says that the job has only started.
        while not any(end for _, end in executor.news()):
            time.sleep(POLL_SECONDS)
            poll()
        decision = replica_groups.recall(cache, hardware)
    return decision


def _submit(jobs: Sequence[Job], executor: Executor, log: Log) -> None:
    for job in jobs:
        for folder in job.folders:  # an earlier try's, which this one may outdo
            (folder / runs.ERROR).unlink(missing_ok=True)
    line = executor.submit(jobs)
    if line:
        log(line)


def _again(job: Job, end: End, tries: Counter[Path], retries: int) -> list[Path]:
    """The runs of a job that are tried once more, which is counted in `tries`."""
    left = [folder for folder in job.folders if not _settled(folder)]
    again = [folder for folder in left if end.killed and tries[folder] < retries]
    tries.update(again)
    return again


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
        runs.write_json(folder / runs.ERROR, {"error": message})
    return "done" if (folder / runs.RESULT).exists() else "failed"
