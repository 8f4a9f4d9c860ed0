"""Settings of runs so small that a test can afford them."""

from pathlib import Path
from typing import Any

from attnlab.sweep import rows
from configs.translation import get_config

TINY: dict[str, Any] = {
    "data.name": "synthetic",
    "data.units": "words",
    "data.join": 0.0,
    "data.edges": (12,),
    "data.synthetic.train": 64,
    "data.synthetic.dev": 8,
    "data.synthetic.test": 8,
    "data.synthetic.words": 12,
    "data.synthetic.lengths": (3, 6),
    "model.embedding": 8,
    "model.hidden": 8,
    "model.attention_hidden": 8,
    "model.readouts": 8,
    "train.steps": 30,
    "train.batch_size": 8,
    "train.token_budget": 0,
    "train.log_every": 1,
    "train.evaluate_every": 10,
    "evaluate.sentences": 8,
    "evaluate.dev_sentences": 8,
    "evaluate.edges": (),
    "evaluate.beams": 1,
    "evaluate.gold": "",
    "wandb.mode": "disabled",
}


def one_row(add):
    add("general")


def plan(sweep=one_row, **overrides) -> list[rows.RunSpec]:
    """The runs of a sweep of tiny models; `overrides` are named in full."""
    return rows.plan(get_config(), sweep, TINY | overrides)


def tiny_config(**overrides) -> dict[str, Any]:
    """The settings of one tiny run, as its config.json has them."""
    return plan(**overrides)[0].config


def tiny(**overrides) -> Any:
    """The settings of one tiny run of translation, a record."""
    return plan(**overrides)[0].settings


def tiny_folder(root: Path, **overrides) -> Path:
    """A run folder that waits to be trained."""
    (folder,) = rows.write_folders(plan(**overrides), root)
    return folder
