"""Words at every position at once, where a readout is a sum of two parts.

With g_s of the position and r_t of the state, logits are (g_s + r_t) K + b, and

    Z_ts = sum_v exp(g_s K_v) exp(r_t K_v + b_v)

is one matrix product over the vocabulary. Without r_t it does not depend on t at all.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp

from attnlab.nn.embedding import embed
from attnlab.precision import wide, wide_product

PAIRS = 8  # at once: [PAIRS, N, V] is the largest array


def position_log_probs(
    read: jax.Array,
    heard: jax.Array | None,
    kernel: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
) -> jax.Array:
    """log p(y_t | position s is read), of all t and s.

    Args:
      read: g [B, N, R], of what may be read.
      heard: r [B, T, R], of the states; None: they say nothing.
      kernel: K [R, V].
      bias: b [V].
      targets: y [B, T] int.

    Returns:
      Nats [B, T, N]; the gradient computes the logits anew.
    """
    pairs = math.gcd(len(targets), PAIRS)

    def blocks(array):
        return array.reshape(len(array) // pairs, pairs, *array.shape[1:])

    given = jax.tree.map(blocks, (read, heard, targets))
    words = kernel.T
    block = jax.checkpoint(partial(_block, kernel, words, bias))
    logs = jax.lax.map(lambda at: block(*at), given)
    return logs.reshape(*targets.shape, read.shape[1])


def _block(kernel, words, bias, read, heard, targets):
    """Those of a few pairs [P, T, N]."""
    said = _product(read, kernel)  # [P, N, V]
    wanted = embed(words, targets)  # [P, T, R]
    chosen = jnp.einsum("pnr,ptr->ptn", wide(read), wide(wanted))
    chosen = chosen + wide(bias)[targets][..., None]
    own = wide(bias)[None, None]
    if heard is None:
        norms = jax.nn.logsumexp(said + own, axis=-1)[:, None]  # [P, 1, N]
        return chosen - norms
    own = own + _product(heard, kernel)  # [P, T, V]
    chosen = chosen + (wide(heard) * wide(wanted)).sum(axis=-1, keepdims=True)
    top_said = jax.lax.stop_gradient(said.max(axis=-1, keepdims=True))
    top_own = jax.lax.stop_gradient(own.max(axis=-1, keepdims=True))
    sums = jnp.einsum("ptv,pnv->ptn", jnp.exp(own - top_own), jnp.exp(said - top_said))
    tops = top_own + jnp.swapaxes(top_said, 1, 2)
    tiny = jnp.finfo(sums.dtype).tiny
    norms = jnp.log(jnp.maximum(sums, tiny)) + tops
    # Where the parts want words so different that no product is above zero, the target
    # itself is all that is known of the sum.
    return chosen - jnp.maximum(norms, chosen)


def _product(array, kernel):
    flat = wide_product(array.reshape(-1, array.shape[-1]), kernel)
    return flat.reshape(*array.shape[:-1], kernel.shape[-1])
