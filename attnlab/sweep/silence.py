"""Jobs of which nothing is heard: said after a while, and given up after a limit."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from attnlab import runs
from attnlab.sweep.jobs import Job

LIMIT = 120.0  # minutes, which the test of a large set may take
SAY = 10.0  # minutes of silence after which it is said
LOOK_SECONDS = 5.0  # between two looks at what jobs have written

# What a job has written: how far each of its runs is, and the size of its log.
Sign = tuple[tuple[runs.RunProgress | None, ...], int]


class Heard(NamedTuple):
    """The last sign of a job.

    sign: what it had written. silent: seconds without another, as far as this process
    was awake to look. said: whether the silence has been said.
    """

    sign: Sign
    silent: float = 0.0
    said: bool = False


class Silence:
    """Follows the jobs at work.

    Only time in which this process itself looks counts: neither a laptop that sleeps
    nor a sweep that is stopped with its runs (Ctrl-Z) makes them silent.

    Attributes:
      limit: minutes; None: no job is given up.
    """

    def __init__(
        self,
        limit: float | None,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        """No job is followed yet.

        Args:
          limit: minutes without a sign after which a job is given up; None: never.
          log: called with a line on each job that is silent.
          clock: the seconds since any moment.
        """
        self.limit, self.log, self.clock = limit, log, clock
        self.heard: dict[Job, Heard] = {}
        self.looked = clock()

    def look(self, jobs: Iterable[Job]) -> list[Job]:
        """Look at jobs, at most each LOOK_SECONDS.

        Args:
          jobs: those at work.

        Returns:
          Those that have been silent for as long as the limit.
        """
        passed = self.clock() - self.looked
        if passed < LOOK_SECONDS:
            return []
        self.looked = self.clock()
        before, self.heard = self.heard, {}
        for job in jobs:
            sign = _sign(job)
            last = before.get(job)
            if last is None or last.sign != sign:
                last = Heard(sign)
            else:
                silent = last.silent + min(passed, 2 * LOOK_SECONDS)
                last = last._replace(silent=silent)
            if not last.said and last.silent >= 60 * SAY:
                self.log(f"silent  {names(job)}  nothing new for {SAY:.0f} minutes")
                last = last._replace(said=True)
            self.heard[job] = last
        if self.limit is None:
            return []
        over = [j for j, last in self.heard.items() if last.silent >= 60 * self.limit]
        for job in over:
            del self.heard[job]
        return over


def names(job: Job) -> str:
    """The runs of a job, for a line about it.

    Args:
      job: the job.

    Returns:
      "row/seed" of each, with commas.
    """
    return ", ".join("/".join(folder.parts[-2:]) for folder in job.folders)


def _sign(job: Job) -> Sign:
    try:
        size = job.log.stat().st_size
    except OSError:
        size = 0
    return tuple(runs.read_progress(folder) for folder in job.folders), size
