"""A memory network that answers questions over stories (Sukhbaatar et al. 2015).

    python -m experiments.train --config=configs/memn2n.py           # embedded stories
    python -m experiments.train --config=configs/memn2n.py:1-20      # bAbI, jointly

The argument names tasks of bAbI ("2", "1,2,5", "1-20") in the data folder
(ATTNLAB_DATA).
"""

from attnlab.parsing import config_dict
from attnlab.tasks.memn2n.settings import MemN2NSettings


def get_config(tasks: str = ""):
    """The defaults.

    Args:
      tasks: of bAbI; "" is the embedded stories.

    Returns:
      A locked ConfigDict.
    """
    config = config_dict(MemN2NSettings())
    if tasks:
        config.data.name = "babi"
        config.data.babi.tasks = tasks
    return config
