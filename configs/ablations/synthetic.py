"""Eight variants on the embedded language pair: what `make sweep` runs.

    python -m experiments.sweep --config=configs/ablations/synthetic.py

All rows share encoder, widths, data and steps; bahdanau2014 has its own decoder. Each
direction of the encoder is half as wide as the decoder, as dot needs.
"""

from configs.translation import get_config as translation


def get_config():
    config = translation()
    config.data.synthetic.train = 10_000
    config.data.synthetic.dev = 200
    config.data.synthetic.test = 400
    config.model.cell = "cho-gru"
    config.model.encoder_hidden = 32
    config.model.half_width = 5  # so that local windows do not cover every sentence
    config.train.steps = 600
    config.train.learning_rate = 4e-3
    config.train.evaluate_every = 100
    config.evaluate.edges = (24,)
    config.evaluate.sentences = 200
    return config


def sweep(add):
    for seed in range(2):
        add("none", score="none", seed=seed)
        add("global (dot)", window="global", score="dot", seed=seed)
        add("global (general)", window="global", score="general", seed=seed)
        add("global (additive)", window="global", score="additive", seed=seed)
        add("global (location)", window="global", score="location", seed=seed)
        add("local-m (general)", window="local-m", score="general", seed=seed)
        add("local-p (general)", window="local-p", score="general", seed=seed)
        add("bahdanau2014", preset="bahdanau2014", seed=seed)
