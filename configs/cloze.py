"""Readers of anonymized cloze questions (Hermann et al. 2015), each choice a setting.

    python -m experiments.train --config=configs/cloze.py
    python -m experiments.train --config=configs/cloze.py:ieer
    python -m experiments.train --config=configs/cloze.py:files \\
        --config.data.files.train=mine.jsonl

The argument names the questions: synthetic stories, the newswire of IE-ER, or files,
your own (docs/data.md).
"""

from ml_collections import ConfigDict

from attnlab.parsing import config_dict
from attnlab.tasks.cloze.settings import ClozeSettings


def get_config(name: str = "synthetic") -> ConfigDict:
    """An attentive reader of small stories."""
    config = config_dict(ClozeSettings())
    config.data.name = name
    if name == "ieer":
        _newswire(config)
    return config


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
