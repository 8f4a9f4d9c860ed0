"""Runs of every system so small that their programs compile in seconds."""

import importlib
from typing import Any

from attnlab.tasks import TASKS
from tests.tiny import TINY as TRANSLATION

_WIDTHS = {f"model.{name}": 8 for name in ("embedding", "hidden", "attention_hidden")}
SMALL: dict[str, dict[str, Any]] = {
    # With vocabularies of other than 21 words, which is the size of a window.
    "translation": TRANSLATION
    | {"data.synthetic.train": 16, "data.synthetic.words": 20},
    "captioning": {
        "data.scenes.train": 16,
        "data.scenes.dev": 4,
        "data.scenes.test": 4,
        "data.scenes.grid": 2,
        "data.shapes": 1,
        "model.channels": (4, 8),
        "train.batch_size": 8,
        **_WIDTHS,
    },
    "cloze": {
        "data.shapes": 1,
        "data.synthetic.train": 16,
        "data.synthetic.dev": 4,
        "data.synthetic.test": 4,
        "train.batch_size": 8,
        **_WIDTHS,
    },
}
# Those that the tests of tasks have, of the tasks that there are.
for _task, _name in (
    ("memn2n", "TINY"),
    ("ntm", "SMALL"),
    ("classification", "SMALL"),
    ("alignment", "SMALL"),
):
    if _task in TASKS:
        _module = importlib.import_module(f"tests.tasks.{_task}.small")
        SMALL[_task] = getattr(_module, _name)
# Half the kernels of Adam's: how an optimizer updates does not depend on the attention.
SGD = {"train.optimizer": "sgd", "train.clip": 0.0, "train.schedule": "constant"}
