"""Readers of newswire, 33 test questions of IE-ER: against what needs no learning.

    python -m experiments.sweep --config=configs/ablations/ieer.py --workdir=runs/ieer

Needs the questions in the data folder (ATTNLAB_DATA). Every result.json also has the
accuracy of the most frequent entity and of chance.
"""

from configs.cloze import get_config as base


def get_config():
    return base("ieer")


def sweep(add):
    for seed in range(3):
        add("attention sum", seed=seed)
        add("uniform attention", score="uniform", readout="both", seed=seed)
