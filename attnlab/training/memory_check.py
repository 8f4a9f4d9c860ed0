"""Whether a run can fit into this machine's memory, asked before it begins.

On a CPU, XLA may wait for ever for memory that it is not given, and a row that never
ends would hold up its sweep. (An accelerator's memory is refused with an error.)
"""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

GROUPS = ("memory.max", "memory/memory.limit_in_bytes")  # of versions 2 and 1


def check_fits(shapes: Any) -> None:
    """MemoryError where the arrays of a tree alone are more than this process may have.

    `shapes` are those of a run's state, from `jax.eval_shape`.
    """
    if jax.default_backend() != "cpu":
        return
    wanted, limit = size(shapes), allowed()
    if wanted > limit:
        raise MemoryError(
            f"parameters and optimizer take {wanted / 2**30:,.1f} GiB, and this process"
            f" may have {limit / 2**30:,.1f} GiB; make the model smaller"
        )


def size(shapes: Any) -> int:
    """Bytes of the arrays of a tree; random keys count as nothing."""
    leaves = jax.tree.leaves(shapes)
    return sum(
        leaf.size * leaf.dtype.itemsize
        for leaf in leaves
        if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    )


def allowed(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may have: of the machine, its group, its shell."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in GROUPS:
        try:
            limits.append(int((groups / name).read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    try:
        import resource
    except ImportError:  # not a Unix
        return min(limits)
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return min([*limits, soft] if soft != resource.RLIM_INFINITY else limits)
