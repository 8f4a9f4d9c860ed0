"""Word embeddings and dropout."""

import jax
import jax.numpy as jnp

from attnlab.precision import wide


def embedding_init(rng, shape: tuple[int, int]) -> jax.Array:
    """Normal with deviation 1 / sqrt(E), [V, E]: embedded words have unit length."""
    return jax.random.normal(rng, shape) * shape[1] ** -0.5


def embed(table: jax.Array, tokens: jax.Array) -> jax.Array:
    """Rows [..., E] of the table [V, E] for tokens [...].

    The gradient adds up the many places of a frequent word, in float32.
    """
    table = jnp.asarray(table)
    return jnp.take(wide(table), tokens, axis=0).astype(table.dtype)


def dropout(rng, array: jax.Array, rate: float) -> jax.Array:
    """`array` with a share `rate` of its entries zeroed, the others over 1 - rate."""
    if rate == 0.0:
        return array
    kept = jax.random.bernoulli(rng, 1.0 - rate, array.shape)
    return jnp.where(kept, array / (1.0 - rate), 0.0)
