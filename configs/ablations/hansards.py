"""Attention variants on French-English Hansards with human gold alignments.

    python -m experiments.sweep --config=configs/ablations/hansards.py \\
        --workdir=runs/hansards

Needs the Hansards in the data folder (ATTNLAB_DATA). All rows share widths, data,
batches and steps. The training text stops at 15 English words and the gold does not, so
half of the pairs are glued in twos.
"""

from configs.translation import get_config as translation


def get_config():
    config = translation()
    config.data.name = "hansards"
    config.data.source_vocabulary = 6_000
    config.data.target_vocabulary = 6_000
    config.data.shapes = 8
    config.data.longest = 32
    config.data.join = 0.5
    config.model.cell = "cho-gru"
    config.model.embedding = 128
    config.model.hidden = 128
    config.model.attention_hidden = 128
    config.model.readouts = 128
    config.train.token_budget = 2048
    config.train.steps = 3000
    config.train.warmup = 200
    config.train.learning_rate = 2e-3
    config.train.evaluate_every = 1000
    config.evaluate.edges = (12, 16, 24, 32)
    config.evaluate.beams = 5
    config.evaluate.gold = "odd224"
    return config


def sweep(add):
    for seed in range(2):
        add("none", score="none", seed=seed)
        add("bahdanau2014", preset="bahdanau2014", seed=seed)
        add("global (general)", window="global", score="general", seed=seed)
        add("local-m (general)", window="local-m", score="general", seed=seed)
        add("local-p (general)", window="local-p", score="general", seed=seed)
