"""Reads: what is taken from the values, given the weights."""

import jax
import jax.numpy as jnp


def soft(
    weights: jax.Array, values: jax.Array, rng: jax.Array | None
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The expected value, sum of weights [W] times values [W, C]."""
    del rng
    return jnp.einsum("w,wc->c", weights, values), {}
