"""Aligners of French-English Hansards: what each part of the model is worth.

    python -m experiments.sweep --config=configs/ablations/alignment.py \\
        --workdir=runs/alignment
    python -m experiments.sweep --config=configs/ablations/alignment.py:europarl \\
        --workdir=runs/alignment-europarl --only=full

Needs the corpora in the data folder (ATTNLAB_DATA). Trained on the training text alone,
without the gold's. Europarl's German-English gold has no text of its own to train on:
WMT's sample, Multi30k and Tatoeba stand in.
"""

from configs.alignment import get_config as alignment

SEEDS = 3


def get_config(corpus: str = "hansards"):
    """The settings that all rows share, of hansards or europarl."""
    if corpus not in ("hansards", "europarl"):
        raise ValueError(f"unknown corpus {corpus!r}; choose hansards, europarl")
    config = alignment()
    config.data.name = corpus
    config.train.steps = 5_000
    config.train.evaluate_every = 2_500
    if corpus == "hansards":
        config.data.longest = 21
        config.evaluate.gold = "odd224"
    else:
        config.data.europarl.more = True
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
