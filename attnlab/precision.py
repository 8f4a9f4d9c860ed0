"""Mixed precision: which numbers may be bfloat16, and which are float32 regardless.

Parameters, their gradients, what the optimizer holds and every logged sum are float32.
With "bfloat16" a loss casts its parameters once and the activations follow them, so
that all matrix products read bfloat16. Normalizers, weights, centres of windows, logits
and likelihoods are `wide`: 8 bits are too few for sums, places and logarithms.
"""

from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

Tree = TypeVar("Tree")

COMPUTE = ("float32", "bfloat16")


def cast(params: Tree, compute: str) -> Tree:
    """Parameters as the model computes with them; gradients come back as they were.

    Args:
      params: a pytree of arrays.
      compute: a name in COMPUTE; "float32" leaves them as they are, float64 among them.

    Returns:
      The pytree in that type.
    """
    if compute == "float32":
        return params
    return jax.tree.map(lambda leaf: leaf.astype(compute), params)


def wide_type(dtype: DTypeLike) -> jnp.dtype:
    """`dtype`, but at least float32.

    Args:
      dtype: of an array.

    Returns:
      float32 for bfloat16; float64 stays.
    """
    return jnp.promote_types(dtype, jnp.float32)


def wide(array: jax.Array) -> jax.Array:
    """`array` in float32, unless it is that wide already.

    Args:
      array: [...].

    Returns:
      The same numbers [...].
    """
    return array.astype(wide_type(array.dtype))


def wide_product(left: jax.Array, right: jax.Array) -> jax.Array:
    """left @ right, summed and returned `wide` from factors as they are.

    Args:
      left: [..., N, K].
      right: [K, M].

    Returns:
      The product [..., N, M].
    """
    dtype = wide_type(jnp.result_type(left, right))
    return jnp.matmul(left, right, preferred_element_type=dtype)


def check_32_bits() -> None:
    """Refuse a process in which JAX makes numbers of 64 bits: models are of 32.

    Raises:
      ValueError: where JAX_ENABLE_X64 is on.
    """
    if jax.config.read("jax_enable_x64"):
        raise ValueError(
            "JAX_ENABLE_X64 is on, and models are of 32 bits; unset it, or call "
            "jax.config.update('jax_enable_x64', False)"
        )
