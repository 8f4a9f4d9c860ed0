"""Whether a run fits into this machine's memory, checked before it begins.

On a CPU, XLA may wait for ever for memory that it is not given, and a row that never
ends would hold up its sweep. (Too little memory of an accelerator is an error by
itself.)
"""

import os
from pathlib import Path

import jax
import jax.numpy as jnp

from attnlab.training.step import Pytree

GROUPS = ("memory.max", "memory/memory.limit_in_bytes")  # of versions 2 and 1


def check_fits(shapes: Pytree) -> None:
    """Refuse a state whose arrays alone are more than this process may have.

    Args:
      shapes: those of a run's state, from `jax.eval_shape`.

    Raises:
      MemoryError: with both numbers.
    """
    if jax.default_backend() != "cpu":
        return
    wanted, limit = size(shapes), allowed()
    if wanted > limit:
        raise MemoryError(
            f"parameters and optimizer take {wanted / 2**30:,.1f} GiB, and this process"
            f" may have {limit / 2**30:,.1f} GiB; make the model smaller"
        )


def size(shapes: Pytree) -> int:
    """Bytes of the arrays of a tree.

    Args:
      shapes: arrays, or their shapes and dtypes; random keys count as nothing.

    Returns:
      The sum.
    """
    leaves = jax.tree.leaves(shapes)
    return sum(
        leaf.size * leaf.dtype.itemsize
        for leaf in leaves
        if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    )


def allowed(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may have.

    Args:
      groups: where Linux tells the limits of control groups.

    Returns:
      The least of the machine's memory, its control group's and its shell's limit.
    """
    # The machine's memory is a limit where nobody has set a lower one.
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
