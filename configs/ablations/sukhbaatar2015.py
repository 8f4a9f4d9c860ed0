"""Memory networks and what they are made of, on embedded stories or a task of bAbI.

    python -m experiments.sweep --config=configs/ablations/sukhbaatar2015.py
    python -m experiments.sweep --config=configs/ablations/sukhbaatar2015.py:2 \\
        --workdir=runs/sukhbaatar2015-2                              # ATTNLAB_DATA

The first rows are the columns of the paper's table 1, whose model has three hops,
position encoding (PE), a linear start (LS) and random noise (RN); the others change one
thing about that model. All rows share data, batches and updates.
"""

from configs import memn2n


def get_config(tasks: str = ""):
    return memn2n.get_config(tasks)


def sweep(add):
    plain = {"linear_start": 0, "warmup": 0, "noise": 0.0}
    recurrent = {  # by the network's plain gradient descent it hardly learns
        "optimizer": "adam",
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "warmup": 0,
    }
    for seed in range(3):
        add("lstm", system="lstm", seed=seed, **recurrent)
        add("bag of words", encoding="bag", seed=seed, **plain)
        add("PE", seed=seed, **plain)
        add("PE LS", noise=0.0, seed=seed)
        add("PE LS RN", seed=seed)
        add("1 hop", hops=1, seed=seed)
        add("2 hops", hops=2, seed=seed)
        add("layer-wise", tying="layer-wise", seed=seed)
        add("PE as printed", encoding="position", seed=seed)
        add("rates as printed", schedule="sukhbaatar", seed=seed)
        add("no times", temporal=False, seed=seed)
        add("empty slots masked", empty_slots=False, seed=seed)
        add("general score", score="general", seed=seed)
        add("additive score", score="additive", seed=seed)
        add("sparsemax", normalizer="sparsemax", seed=seed)
        add("entmax-1.5", normalizer="entmax-1.5", seed=seed)
        add("top 2", read="top-k", k=2, seed=seed)
        add("hard, gumbel", read="hard", learning="gumbel", seed=seed)
        add(
            "hard, reinforce",
            read="hard",
            learning="reinforce",
            feed="sampled",
            credit="sentence",
            samples=5,
            seed=seed,
        )
