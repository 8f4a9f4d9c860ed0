"""A Neural Turing Machine on an algorithmic task of Graves et al. 2014.

    python -m experiments.train --config=configs/ntm.py
    python -m experiments.train --config=configs/ntm.py:recall

The argument names the task: copy, repeat_copy, recall, ngrams, sort. Sequences are made
on the fly. Copying takes about a minute of a core's time, the others more
(docs/results.md).
"""

from attnlab.parsing import config_dict
from attnlab.tasks.ntm.settings import NTMSettings

# Updates, each of one sequence.
STEPS = {"repeat_copy": 30_000, "recall": 50_000, "ngrams": 20_000, "sort": 40_000}


def get_config(problem: str = "copy"):
    """The defaults, on one of the problems."""
    config = config_dict(NTMSettings())
    config.data.name = problem
    config.train.steps = STEPS.get(problem, config.train.steps)
    if problem == "recall":  # at 1e-3 it does not generalize as far
        config.train.learning_rate = 2e-4
    if problem == "sort":  # parallel heads, as the paper's
        config.model.read_heads = config.model.write_heads = 5
    return config
