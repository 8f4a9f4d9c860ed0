"""One translation model: any corpus, any variant.

    python -m experiments.train --config=configs/translate.py
    python -m experiments.train --config=configs/translate.py:bahdanau2014 \\
        --config.data.name=hansards

The argument names a paper's variant (attnlab.attention.presets.PRESETS).
"""

from configs.base import get_config as base


def get_config(preset: str = ""):
    config = base()
    config.model.preset = preset
    return config
