"""Whether a program shall launch few kernels, or do little work.

At widths of some hundreds a GPU spends its time launching kernels, and a CPU
multiplying. So loops that store what the gradient needs in one array, a batched product
for both directions of an encoder, and products of padding, which make the lengths of
loops known, are for GPUs alone. A TPU runs its loops by itself; there packing takes
more kernels than it saves (100 a word for 70 of `bahdanau2014` on a v5e).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax

_chosen: ContextVar[bool | None] = ContextVar("few_kernels", default=None)


def few_kernels() -> bool:
    """Whether the program that is being traced shall launch few kernels.

    Returns:
      Whether JAX's default backend is a GPU, or as `launching` says.
    """
    chosen = _chosen.get()
    return jax.default_backend() == "gpu" if chosen is None else chosen


@contextmanager
def launching(*, few: bool) -> Iterator[None]:
    """Choose for all that is traced within, as when compiling for another device.

    JAX reuses what it has traced: a function that was jitted before stays as it was.

    Args:
      few: what `few_kernels` shall return.

    Yields:
      Nothing.
    """
    token = _chosen.set(few)
    try:
        yield
    finally:
        _chosen.reset(token)
