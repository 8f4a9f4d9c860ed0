"""A memory network that answers questions over stories (Sukhbaatar et al. 2015).

    python -m experiments.train --config=configs/memn2n.py           # embedded stories
    python -m experiments.train --config=configs/memn2n.py:1-20      # bAbI, jointly
    python -m experiments.train --config=configs/memn2n.py:files \\
        --config.data.files.train=mine.jsonl

The argument names tasks of bAbI ("2", "1,2,5", "1-20") in the data folder
(ATTNLAB_DATA), or files: your own stories (docs/data.md).
"""

from attnlab.parsing import config_dict
from attnlab.tasks.memn2n.settings import MemN2NSettings


def get_config(tasks: str = ""):
    """The defaults.

    Args:
      tasks: of bAbI; "" is the embedded stories, "files" your own.

    Returns:
      A locked ConfigDict.
    """
    config = config_dict(MemN2NSettings())
    if tasks == "files":
        config.data.name = "files"
        # The paper's schedule counts epochs, which may be of any length here.
        config.train.optimizer = "adam"
        config.train.schedule = "cosine"
        config.train.learning_rate = 5e-3
        config.train.warmup = 0
    elif tasks:
        config.data.name = "babi"
        config.data.babi.tasks = tasks
    return config
