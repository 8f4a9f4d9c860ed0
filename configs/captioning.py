"""Show, Attend and Tell (Xu et al. 2015): pictures of digits, or your own.

    python -m experiments.train --config=configs/captioning.py
    python -m experiments.train --config=configs/captioning.py:xu2015-hard
    python -m experiments.train --config=configs/captioning.py \\
        --config.data.name=folder --config.data.folder.images=photos \\
        --config.data.folder.json=dataset_flickr8k.json

The argument names a paper's variant (attnlab.attention.presets.PRESETS); what it says
of translation alone is left out.
"""

from attnlab.parsing import config_dict
from attnlab.tasks.captioning.settings import CaptioningSettings


def get_config(preset: str = ""):
    """The defaults: soft attention over scenes of digits."""
    config = config_dict(CaptioningSettings())
    config.model.preset = preset
    return config
