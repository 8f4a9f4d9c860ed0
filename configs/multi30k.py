"""Multi30k German-English, one bahdanau2014 of 256 units.

    python -m experiments.train --config=configs/multi30k.py \\
        --workdir=runs/multi30k/bahdanau2014/0

Needs Multi30k in the data folder (ATTNLAB_DATA). BLEU is that of lower-cased, tokenized
text (sacrebleu with tokenize none) on test_2016_flickr.
"""

from configs.translation import get_config as translation


def get_config():
    config = translation()
    config.data.name = "multi30k"
    config.data.min_count = 2
    config.data.shapes = 8
    config.model.preset = "bahdanau2014"
    config.model.embedding = 256
    config.model.hidden = 256
    config.model.attention_hidden = 256
    config.model.readouts = 256
    config.model.dropout = 0.4
    config.train.token_budget = 1536
    config.train.steps = 3900
    config.train.learning_rate = 1e-3
    config.train.warmup = 200
    config.train.label_smoothing = 0.1
    config.train.evaluate_every = 300
    config.evaluate.edges = (12, 16, 20, 24, 32, 48)
    config.evaluate.dev_sentences = 300
    config.evaluate.beams = 5
    return config
