"""`jax.jit` with as much optimization as pays for programs of loops and products."""

import os
from collections.abc import Callable
from typing import Any, Literal

import jax

LEVEL = "xla_backend_optimization_level"
# XLA's older emitters, and one LLVM module: half the time to compile. Newer releases
# have one kind of emitters, and refuse the option.
QUICK: dict[str, int | bool] = (
    {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
    if jax.__version_info__ < (0, 11)
    else {}
)
# How often a program runs -> options of XLA on a CPU.
OPTIONS: dict[str, dict[str, int | bool]] = {
    "often": {LEVEL: 1},
    "seldom": {LEVEL: 1, **QUICK},
    "once": {LEVEL: 0, **QUICK},
}


def jit(
    function: Callable[..., Any],
    *,
    runs: Literal["often", "seldom", "once"] = "often",
    platform: str | None = None,
    **options: Any,
) -> Any:
    """A compiled function, to be called from Python and not from another one.

    On a CPU machine code of LLVM's level 1 takes two thirds of the time to compile that
    the default takes, and runs as fast: of a training step of 64 units and of one of
    256 within 3 %. What runs seldom, as evaluation does between hundreds of updates, is
    compiled in half of that by jax 0.10; of 256 units a forced pass then takes 12 %
    longer and a search as long. What runs once is not optimized at all.

    Args:
      function: of arrays.
      runs: how often it does.
      platform: of the devices that it is for; None: JAX's default.
      **options: of `jax.jit`.

    Returns:
      What `jax.jit` returns. On accelerators, and where XLA_FLAGS says a level, that is
      all it does.
    """
    platform = platform or jax.default_backend()
    if platform != "cpu" or LEVEL in os.environ.get("XLA_FLAGS", ""):
        return jax.jit(function, **options)
    return jax.jit(function, compiler_options=OPTIONS[runs], **options)
