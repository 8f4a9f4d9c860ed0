"""Readers of newswire over five folds: each of IE-ER's 479 questions is tested once.

    python -m experiments.sweep --config=configs/ablations/ieer_folds.py \\
        --workdir=runs/ieer-folds

Needs the questions in the data folder (ATTNLAB_DATA). A seed's number is also its
fold's: the mean over seeds is one over folds, and their spread is that of the texts.
Every result.json also has the accuracy of the most frequent entity and of chance.
"""

from configs.cloze import get_config as base


def get_config():
    return base("ieer")


def sweep(add):
    for fold in range(5):
        settings = {"seed": fold, "data.ieer.fold": fold}
        add("attention sum", **settings)
        add("uniform attention", score="uniform", readout="both", **settings)
