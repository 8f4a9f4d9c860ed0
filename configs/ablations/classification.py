"""Ways to pool a sentence's states, and every way to attend to them.

    python -m experiments.sweep --config=configs/ablations/classification.py \\
        --workdir=runs/classification                          # embedded evidence

All rows share encoder, widths, data, batches and steps. `compat` is the unmasked
softmax of ilivans/tf-rnn-attention, which is also over padding.
"""

from configs import classification


def get_config(corpus: str = "evidence"):
    return classification.get_config(corpus)


def sweep(add):
    for seed in range(2):
        add("attention (additive)", seed=seed)
        add("... compat", preset="tf-rnn-attention", seed=seed)
        add("mean", pooling="mean", seed=seed)
        add("max", pooling="max", seed=seed)
        add("last", pooling="last", seed=seed)
        add("dot", score="dot", seed=seed)
        add("scaled-dot", score="scaled-dot", seed=seed)
        add("general", score="general", seed=seed)
        add("concat", score="concat", seed=seed)
        add("concat-luong2015", score="concat-luong2015", seed=seed)
        add("location", score="location", seed=seed)
        add("cosine", score="cosine", seed=seed)
        add("local-p (additive)", window="local-p", seed=seed)
        add("sparsemax", normalizer="sparsemax", seed=seed)
        add("entmax-1.5", normalizer="entmax-1.5", seed=seed)
        add("top-5", read="top-k", seed=seed)
        add("hard, marginal", read="hard", learning="marginal", seed=seed)
        add("hard, reinforce", read="hard", learning="reinforce", seed=seed)
        add("hard, top-5 joint", read="hard", learning="top-k", seed=seed)
        add("hard, gumbel", read="hard", learning="gumbel", seed=seed)
