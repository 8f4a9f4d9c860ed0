"""attnlab: attention ablations in JAX, from score functions to tables of AER and BLEU.

`attnlab.load(folder)` gives a trained run; everything else is in the modules.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attnlab.tasks.translation.trained_run import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":  # imported late: `import attnlab` stays free of JAX
        from attnlab.tasks.translation.trained_run import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
