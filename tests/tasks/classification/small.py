"""Settings of classifiers so small that a test can afford them."""

from typing import Any, cast

from attnlab.sweep import rows
from attnlab.tasks.classification.settings import ClassificationSettings
from configs.classification import get_config

SMALL: dict[str, Any] = {
    "data.shapes": 1,
    "data.longest": 20,
    "data.evidence.train": 40,
    "data.evidence.dev": 12,
    "data.evidence.test": 12,
    "data.evidence.lengths": (6, 16),
    "model.embedding": 4,
    "model.hidden": 4,
    "model.attention_hidden": 4,
    "model.dropout": 0.2,
    "train.batch_size": 8,
    "train.steps": 2,
    "train.log_every": 1,
    "train.evaluate_every": 2,
    "evaluate.sentences": 12,
    "evaluate.shown": 5,
    "wandb.mode": "disabled",
}


def small_spec(settings=None, **overrides) -> rows.RunSpec:
    """One small run: what its config.json has, and its settings."""

    def sweep(add):
        add("row", **(settings or {}))

    return rows.plan(get_config(), sweep, SMALL | overrides)[0]


def small(settings=None, **overrides) -> ClassificationSettings:
    """The settings of one small run."""
    return cast(ClassificationSettings, small_spec(settings, **overrides).settings)
