"""A sentence classifier: a bidirectional GRU whose states an attention pools.

    python -m experiments.train --config=configs/classification.py
    python -m experiments.train --config=configs/classification.py:imdb \\
        --config.model.preset=tf-rnn-attention

The argument names a corpus: evidence (embedded), imdb, polarity, sst. With imdb the
widths, batches and optimizer are those of ilivans/tf-rnn-attention.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from configs.shared import attend, begin, estimate

CORPORA = ("evidence", "imdb", "polarity", "sst")


def get_config(corpus: str = "evidence") -> ConfigDict:
    """Every setting of classification, as suits a corpus."""
    if corpus not in CORPORA:
        raise ValueError(f"unknown corpus {corpus!r}; choose {', '.join(CORPORA)}")
    config = begin("classification")
    estimate(config)
    data, model = config.data, config.model
    train, evaluate = config.train, config.evaluate

    data.name = corpus
    data.vocabulary = 10_000  # largest size, the four special tokens included
    data.min_count = 1
    data.longest = 64  # EOS counted: of longer sentences the first words are read
    data.shapes = 2  # of training batches, at most; their widths are chosen
    data.evidence = ConfigDict()
    data.evidence.train = 6_000
    data.evidence.dev = 500
    data.evidence.test = 1_000
    data.evidence.lengths = (8, 30)
    data.evidence.test_lengths = placeholder(tuple)
    data.evidence.cues = 2
    data.evidence.decoys = 2
    data.evidence.negated = 0.4
    data.evidence.stray = 0.5
    data.evidence.gap = 1
    data.evidence.zipf = 0.5
    data.evidence.seed = 0
    data.imdb = ConfigDict()
    data.imdb.dev = 2_000
    data.polarity = ConfigDict()
    data.polarity.seed = 0  # of the split
    data.sst = ConfigDict()
    data.sst.classes = 5  # or 2
    data.sst.lowercase = True

    model.preset = ""  # a paper's choices, see attnlab.attention.presets.PRESETS
    model.pooling = "attention"  # mean, max, last
    attend(model)
    model.score = "additive"
    model.compat = False  # padding shares the weights, up to data.longest
    model.cell = "cho-gru"  # gru, lstm
    model.layers = 1
    model.embedding = 32
    model.hidden = 32  # a direction
    model.attention_hidden = 32
    model.dropout = 0.2  # of the pooled vector, and between layers

    train.steps = 400
    train.learning_rate = 4e-3
    train.evaluate_every = 100
    train.stop_on = "accuracy"  # or loss: chooses the best checkpoint

    evaluate.sentences = 250  # rows of an evaluation batch
    evaluate.dev_sentences = 2_000  # how many are looked at while training
    evaluate.predict = ""  # expected, marginal, argmax; "": marginal for hard reads
    evaluate.shown = 200  # test sentences kept for the figures

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
    elif corpus != "evidence":
        data.min_count = 2
        model.embedding = 64
        model.hidden = 64
        model.attention_hidden = 64
        model.max_length = 64
        model.dropout = 0.5
        train.learning_rate = 1e-3
        train.steps = 600
    return config.lock()  # so that a misspelt setting in a config file fails
