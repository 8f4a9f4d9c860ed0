"""Transduction of strings: NETtalk, letters to phonemes, by a small Luong model.

    python -m experiments.train --config=configs/transduction.py
    python -m experiments.train --config=configs/transduction.py:cmudict

Needs the corpus in the data folder (ATTNLAB_DATA). The argument names it: nettalk,
cmudict or sigmorphon-german. docs/transduction.md has their conventions.
"""

from configs.translation import get_config as translation

CORPORA = ("nettalk", "cmudict", "sigmorphon-german")
STEPS = {"cmudict": 6_000}  # it has seven times the words of the others
# Features come before the lemma, so that its characters lie some steps behind.
HALF_WIDTHS = {"sigmorphon-german": 10}


def get_config(corpus: str = "nettalk"):
    """The settings of a corpus of strings."""
    if corpus not in CORPORA:
        raise ValueError(f"unknown corpus {corpus!r}; choose {', '.join(CORPORA)}")
    config = translation()
    config.data.name = corpus
    config.data.longest = 40
    config.data.shapes = 4
    config.model.half_width = HALF_WIDTHS.get(corpus, 3)
    config.train.batch_size = 64
    config.train.steps = STEPS.get(corpus, 2_000)
    config.train.learning_rate = 4e-3
    config.train.warmup = 100
    config.train.evaluate_every = config.train.steps // 5
    config.train.stop_on = "error_rate"
    config.evaluate.edges = (12, 20, 40)
    config.evaluate.dev_sentences = 500
    return config
