"""A process of a run whose task is a toy, so that it costs seconds.

python -m tests.train.joined FOLDER --coordinator=... --processes=2 --process=0
"""

import sys

from attnlab.tasks import named
from attnlab.train import run
from tests.train.test_loop import toy

if __name__ == "__main__":
    named.make_task = lambda config, folder: toy()._replace(shared=("step",))
    sys.exit(run.main(sys.argv[1:]))
