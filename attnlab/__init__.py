"""Attention ablations in JAX: build, train, compare and look at attention.

    attend = attnlab.attention(score="general", window="local-p", half_width=10)
    layer = attnlab.flax.Attention(attend, hidden=256)   # a batched linen module
    figure = attnlab.plot_alignment(weights, source, target, sure=links)
    attnlab.metrics.aer(links, sure, possible)
    run = attnlab.load("runs/hansards/local-p-general/0")
    table = attnlab.results("runs/hansards")             # a pandas DataFrame
    attnlab.register("score", "mine", my_score)          # a choice of settings, too

`docs/api.md` shows each at work. Names are imported when they are first used, so that
`import attnlab` is quick.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnlab import estimators, metrics
    from attnlab.attention import flax
    from attnlab.attention.presets import build as attention
    from attnlab.registration import register
    from attnlab.report.heatmaps import plot_alignment
    from attnlab.report.results import results
    from attnlab.training.load import load

__all__ = [
    "attention",
    "estimators",
    "flax",
    "load",
    "metrics",
    "plot_alignment",
    "register",
    "results",
]
__version__ = "0.1.0"

# name -> (module, its attribute; "" for the module itself)
_NAMES = {
    "attention": ("attnlab.attention", ""),  # a package that can be called, as `build`
    "estimators": ("attnlab.estimators", ""),
    "flax": ("attnlab.attention.flax", ""),
    "load": ("attnlab.training.load", "load"),
    "metrics": ("attnlab.metrics", ""),
    "plot_alignment": ("attnlab.report.heatmaps", "plot_alignment"),
    "register": ("attnlab.registration", "register"),
    "results": ("attnlab.report.results", "results"),
}


def __getattr__(name: str) -> object:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _NAMES[name]
    imported = importlib.import_module(module)
    return getattr(imported, attribute) if attribute else imported


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
