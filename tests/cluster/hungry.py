"""A sweep of two runs: a tiny one, and one that fits into this machine only."""

from configs import translation
from tests.tiny import TINY


def get_config():
    config = translation.get_config()
    config.update_from_flattened_dict(TINY)
    return config


def sweep(add):
    add("large", hidden=4096)
    add("small")
