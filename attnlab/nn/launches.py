"""Whether a program shall launch few kernels, or do little work.

At widths of some hundreds a GPU spends its time launching kernels, and a CPU
multiplying. So loops with a gradient of their own (`scan`), and one loop with a batched
product for both directions of an encoder, are for accelerators alone. A GPU's kernels
are launched by its host: for it, loops store what the gradient needs in one array, and
products of padding make their lengths known. A TPU runs its loops by itself, and there
packing takes more kernels than it saves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax

_chosen: ContextVar[str | None] = ContextVar("backend", default=None)


def few_kernels() -> bool:
    """Whether the program that is being traced shall launch few kernels.

    Returns:
      Whether it is for a GPU or a TPU: JAX's default backend, or as `launching` says.
    """
    return _backend() != "cpu"


def launched_by_host() -> bool:
    """Whether each kernel of the program that is being traced waits for its host.

    Returns:
      Whether it is for a GPU.
    """
    return _backend() == "gpu"


def _backend() -> str:
    return _chosen.get() or jax.default_backend()


@contextmanager
def launching(backend: str) -> Iterator[None]:
    """Choose for all that is traced within, as when compiling for another device.

    JAX reuses what it has traced: a function that was jitted before stays as it was.

    Args:
      backend: "cpu", "gpu" or "tpu": what the program is for.

    Yields:
      Nothing.
    """
    token = _chosen.set(backend)
    try:
        yield
    finally:
        _chosen.reset(token)
