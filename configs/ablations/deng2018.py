"""Seven ways to learn a hard read beside soft attention: Deng et al. 2018, table 1.

    python -m experiments.sweep --config=configs/ablations/deng2018.py \\
        --workdir=runs/deng2018                          # the embedded pair
    python -m experiments.sweep --config=configs/ablations/deng2018.py:hansards \\
        --workdir=runs/deng2018-hansards                 # ATTNLAB_DATA

All rows share the model, the data and the steps, feed the expected value and predict
words by their own bound: soft attention by its expected value, the others by the
marginal over positions. Enumerating rows compute the vocabulary once a position.
"""

from configs.ablations.hansards import get_config as hansards
from configs.ablations.synthetic import get_config as synthetic

CORPORA = {"synthetic": synthetic, "hansards": hansards}


def get_config(corpus: str = "synthetic"):
    if corpus not in CORPORA:
        raise ValueError(f"unknown corpus {corpus!r}; choose {', '.join(CORPORA)}")
    config = CORPORA[corpus]()
    config.train.stop_on = "perplexity"
    if corpus == "synthetic":
        config.data.synthetic.ambiguity = 0.2
        config.train.evaluate_every = 300
        return config
    config.data.source_vocabulary = 4_000
    config.data.target_vocabulary = 4_000
    config.model.embedding = 64
    config.model.hidden = 64
    config.model.attention_hidden = 64
    config.model.readouts = 64
    config.train.token_budget = 512
    config.train.learning_rate = 3e-3
    return config


def sweep(add):
    for seed in range(3):
        add("soft", seed=seed)
        add("exact marginal", read="hard", learning="marginal", seed=seed)
        add("hard, enumerated", read="hard", learning="reinforce", samples=0, seed=seed)
        add("hard, reinforce", read="hard", learning="reinforce", seed=seed)
        add("top-5 joint", read="hard", learning="top-k", seed=seed)
        add("elbo, enumerated", read="hard", learning="elbo", samples=0, seed=seed)
        add("elbo, 1 sample", read="hard", learning="elbo", seed=seed)
        add("gumbel", read="hard", learning="gumbel", seed=seed)
        # Readouts that are sums know the words of all positions by one matrix product.
        summed = dict(read="hard", readout="additive", seed=seed)
        add("exact marginal, additive", learning="marginal", **summed)
        chain = dict(learning="chain", transition="jumps-by-word", null=0.2)
        add("chain, additive", **summed | chain)
        add("chain, lexical", **summed | chain | {"readout": "lexical"})
