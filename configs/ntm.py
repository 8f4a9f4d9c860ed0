"""A Neural Turing Machine on an algorithmic task of Graves et al. 2014.

    python -m experiments.train --config=configs/ntm.py
    python -m experiments.train --config=configs/ntm.py:recall

The argument names the task: copy, repeat_copy, recall, ngrams, sort. Sequences are made
on the fly. Copying takes about two minutes of a core's time, and ends near 0.005 bits
an item at length 20 (docs/results.md).
"""

from attnlab.parsing import config_dict
from attnlab.tasks.ntm.settings import NTMSettings


def get_config(problem: str = "copy"):
    """The defaults, on one of the problems."""
    config = config_dict(NTMSettings())
    config.data.name = problem
    return config
