"""Several heads: one attention in as many projections of queries and values.

Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762), section 3.2.2, around any
attention of one head:

    head_h = attention(W^Q_h q, keys W^K_h v, values W^V_h v),
    context = W^O [head_1; ...; head_H]
"""

from typing import cast

import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform

from attnlab.attention.base import (
    Attention,
    AttentionOutput,
    Dims,
    Memory,
    Params,
)
from attnlab.attention.compose import check_memory
from attnlab.masking import zero_padding


def multi_head(attention: Attention, heads: int) -> Attention:
    """An attention of several heads, each as wide as its share of the values.

    A step's weights are those of all heads side by side, [H * W], each over H, with
    their positions: put onto the sentence they are the mean over heads, and
    `heads_of` takes them apart. The context is as wide as the values.

    Args:
      attention: of one head; every head has parameters of its own. Its read has to be
        one that takes a mixture of values (soft, top-k).
      heads: H, from 1.

    Returns:
      The Attention.

    Raises:
      ValueError: for no heads; when parameters are made, for values that are narrower.
    """
    if heads < 1:
        raise ValueError(f"heads is {heads}; it must be positive")

    def init(rng: jax.Array, dims: Dims) -> Params:
        width = dims.value // heads
        if not width:
            raise ValueError(f"{heads} heads do not fit into values of {dims.value}")
        rngs = jax.random.split(rng, 5)
        draw = glorot_uniform(batch_axis=0)
        inner = Dims(width, width, dims.hidden)
        return {
            "queries": draw(rngs[0], (heads, dims.query, width)),
            "keys": draw(rngs[1], (heads, dims.value, width)),
            "values": draw(rngs[2], (heads, dims.value, width)),
            "output": glorot_uniform()(rngs[3], (heads * width, dims.value)),
            "heads": jax.vmap(lambda rng: attention.init(rng, inner))(
                jax.random.split(rngs[4], heads)
            ),
        }

    def prepare(params, values, mask, length) -> Memory:
        check_memory(values, mask, length)
        values = zero_padding(values, mask)

        def of_head(inner, to_keys, to_values) -> Memory:
            looked_at = attention.prepare(inner, values @ to_keys, mask, length)
            return looked_at._replace(values=values @ to_values)

        each = jax.vmap(of_head)(params["heads"], params["keys"], params["values"])
        # What heads look at stands where one attention has its keys.
        return Memory(values, cast(jax.Array, each), mask, jnp.asarray(length))

    def start(memory: Memory):
        return jax.vmap(attention.start)(cast(Memory, memory.keys))

    def apply(
        params, query, memory: Memory, *, step, carry, draw=None
    ) -> AttentionOutput:
        def of_head(inner, to_query, memory, carry) -> AttentionOutput:
            return attention.apply(
                inner, query @ to_query, memory, step=step, carry=carry, draw=draw
            )

        each = jax.vmap(of_head)(params["heads"], params["queries"], memory.keys, carry)
        return AttentionOutput(
            context=each.context.reshape(-1) @ params["output"],
            weights=each.weights.reshape(-1) / heads,
            reads=each.reads.reshape(-1) / heads,
            positions=each.positions.reshape(-1),
            carry=each.carry,
            aux=jax.tree.map(lambda leaf: leaf.mean(axis=0), each.aux),
        )

    name = f"{heads} heads of {attention.name}"
    return Attention(init, prepare, start, apply, attention.batch_steps, name)


def heads_of(weights: jax.Array, heads: int) -> jax.Array:
    """The weights of every head.

    Args:
      weights: [..., H * W], as a step of `multi_head` has them; positions likewise.
      heads: H.

    Returns:
      [..., H, W]; weights times H are those that each head has by itself.
    """
    return weights.reshape(*weights.shape[:-1], heads, -1)
