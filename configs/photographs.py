"""Real pictures, small ones: a demonstration, not a result.

    python -m experiments.train --config=configs/photographs.py:flickr8k_1k
    python -m experiments.train --config=configs/photographs.py:emoji_captions
    python -m experiments.train --config=configs/photographs.py:files \\
        --config.data.files.images=photos --config.data.files.train=captions.tsv

The argument names pictures in the data folder (ATTNLAB_DATA), or files: your own
(docs/data.md). 698 photographs are too few to learn to see from: the captions are those
of the training set's usual scenes.
"""

from configs.captioning import get_config as base


def get_config(name: str = "flickr8k_1k"):
    config = base()
    config.data.name = name
    config.model.embedding = 128
    config.model.hidden = 128
    config.model.dropout = 0.3
    config.train.steps = 600
    config.train.batch_size = 32
    config.train.learning_rate = 2e-3
    config.train.evaluate_every = 200
    config.train.stop_on = "bleu"
    config.evaluate.beams = 3
    if name == "flickr8k_1k":
        config.data.min_count = 3
    if name != "emoji_captions":
        config.model.channels = (16, 32, 64)  # 64 pixels a side: 8 x 8 cells
    return config
