"""A sweep of six tiny runs that last long enough to be killed on the way."""

from configs import translation
from tests.tiny import TINY

LONGER = {"train.steps": 1200, "train.evaluate_every": 60, "train.patience": 0}


def get_config():
    config = translation.get_config()
    config.update_from_flattened_dict(TINY | LONGER)
    return config


def sweep(add):
    for seed in range(3):
        add("global (general)", score="general", seed=seed)
        add("local-p (general)", window="local-p", score="general", seed=seed)
