"""The readers of Hermann et al. 2015, table 5, and of Chen et al. 2016, on stories.

    python -m experiments.sweep --config=configs/ablations/hermann2015.py \\
        --workdir=runs/hermann2015

`--config.data.name=ieer` asks newswire instead; see configs/cloze.py:ieer for what goes
with it. Answers are scored over all entities, by Chen over those of the passage. The
baselines of their table that are not trained (most frequent entity, most frequent
one that the query does not mention, chance) are in every result.json.
"""

from configs.cloze import get_config as base


def get_config():
    return base()


def sweep(add):
    for seed in range(3):
        add("deep LSTM", reader="deep-lstm", cell="lstm", layers=2, seed=seed)
        add("uniform attention", score="uniform", seed=seed)
        add("attentive", seed=seed)
        add("impatient", reader="impatient", seed=seed)
        add(
            "bilinear (Chen)",
            score="general",
            readout="context",
            answers="passage",
            numbering="first",
            seed=seed,
        )
        add("attention sum (Kadlec)", readout="sum", seed=seed)
