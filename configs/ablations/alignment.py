"""Aligners of French-English Hansards: what each part of the model is worth.

    python -m experiments.sweep --config=configs/ablations/alignment.py \\
        --workdir=runs/alignment

Needs the Hansards in the data folder (ATTNLAB_DATA). Trained on the training text
alone, without the gold's.
"""

from configs.alignment import get_config as alignment

SEEDS = 3


def get_config():
    config = alignment()
    config.data.name = "hansards"
    config.data.longest = 21
    config.train.steps = 2_500
    config.train.evaluate_every = 1_250
    config.evaluate.gold = "odd224"
    return config


def sweep(add):
    for seed in range(SEEDS):
        add("full", seed=seed)
    add("order zero", transition="none")
    add("jumps", transition="jumps")
    add("no null", null=0.0)
    add("no agreement", agree_from=1.0)
    add("no neighbors", neighbors=0)
    add("no spelling", spelling=0)
    add("random spelling", random_spelling=True)
