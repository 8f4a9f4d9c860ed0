"""Word embeddings and dropout."""

import jax
import jax.numpy as jnp

from attnlab.precision import wide


def embedding_init(rng: jax.Array, shape: tuple[int, int]) -> jax.Array:
    """A table of embeddings to start from, normal with deviation 1 / sqrt(E).

    Embedded words then have a length of about one, whatever E is.

    Args:
      rng: a random key.
      shape: (V, E).

    Returns:
      The table [V, E].
    """
    return jax.random.normal(rng, shape) * shape[1] ** -0.5


def embed(table: jax.Array, tokens: jax.Array) -> jax.Array:
    """Look up tokens in a table.

    Args:
      table: [V, E].
      tokens: [...], in [0, V).

    Returns:
      Their rows [..., E], in the table's precision.
    """
    table = jnp.asarray(table)
    # Looked up wide: the gradient adds up the many places of a frequent word, and in
    # bfloat16 the last of them would be rounded away.
    return jnp.take(wide(table), tokens, axis=0).astype(table.dtype)


def dropout(rng: jax.Array, array: jax.Array, rate: float) -> jax.Array:
    """Zero a random share of the entries, and divide the others by what is left.

    Args:
      rng: a random key.
      array: of any shape.
      rate: the share, in [0, 1).

    Returns:
      An array of that shape, whose expected value is `array`.
    """
    if rate == 0.0:
        return array
    mask = jax.random.bernoulli(rng, 1.0 - rate, array.shape)
    return jnp.where(mask, array / (1.0 - rate), 0.0)
