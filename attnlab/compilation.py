"""`jax.jit` with as much optimization as pays for programs of loops and products."""

import os
from collections.abc import Callable
from typing import Any

import jax

LEVEL = "xla_backend_optimization_level"


def jit(
    function: Callable[..., Any],
    *,
    once: bool = False,
    platform: str | None = None,
    **options: Any,
) -> Any:
    """A compiled function, to be called from Python and not from another one.

    On a CPU machine code of LLVM's level 1 takes two thirds of the time to compile that
    the default takes, and runs as fast: of a training step of 64 units and of one of
    256 within 3 %. What runs once is not optimized at all.

    Args:
      function: of arrays.
      once: whether it runs but once.
      platform: of the devices that it is for; None: JAX's default.
      **options: of `jax.jit`.

    Returns:
      What `jax.jit` returns. On accelerators, and where XLA_FLAGS says a level, that is
      all it does.
    """
    platform = platform or jax.default_backend()
    if platform != "cpu" or LEVEL in os.environ.get("XLA_FLAGS", ""):
        return jax.jit(function, **options)
    return jax.jit(function, compiler_options={LEVEL: 0 if once else 1}, **options)
