"""The leaves of a state by name, as a checkpoint keeps them and gives them back.

So Orbax sees a flat dict of plain arrays and never our classes.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def named(state: Any) -> dict[str, Any]:
    """Leaves of a pytree by path: {"params/attention/w": array}, in tree order."""
    found = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator="/") or "state"
        if name in found:
            raise ValueError(f"two leaves of the state are called {name!r}")
        if not (_is_number(leaf) or _is_numeric(leaf)):
            raise ValueError(
                f"leaf {name!r} of the state is a {type(leaf).__name__}; a checkpoint "
                "takes arrays, random keys and numbers, the rest belongs into extra"
            )
        found[name] = leaf
    if not any(filled(leaf) for leaf in found.values()):
        raise ValueError("the state has no arrays to save")
    return found


def kind(leaf: Any) -> str:
    """Dtype and shape: "float32[3,4]"; "int" for a Python number."""
    if _is_number(leaf):
        return type(leaf).__name__
    return f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"


def _is_number(leaf: Any) -> bool:
    """Python's own; np.float64 is a float as well."""
    return isinstance(leaf, bool | int | float) and not hasattr(leaf, "dtype")


def _is_numeric(leaf: Any) -> bool:
    """An array, or its shape, of numbers or random keys; not of strings or objects."""
    return hasattr(leaf, "dtype") and getattr(leaf.dtype, "kind", None) not in {*"OSU"}


def compare(folder: Path, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    wrong = [f"{name} is missing" for name in here if name not in there]
    wrong += [f"{name} is not in this state" for name in there if name not in here]
    wrong += [
        f"{name} is {kind} and has to be {here[name]}"
        for name, kind in there.items()
        if here.get(name, kind) != kind
    ]
    if wrong:
        more = f"; and {len(wrong) - 6} more" if len(wrong) > 6 else ""
        raise ValueError(
            f"{folder} holds another state: {'; '.join(wrong[:6])}{more}; it comes "
            "from another model or optimizer, so choose another folder or go back"
        )


def filled(leaf: Any) -> bool:
    """Orbax refuses arrays of size 0; the manifest alone remembers those."""
    return math.prod(np.shape(leaf)) > 0


def stored(leaf: Any) -> Any:
    """As NumPy: of several processes, Orbax lets none save a jax.Array by itself."""
    return np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)


def is_key(leaf: Any) -> bool:
    return _on_jax(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def bits(leaf: Any) -> Any:
    """Zeros like the numbers that a random key is."""
    key = jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
    data = jax.eval_shape(jax.random.key_data, key)
    return np.zeros(data.shape, data.dtype)


def _on_jax(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct)


def wanted(leaf: Any) -> Any:
    """What Orbax is asked for. The sharding has to be said: it would take the one
    saved, and fail on a machine with other devices."""
    if not _on_jax(leaf):
        return np.asarray(leaf)
    sharding = getattr(leaf, "sharding", None)
    if sharding is None:
        sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def placed(array: Any, leaf: Any) -> Any:
    """The restored array as the template's kind of leaf.

    Orbax commits arrays to a device. Where the template's are uncommitted so is the
    result, or the next step would compile anew and refuse batches spread over devices.
    """
    if not _on_jax(leaf):
        return array if isinstance(leaf, np.ndarray) else type(leaf)(array[()])
    if getattr(leaf, "sharding", None) is not None and getattr(leaf, "committed", True):
        return array
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        bits = jnp.array(np.asarray(jax.random.key_data(array)))
        return jax.random.wrap_key_data(bits, impl=jax.random.key_impl(array))
    return jnp.array(np.asarray(array))


def empty(leaf: Any) -> Any:
    if _on_jax(leaf):
        return jnp.zeros(leaf.shape, leaf.dtype)
    return np.zeros(leaf.shape, leaf.dtype)
