"""Translation: a small Luong model on the embedded language pair.

    python -m experiments.train --config=configs/translation.py
    python -m experiments.train --config=configs/translation.py:bahdanau2014

The argument names a preset of `attnlab.attention.presets`, a paper's choices. Every
setting is described in docs/settings.md.
"""

from attnlab.parsing import config_dict
from attnlab.tasks.translation.settings import TranslationSettings


def get_config(preset: str = ""):
    """The defaults, with a preset's choices if one is named."""
    config = config_dict(TranslationSettings())
    config.model.preset = preset
    return config
