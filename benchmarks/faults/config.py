"""The sweep that the fault bench disturbs: three rows, two seeds, seconds each.

ATTNLAB_FAULT names one more row, which is meant to fail: see FAULTY. With
ATTNLAB_FAULT_ONE_RUN there is one run alone.
"""

import os

from configs.translation import get_config as base

FAULTY = {
    "raises": {"data.name": "files", "data.files.train": "nowhere.fr,nowhere.en"},
    "not a number": {"train.learning_rate": 1e38, "train.clip": 0.0},
    "too large": {"model.hidden": 1_000_000, "model.encoder_hidden": 500_000},
    "killed for its memory": {"model.hidden": 6_000, "model.encoder_hidden": 3_000},
}


def get_config():
    config = base()
    config.data.units = "words"
    config.data.edges = (12,)
    config.data.synthetic.train = 200
    config.data.synthetic.dev = 20
    config.data.synthetic.test = 20
    config.data.synthetic.words = 16
    config.data.synthetic.lengths = (3, 6)
    config.model.embedding = 16
    config.model.hidden = 16
    config.model.attention_hidden = 16
    config.model.readouts = 16
    config.model.dropout = 0.1  # so that a run which forgets its key is found out
    config.train.steps = 60
    config.train.batch_size = 16
    config.train.token_budget = 0
    config.train.log_every = 5
    config.train.evaluate_every = 20
    config.evaluate.beams = 1
    config.evaluate.edges = ()
    config.evaluate.dev_sentences = 20
    config.wandb.mode = "disabled"
    return config


def sweep(add):
    if os.environ.get("ATTNLAB_FAULT_ONE_RUN"):
        add("global", window="global", seed=0)
        return
    for seed in range(2):
        add("global", window="global", seed=seed)
        add("local-p", window="local-p", half_width=2, seed=seed)
        add("additive", score="additive", seed=seed)
    fault = os.environ.get("ATTNLAB_FAULT")
    if fault:
        add(fault, **FAULTY[fault])
