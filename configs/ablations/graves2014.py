"""Machines with and without a memory on an algorithmic task: Graves et al. 2014.

    python -m experiments.sweep --config=configs/ablations/graves2014.py \\
        --workdir=runs/graves2014                        # a small copy task
    python -m experiments.sweep --config=configs/ablations/graves2014.py:copy \\
        --workdir=runs/graves2014-copy                   # the paper's sizes

The argument names the task: small, or copy, repeat_copy, recall, ngrams, sort. The LSTM
has the paper's three layers, which for most tasks take far longer than the machines:
--only=NTM leaves it out.
"""

from configs import ntm

UNITS = {"repeat_copy": 512, "ngrams": 128, "sort": 128}  # of the LSTM's layers


def get_config(problem: str = "small"):
    config = ntm.get_config("copy" if problem == "small" else problem)
    config.model.layers = 3
    config.model.units = UNITS.get(problem, 256)
    if problem == "small":
        config.data.copy.bits = 4
        config.data.copy.lengths = (1, 8)
        config.data.copy.test = (4, 8, 12, 16, 24)
        config.model.hidden = 64
        config.model.layers = 1
        config.model.units = 64
        config.model.slots = 32
        config.model.width = 10
    return config


def sweep(add):
    for seed in range(3):
        add("LSTM", system="lstm", seed=seed)
        add("NTM, LSTM", controller="lstm", seed=seed)
        # It remembers nothing but what it reads, and is less steady at higher rates.
        slower = {"learning_rate": 3e-4, "steps": 40_000}
        add("NTM, feed-forward", controller="feed-forward", **slower, seed=seed)
        add("NTM, content only", addressing="content", seed=seed)
