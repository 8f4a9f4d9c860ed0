"""Readers of anonymised cloze questions (Hermann et al. 2015), each choice a setting.

    python -m experiments.train --config=configs/cloze.py
    python -m experiments.train --config=configs/cloze.py:ieer

The argument names the questions: synthetic stories, or the newswire of IE-ER.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from configs.shared import attend, begin


def get_config(name: str = "synthetic") -> ConfigDict:
    """An attentive reader of small stories."""
    config = begin("cloze")
    data, model = config.data, config.model
    train, evaluate = config.train, config.evaluate

    data.name = name  # synthetic, ieer, files
    data.numbering = "permuted"  # of entities, anew for each use; or first: occurrence
    data.vocabulary = 50_000  # words at most, entities not counted
    data.min_count = 1
    data.shapes = 2  # of training batches, at most; their widths are chosen
    data.longest = 1000  # passages longer than this are left out, EOS counted
    data.synthetic = ConfigDict()
    data.synthetic.train = 20_000
    data.synthetic.dev = 500
    data.synthetic.test = 500
    data.synthetic.facts = (4, 7)  # sentences of a story
    data.synthetic.entities = 8  # of a story, at most
    data.synthetic.synonyms = 1.0  # share of queries with another verb than the story
    data.synthetic.seed = 0
    data.ieer = ConfigDict()
    data.ieer.further = False  # ask all sentences of the training texts that can be
    data.ieer.fold = placeholder(int)  # of five: other texts are tested
    data.files = ConfigDict()  # folders or .tar.gz of .question files
    data.files.train = placeholder(str)  # alone: with training, validation, test inside
    data.files.dev = placeholder(str)
    data.files.test = placeholder(str)

    model.reader = "attentive"  # impatient, deep-lstm
    attend(model)
    model.score = "additive"  # any of the others, or uniform: no attention at work
    # What answers by: context and query, or context (Chen et al. 2016), or the sum of
    # each answer's weights (Kadlec et al. 2016).
    model.readout = "both"
    model.answers = "entities"  # words (Hermann), passage: its entities (Chen)
    model.tied = False  # answers scored by their embeddings
    model.matches = False  # mark the words that passage and query share (Chen 2017)
    model.cell = "gru"  # cho-gru, lstm
    model.layers = 1
    model.embedding = 64
    model.hidden = 64  # a direction; of a layer of the deep LSTM
    model.attention_hidden = 64
    model.readouts = 64
    model.dropout = 0.1

    train.steps = 2000
    train.batch_size = 32
    train.learning_rate = 3e-3
    train.warmup = 100
    train.stop_on = "accuracy"  # loss, pointing

    evaluate.questions = 250  # rows of an evaluation batch
    if name == "ieer":
        _newswire(config)
    return config.lock()


def _newswire(config: ConfigDict) -> None:
    """1,229 questions on 67 long texts: little to learn from, much to learn by heart.

    So an attention sum, which starts at the entities' frequencies, sees no words but
    entities and what passage and query share, and is stopped by the development loss.
    """
    data, model, train = config.data, config.model, config.train
    data.ieer.further = True
    data.vocabulary = 0
    data.shapes = 1
    model.readout = "sum"
    model.answers = "passage"
    model.matches = True
    model.embedding = 16
    model.hidden = 16
    model.attention_hidden = 16
    model.readouts = 16
    train.steps = 240
    train.batch_size = 16
    train.learning_rate = 5e-3
    train.warmup = 20
    train.log_every = 20
    train.evaluate_every = 20
    train.patience = 4
    train.stop_on = "loss"
    config.evaluate.questions = 36
