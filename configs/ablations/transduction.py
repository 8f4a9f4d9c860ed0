"""Soft, monotonic and hard attention on strings: NETtalk, or another corpus.

    python -m experiments.sweep --config=configs/ablations/transduction.py \\
        --workdir=runs/transduction
    python -m experiments.sweep --config=configs/ablations/transduction.py:cmudict \\
        --workdir=runs/transduction-cmudict

Needs the corpus in the data folder (ATTNLAB_DATA). All rows share the model, the data
and the steps; the windows of local-m look at 2 half_width + 1 letters, and walk by one
a phoneme. Hard attention learns by the exact marginal over letters, and predicts by it;
chains by the likelihood of all ways through the letters, forward and back or forward
alone (Wu and Cotterell 2019, https://arxiv.org/abs/1905.06319). Monotonic attention is
that of Raffel et al. 2017, MoChA that of Chiu and Raffel 2018.
"""

from configs.transduction import get_config as transduction

SEEDS = 3


def get_config(corpus: str = "nettalk"):
    return transduction(corpus)


def sweep(add):
    for seed in range(SEEDS):
        add("soft, global", window="global", score="general", seed=seed)
        add("soft, local-m", window="local-m", score="general", seed=seed)
        add("soft, monotonic", normalizer="monotonic", seed=seed)
        add("soft, mocha", normalizer="mocha", seed=seed)
        hard = dict(read="hard", seed=seed)
        add("hard, exact marginal", learning="marginal", **hard)
        add("chain, jumps", learning="chain", transition="jumps", **hard)
        add("chain, monotonic", learning="chain", transition="monotonic", **hard)
