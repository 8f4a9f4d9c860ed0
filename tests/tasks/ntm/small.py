"""Settings of machines so small that a test can afford them."""

from typing import cast

from attnlab.sweep import rows
from attnlab.tasks import parse_settings
from attnlab.tasks.ntm.settings import NTMSettings
from configs.ntm import get_config

SMALL = {
    "data.copy.bits": 2,
    "data.copy.lengths": (1, 3),
    "data.copy.test": (5,),
    "data.shapes": 1,
    "model.hidden": 6,
    "model.layers": 1,
    "model.units": 6,
    "model.slots": 5,
    "model.width": 4,
    "train.steps": 2,
    "train.batch_size": 3,
    "evaluate.sequences": 6,
    "wandb.mode": "disabled",
}


def small(problem: str = "copy", **changes) -> NTMSettings:
    """The settings of one small run."""
    config = rows.resolve(get_config(problem), {}, SMALL | changes)
    return cast(NTMSettings, parse_settings(config))
