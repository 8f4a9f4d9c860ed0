"""BLEU, AER, attention statistics and significance: NumPy in, plain floats out.

    aer(links, sure, possible)                 alignment error rate, in [0, 1]
    symmetrize(forward, backward)              one alignment of two directions
    bleu(hypotheses, references).score         corpus BLEU, in [0, 100]
    chrf(hypotheses, references).score         of characters, in [0, 100]
    ter(hypotheses, references).score          edits by words of the reference, per cent
    paired_bootstrap(first, second, score)     does one trained system beat another?
    crossed_bootstrap(first, second, score)    would other seeds of it, too?

Links are pairs (source, target), 0-based, as in Pharaoh files. The modules have more.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnlab.metrics.alignment_error_rate import aer
    from attnlab.metrics.bleu_score import bleu
    from attnlab.metrics.chrf_ter import chrf, ter
    from attnlab.metrics.seed_significance import crossed_bootstrap
    from attnlab.metrics.significance import paired_bootstrap
    from attnlab.metrics.symmetrization import symmetrize

__all__ = [
    "aer",
    "bleu",
    "chrf",
    "crossed_bootstrap",
    "paired_bootstrap",
    "symmetrize",
    "ter",
]

# Imported when first used: BLEU brings sacrebleu, which is slow to import.
_MODULES = {
    "aer": "alignment_error_rate",
    "bleu": "bleu_score",
    "chrf": "chrf_ter",
    "crossed_bootstrap": "seed_significance",
    "paired_bootstrap": "significance",
    "symmetrize": "symmetrization",
    "ter": "chrf_ter",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__]
