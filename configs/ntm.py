"""A Neural Turing Machine on an algorithmic task of Graves et al. 2014.

    python -m experiments.train --config=configs/ntm.py
    python -m experiments.train --config=configs/ntm.py:recall

The argument names the task: copy, repeat_copy, recall, ngrams, sort. Sequences are made
on the fly. Copying takes about two minutes of a core's time, and ends near 0.005 bits
an item at length 20 (docs/results.md).
"""

from ml_collections import ConfigDict

from configs.shared import begin


def get_config(problem: str = "copy"):
    config = begin("ntm")
    data, model = config.data, config.model
    train, evaluate = config.train, config.evaluate

    data.name = problem
    data.shapes = 3  # of training batches, at most: T is padded to as many widths
    data.curriculum = 0  # updates over which sizes grow from the shortest to all
    data.copy = ConfigDict()
    data.copy.bits = 8
    data.copy.lengths = (1, 20)
    data.copy.test = (10, 20, 30, 50, 120)
    data.repeat_copy = ConfigDict()
    data.repeat_copy.bits = 6
    data.repeat_copy.lengths = (1, 10)
    data.repeat_copy.repeats = (1, 10)
    data.repeat_copy.test = ((10, 10), (20, 10), (10, 20))
    data.recall = ConfigDict()
    data.recall.bits = 6
    data.recall.vectors = 3  # of an item
    data.recall.items = (2, 6)
    data.recall.test = (6, 8, 10, 12, 15)
    data.ngrams = ConfigDict()
    data.ngrams.order = 6
    data.ngrams.length = 200
    data.ngrams.test = (200,)
    data.sort = ConfigDict()
    data.sort.bits = 8
    data.sort.items = (20, 20)
    data.sort.kept = 16
    data.sort.test = (20,)

    model.system = "ntm"  # or lstm: the baseline without a memory
    model.controller = "lstm"  # feed-forward
    model.hidden = 100  # units of the controller
    model.layers = 1  # of the baseline
    model.units = 256  # of each of them
    model.slots = 128
    model.width = 20
    model.read_heads = 1
    model.write_heads = 1
    model.memory = "constant"  # how it starts, at 1e-6 or there and learned
    model.addressing = "ntm"  # or content: no gate, shift and sharpening
    model.normalizer = "softmax"  # of the content scores: sparsemax, entmax-1.5

    train.steps = 6000
    train.batch_size = 16
    train.learning_rate = 1e-3
    train.clip = 0.1  # of the norm; Graves et al. clip each number to 10 instead
    train.log_every = 100
    train.evaluate_every = 500
    train.stop_on = "bits_per_item"

    evaluate.sequences = 200  # of the development set, and of each size tested
    return config.lock()
