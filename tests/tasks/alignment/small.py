"""Settings of aligners so small that a test can afford them."""

from attnlab.sweep import rows
from attnlab.sweep.run_folders import RunSpec
from configs.alignment import get_config

SMALL = {
    "data.name": "synthetic",
    "data.min_count": 1,
    "data.shapes": 1,
    "data.synthetic.train": 64,
    "data.synthetic.dev": 8,
    "data.synthetic.test": 8,
    "data.synthetic.words": 12,
    "data.synthetic.lengths": (3, 6),
    "model.embedding": 4,
    "model.spelling": 8,
    "model.reach": 3,
    "train.steps": 12,
    "train.batch_size": 8,
    "train.token_budget": 0,
    "train.log_every": 2,
    "train.evaluate_every": 6,
    "evaluate.sentences": 8,
    "evaluate.edges": (12,),
    "wandb.mode": "disabled",
}


def small_spec(**overrides) -> RunSpec:
    """One run of a small aligner; `overrides` are named in full."""
    (spec,) = rows.plan(get_config(), lambda add: add("aligner"), SMALL | overrides)
    return spec
