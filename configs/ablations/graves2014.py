"""Machines with and without a memory on an algorithmic task: Graves et al. 2014.

    python -m experiments.sweep --config=configs/ablations/graves2014.py \\
        --workdir=runs/graves2014                        # a small copy task
    python -m experiments.sweep --config=configs/ablations/graves2014.py:copy \\
        --workdir=runs/graves2014-copy                   # the paper's sizes

The argument names the task: small, or copy, repeat_copy, recall, ngrams, sort.
"""

from configs import ntm


def get_config(problem: str = "small"):
    if problem != "small":
        return ntm.get_config(problem)
    config = ntm.get_config("copy")
    config.data.copy.bits = 4
    config.data.copy.lengths = (1, 8)
    config.data.copy.test = (4, 8, 12, 16, 24)
    config.data.shapes = 2
    config.model.hidden = 64
    config.model.units = 64
    config.model.slots = 32
    config.model.width = 10
    config.train.steps = 4000
    config.train.learning_rate = 3e-3
    return config


def sweep(add):
    for seed in range(2):
        add("LSTM", system="lstm", seed=seed)
        add("NTM, LSTM", controller="lstm", seed=seed)
        add("NTM, feed-forward", controller="feed-forward", seed=seed)
        add("NTM, content only", addressing="content", seed=seed)
