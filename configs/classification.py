"""A sentence classifier: a bidirectional GRU whose states an attention pools.

    python -m experiments.train --config=configs/classification.py
    python -m experiments.train --config=configs/classification.py:imdb \\
        --config.model.preset=tf-rnn-attention
    python -m experiments.train --config=configs/classification.py:files \\
        --config.data.files.train=mine.tsv

The argument names a corpus: evidence (embedded), imdb, polarity, sst, or files, your
own text (docs/data.md). With imdb the widths, batches and optimizer are those of
ilivans/tf-rnn-attention.
"""

from attnlab.parsing import config_dict
from attnlab.tasks.classification.settings import ClassificationSettings


def get_config(corpus: str = "evidence"):
    """The defaults, as suits a corpus.

    Args:
      corpus: its name.

    Returns:
      A locked ConfigDict.
    """
    config = config_dict(ClassificationSettings())
    config.data.name = corpus
    data, model, train = config.data, config.model, config.train
    if corpus == "imdb":
        data.longest = 250
        data.shapes = 4
        model.max_length = 250
        model.embedding = 100
        model.hidden = 150
        model.attention_hidden = 50
        train.batch_size = 256
        train.learning_rate = 1e-3
        train.schedule = "constant"
        train.steps = 270  # three epochs
        train.evaluate_every = 90
    elif corpus in ("polarity", "sst", "files"):
        data.min_count = 1 if corpus == "files" else 2
        model.embedding = 64
        model.hidden = 64
        model.attention_hidden = 64
        model.max_length = 64
        model.dropout = 0.5
        train.learning_rate = 1e-3
        train.steps = 600
    return config
