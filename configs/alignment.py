"""Word alignment: two chains that learn to agree, on the embedded language pair.

    python -m experiments.train --config=configs/alignment.py

Every setting is described in docs/settings.md.
"""

from attnlab.parsing import config_dict
from attnlab.tasks.alignment.settings import AlignmentSettings


def get_config():
    """The defaults."""
    return config_dict(AlignmentSettings())
