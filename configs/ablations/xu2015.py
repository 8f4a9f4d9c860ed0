"""Soft and hard attention over pictures, and what each of Xu's choices is worth.

    python -m experiments.sweep --config=configs/ablations/xu2015.py \\
        --workdir=runs/xu2015                            # scenes of digits

Every row has the model and the steps of configs/captioning.py and differs from `soft`
in what it says. Hard rows predict words by the marginal over cells.
"""

from configs.captioning import get_config as base


def get_config():
    config = base()
    config.train.evaluate_every = 250
    return config


def sweep(add):
    for seed in range(2):
        add("no attention", score="none", seed=seed)
        add("soft", seed=seed)
        add("soft, general", score="general", seed=seed)
        add("soft, dot", score="dot", seed=seed)
        add("soft, sparsemax", normalizer="sparsemax", seed=seed)
        add("soft, no gate", gate=False, seed=seed)
        add("soft, doubly stochastic", doubly_stochastic=1.0, seed=seed)
        add("hard, marginal", read="hard", learning="marginal", seed=seed)
        add("hard, top-5 joint", read="hard", learning="top-k", seed=seed)
        add("hard, reinforce", read="hard", learning="reinforce", seed=seed)
        add("xu2015-hard", preset="xu2015-hard", seed=seed)
