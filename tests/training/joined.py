"""A process of a run whose task is a toy, so that it costs seconds.

python -m tests.training.joined FOLDER --coordinator=... --processes=2 --process=0
"""

import sys

import numpy as np

from attnlab import runs
from attnlab import tasks as named
from attnlab.training import run
from attnlab.training.checkpoint import Checkpoints


def make_task(settings, folder):
    """At first every process makes whole batches; when the run goes on, its own rows,
    and what is not a number for the others'."""
    del settings
    from tests.training.test_loop import ToyBatches, toy  # computes: after `connect`

    class OwnRows(ToyBatches):
        def own(self, step, process, processes):
            whole = self.at(step)
            rows = np.full_like(whole.x, np.nan)
            size = len(rows) // processes
            mine = slice(process * size, process * size + size)
            rows[mine] = whole.x[mine]
            return whole._replace(x=rows)

    goes_on = Checkpoints(folder / runs.CHECKPOINTS).latest_step is not None
    batches = OwnRows() if goes_on else ToyBatches()
    return toy()._replace(shared=("step",), batches=batches)


if __name__ == "__main__":
    named.make_task = make_task
    sys.exit(run.main(sys.argv[1:]))
