"""Settings of memory networks so small that a test can afford them."""

from typing import cast

from attnlab.sweep import rows
from attnlab.tasks.memn2n.settings import MemN2NSettings
from configs.memn2n import get_config

TINY = {
    "data.stories.train": 12,
    "data.stories.dev": 4,
    "data.stories.test": 6,
    "data.stories.sentences": (3, 4),
    "model.width": 4,
    "model.hidden": 4,
    "train.steps": 2,
    "train.batch_size": 4,
    "evaluate.questions": 4,
    "wandb.mode": "disabled",
}


def small(**overrides) -> MemN2NSettings:
    """The settings of one small run."""
    (run,) = rows.plan(get_config(), lambda add: add("row"), TINY | overrides)
    return cast(MemN2NSettings, run.settings)
