"""The leaves of a state by name, as a checkpoint stores and restores them.

So Orbax sees a flat dict of plain arrays and never our classes.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.training.step import Pytree

# An array, its shape and dtype, a random key or a Python number.
Leaf = Pytree


def named(state: Pytree) -> dict[str, Leaf]:
    """The leaves of a pytree by their paths.

    Args:
      state: arrays, random keys and Python numbers in any containers.

    Returns:
      {"params/attention/w": array}, in tree order.

    Raises:
      ValueError: for a leaf of another kind, and a state without an array.
    """
    leaves: dict[str, Leaf] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        # A state that is one bare array has an empty path.
        name = jax.tree_util.keystr(path, simple=True, separator="/") or "state"
        if name in leaves:
            raise ValueError(f"two leaves of the state are called {name!r}")
        if not (_is_number(leaf) or _is_numeric(leaf)):
            raise ValueError(
                f"leaf {name!r} of the state is a {type(leaf).__name__}; a checkpoint "
                "takes arrays, random keys and numbers, the rest belongs into extra"
            )
        leaves[name] = leaf
    if not any(filled(leaf) for leaf in leaves.values()):
        raise ValueError("the state has no arrays to save")
    return leaves


# Parts of a state that had another name in the first version of attnlab.
RENAMED = {"optimizer": "optimiser", "estimator_state": "learner"}


def as_saved(
    leaves: Mapping[str, Leaf], saved: Mapping[str, object]
) -> dict[str, Leaf]:
    """Leaves by the names that a checkpoint has for them, in the same order.

    Args:
      leaves: by today's names.
      saved: the names in the checkpoint, as keys.

    Returns:
      The leaves; those of a part that was renamed have their old name if `saved` has.
    """
    renamed: dict[str, Leaf] = {}
    for name, leaf in leaves.items():
        part, slash, rest = name.partition("/")
        old = f"{RENAMED.get(part, part)}{slash}{rest}"
        renamed[old if name not in saved and old in saved else name] = leaf
    return renamed


def kind(leaf: Leaf) -> str:
    """What a leaf must be to be restored.

    Args:
      leaf: an array, its shape, or a number.

    Returns:
      Dtype and shape, "float32[3,4]"; "int" for a Python number.
    """
    if _is_number(leaf):
        return type(leaf).__name__
    return f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"


def _is_number(leaf: Leaf) -> bool:
    """Python's own; np.float64 is a float as well."""
    # np.float64 is a float, too, but has a dtype.
    return isinstance(leaf, bool | int | float) and not hasattr(leaf, "dtype")


def _is_numeric(leaf: Leaf) -> bool:
    """An array, or its shape, of numbers or random keys; not of strings or objects."""
    return hasattr(leaf, "dtype") and getattr(leaf.dtype, "kind", None) not in {*"OSU"}


def compare(folder: Path, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Refuse a checkpoint of another state.

    Args:
      folder: of the checkpoint, for the message.
      there: the kind of each leaf of the checkpoint, by name.
      here: the same of the template.

    Raises:
      ValueError: where they differ, with the first six differences.
    """
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


def filled(leaf: Leaf) -> bool:
    """Whether a leaf has numbers for Orbax to store.

    It refuses arrays of size 0; the manifest alone has those.

    Args:
      leaf: an array, its shape, or a number.

    Returns:
      False for an array of size 0.
    """
    return math.prod(np.shape(leaf)) > 0  # prod of () is 1: scalars are filled


def stored(leaf: Leaf) -> np.ndarray:
    """A leaf as NumPy: of several processes, Orbax lets none save a jax.Array alone.

    Args:
      leaf: an array, a random key or a number.

    Returns:
      The array that Orbax writes; of a random key the numbers that it is.
    """
    return np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)


def is_key(leaf: Leaf) -> bool:
    """Whether a leaf is a random key of JAX.

    Args:
      leaf: an array, its shape, or a number.

    Returns:
      True for a new-style typed key.
    """
    return _on_jax(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def bits(leaf: Leaf) -> np.ndarray:
    """Zeros like the numbers that a random key is.

    Args:
      leaf: the key, or its shape.

    Returns:
      What Orbax is asked for in its place.
    """
    # Only shapes are traced: a template may have no numbers at all.
    key = jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
    data = jax.eval_shape(jax.random.key_data, key)
    return np.zeros(data.shape, data.dtype)


def _on_jax(leaf: Leaf) -> bool:
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct)


def wanted(leaf: Leaf) -> np.ndarray | jax.ShapeDtypeStruct:
    """What Orbax is asked for to restore a leaf.

    The sharding has to be given: by default it is the one that was saved, which fails
    on a machine with other devices.

    Args:
      leaf: of the template.

    Returns:
      The shape and dtype, and for JAX's arrays the device.
    """
    if not _on_jax(leaf):
        return np.asarray(leaf)
    sharding = getattr(leaf, "sharding", None)
    if sharding is None:
        sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def placed(array: Leaf, leaf: Leaf) -> Leaf:
    """The restored array as the template's kind of leaf.

    Orbax commits arrays to a device. Where the template's are uncommitted so is the
    result, or the next step would compile anew and refuse batches spread over devices.

    Args:
      array: what Orbax gave.
      leaf: of the template.

    Returns:
      An array of JAX or NumPy, a random key or a Python number, as the template has.
    """
    if not _on_jax(leaf):
        # [()] takes the scalar out of an array of no dimensions, for a Python number.
        return array if isinstance(leaf, np.ndarray) else type(leaf)(array[()])
    if getattr(leaf, "sharding", None) is not None and getattr(leaf, "committed", True):
        return array
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        bits = jnp.array(np.asarray(jax.random.key_data(array)))
        return jax.random.wrap_key_data(bits, impl=jax.random.key_impl(array))
    # Through NumPy: an array made by jnp from host memory is not committed.
    return jnp.array(np.asarray(array))


def empty(leaf: Leaf) -> np.ndarray | jax.Array:
    """The array of size 0 in place of a leaf that was not stored.

    Args:
      leaf: of the template.

    Returns:
      An array of its shape and dtype, of JAX or NumPy as it is.
    """
    if _on_jax(leaf):
        return jnp.zeros(leaf.shape, leaf.dtype)
    return np.zeros(leaf.shape, leaf.dtype)
