"""A process of a run whose task is a toy, so that it costs seconds.

python -m tests.train.joined FOLDER --coordinator=... --processes=2 --process=0
"""

import sys

from attnlab.tasks import named
from attnlab.train import run


def make_task(config, folder):
    del config, folder
    from tests.train.test_loop import toy  # computes when imported: after `connect`

    return toy()._replace(shared=("step",))


if __name__ == "__main__":
    named.make_task = make_task
    sys.exit(run.main(sys.argv[1:]))
