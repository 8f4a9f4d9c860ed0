"""What else moves AER on the Hansards: score, normalizer, feeding, sentence length.

    python -m experiments.sweep --config=configs/ablations/hansards_moves.py \\
        --workdir=runs/hansards-moves

Every row differs from the first in one thing. Fewer steps than hansards.py, so compare
rows of this table with each other.
"""

from configs.ablations.hansards import get_config as hansards


def get_config():
    config = hansards()
    config.model.score = "general"
    config.train.steps = 1200
    config.train.evaluate_every = 600
    return config


def sweep(add):
    add("global (general)")
    add("additive score", score="additive")
    add("concat score, as released", score="concat-luong2015")
    add("entmax-1.5", normalizer="entmax-1.5")
    add("sparsemax", normalizer="sparsemax")
    add("no input feeding", input_feeding=False)
    add("sentences not glued", join=0.0)
