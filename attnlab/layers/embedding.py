"""Word embeddings and dropout."""

import jax
import jax.numpy as jnp


def embedding_init(rng, shape: tuple[int, int]) -> jax.Array:
    """Normal with deviation 1 / sqrt(E), [V, E]: embedded words have unit length."""
    return jax.random.normal(rng, shape) * shape[1] ** -0.5


def dropout(rng, array: jax.Array, rate: float) -> jax.Array:
    """`array` with a share `rate` of its entries zeroed, the others over 1 - rate."""
    if rate == 0.0:
        return array
    kept = jax.random.bernoulli(rng, 1.0 - rate, array.shape)
    return jnp.where(kept, array / (1.0 - rate), 0.0)
