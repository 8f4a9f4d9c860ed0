"""IMDB reviews: does masking matter, and what is attention worth beside pooling?

    python -m experiments.sweep --config=configs/ablations/imdb.py --workdir=runs/imdb

Needs IMDB in the data folder (ATTNLAB_DATA). `compat` is the unmasked softmax of
ilivans/tf-rnn-attention; all rows share the rest. Narrower than those of
configs/classification.py:imdb, so that ten runs take half an hour of one core.
"""

from configs import classification


def get_config():
    config = classification.get_config("imdb")
    config.model.embedding = 64
    config.model.hidden = 64
    config.model.attention_hidden = 64
    config.model.dropout = 0.5
    config.train.batch_size = 64
    config.train.learning_rate = 2e-3
    config.train.schedule = "cosine"
    config.train.steps = 900  # two and a half epochs
    config.train.evaluate_every = 180
    return config


def sweep(add):
    for seed in range(2):
        add("attention, masked", seed=seed)
        add("attention, compat", compat=True, seed=seed)
        add("mean", pooling="mean", seed=seed)
        add("max", pooling="max", seed=seed)
        add("last", pooling="last", seed=seed)
