"""Show, Attend and Tell: pictures of digits, or your own.

    python -m experiments.train --config=configs/captioning.py
    python -m experiments.train --config=configs/captioning.py:xu2015-hard
    python -m experiments.train --config=configs/captioning.py \\
        --config.data.name=folder --config.data.folder.images=photos \\
        --config.data.folder.json=dataset_flickr8k.json

The argument names a paper's variant (attnlab.attention.presets.PRESETS); what it says
of translation alone is left out.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from configs.shared import attend, begin, estimate


def get_config(preset: str = "") -> ConfigDict:
    """The defaults: soft attention over scenes of digits."""
    config = begin("captioning")
    estimate(config)
    data, model = config.data, config.model
    train, evaluate = config.train, config.evaluate

    data.name = "scenes"  # scenes, flickr8k_1k, emoji_captions, folder
    data.min_count = 1  # rarer words are unknown ones
    data.shapes = 2  # of training batches, at most
    data.longest = 24  # longer captions are not trained on, EOS counted
    data.scenes = ConfigDict()
    data.scenes.train = 6_000
    data.scenes.dev = 200
    data.scenes.test = 500
    data.scenes.grid = 3  # places a side
    data.scenes.room = 8  # pixels of a place; beyond 8, a digit may lie anywhere in it
    data.scenes.most = 3  # digits
    data.scenes.seed = 0
    data.flickr8k_1k = ConfigDict()
    data.flickr8k_1k.size = 64  # pixels a side that pictures are scaled to
    data.emoji_captions = ConfigDict()
    data.emoji_captions.split = "variant"  # or base: unseen emoji
    data.emoji_captions.size = 32
    data.folder = ConfigDict()  # your own; see attnlab.tasks.captioning.karpathy
    data.folder.json = placeholder(str)
    data.folder.images = placeholder(str)
    data.folder.features = placeholder(str)
    data.folder.size = 64

    model.preset = preset
    attend(model)
    model.score = "additive"
    model.annotations = "conv"  # or given: features, which need no encoder
    model.channels = (32, 64)  # of the convolutions, each halves the picture
    model.cell = "lstm"
    model.embedding = 64  # the readout's width, too
    model.hidden = 64
    model.attention_hidden = 64
    model.gate = True  # a scalar, of the context
    model.tied = False
    model.dropout = 0.0

    train.steps = 1_000
    train.label_smoothing = 0.0
    train.doubly_stochastic = 0.0  # Xu: 1, of the sum over cells
    train.stop_on = "exact"  # or bleu, perplexity, pointing

    evaluate.pictures = 64  # rows of an evaluation batch
    evaluate.dev_pictures = 200
    evaluate.longest = 20  # words of a caption
    evaluate.beams = 1
    evaluate.length_penalty = "average"  # none, gnmt
    evaluate.alpha = 0.6
    evaluate.predict = ""  # expected, marginal, argmax; "": marginal for hard reads
    evaluate.positions = 5  # the likeliest, that decoding takes the marginal over

    return config.lock()
