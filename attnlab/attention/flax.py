"""Any attention as a batched linen module, for a model of one's own.

    attend = attnlab.attention(score="general", window="local-p", half_width=10)
    layer = attnlab.flax.Attention(attend, hidden=256)
    variables = layer.init(rng, query, values, lengths)
    output = layer.apply(variables, query, values, lengths)
    output.context, output.weights, output.alignment  # [B, T, C], [B, T, W], [B, T, S]

Inside a decoder whose next query depends on what was read, drive it step by step:

    memory = layer.apply(variables, values, lengths, method="prepare")
    carry = layer.apply(variables, memory, method="start")
    for step in range(T):
        output = layer.apply(variables, query, memory, step, carry, method="step")
        carry = output.carry
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from attnlab.attention import base
from attnlab.attention.alignment import dense
from attnlab.attention.base import AttentionOutput, Dims, Memory, SampleSpec
from attnlab.masking import length_mask


class AttentionLayer(nn.Module):
    """A batch of queries attends to a batch of padded sentences.

    Attributes:
      attention: the record of functions, from `attnlab.attention(...)`. Make it once:
        a new record is a new program to compile.
      hidden: width of what a score or window computes inside (additive, concat,
        local-p); scores without a hidden layer do not use it.

    A read that samples (`hard`, `straight-through`) draws with the rng "sample", as in
    `apply(..., rngs={"sample": key})`; without one every read takes the expected value.
    """

    attention: base.Attention
    hidden: int = 128

    def __repr__(self) -> str:
        return f"attnlab.flax.Attention({self.attention}, hidden={self.hidden})"

    @nn.compact
    def __call__(
        self, query: jax.Array, values: jax.Array, lengths: jax.Array
    ) -> AttentionOutput:
        """What every query reads, all steps in one call.

        Args:
          query: [B, T, Q], T queries for each sentence.
          values: [B, S, C], what is read; anything beyond the length is ignored.
          lengths: [B] int, real values of each sentence, in [0, S].

        Returns:
          An AttentionOutput whose arrays have the axes [B, T] in front: context
          [B, T, C], weights, reads and positions [B, T, W], alignment [B, T, S]; carry
          [B, ...] is that after the last step.

        Raises:
          ValueError: for shapes that do not fit each other.
        """
        check_shapes(query, values, lengths)
        dims = Dims(query.shape[-1], values.shape[-1], self.hidden)
        self.param("attention", self.attention.init, dims)
        memory = self.prepare(values, lengths)
        steps, batch = query.shape[1], query.shape[0]
        queries = jnp.moveaxis(query, 1, 0)  # [T, B, Q]: steps lead in scan and vmap
        numbers = jnp.arange(steps, dtype=jnp.int32)
        rngs = self._rngs((steps, batch))

        def attend(carry, at):
            query, number, rng = at
            output = self._attend(memory, query, number, carry, rng)
            return output.carry, output._replace(carry=())

        first, inputs = self.start(memory), (queries, numbers, rngs)
        if self.attention.batch_steps(values.shape[1]):
            carry = first
            outputs = jax.vmap(lambda at: attend(first, at)[1])(inputs)
        else:  # a step needs the weights of the last, or all would hold too much
            carry, outputs = jax.lax.scan(attend, first, inputs)
        outputs = jax.tree.map(lambda part: jnp.moveaxis(part, 0, 1), outputs)
        return outputs._replace(carry=carry)

    def prepare(self, values: jax.Array, lengths: jax.Array) -> Memory:
        """The sentences as the attention sees them: keys are made here, once.

        Args:
          values: [B, S, C].
          lengths: [B] int, in [0, S].

        Returns:
          A Memory whose arrays have the axis B in front.
        """
        mask = length_mask(lengths, values.shape[1])
        return jax.vmap(self.attention.prepare, (None, 0, 0, 0))(
            self._params(), values, mask, jnp.asarray(lengths)
        )

    def start(self, memory: Memory):
        """What the first step is given as `carry`.

        Args:
          memory: from `prepare`.

        Returns:
          Arrays [B, ...]; () for an attention whose steps do not depend on each other.
        """
        return jax.vmap(self.attention.start)(memory)

    def step(
        self, query: jax.Array, memory: Memory, step: int | jax.Array, carry
    ) -> AttentionOutput:
        """What one query of each sentence reads.

        Args:
          query: [B, Q].
          memory: from `prepare`.
          step: number of the step, from 0; local-m looks around it.
          carry: from `start`, or from the output of the step before.

        Returns:
          An AttentionOutput whose arrays have the axis B in front.
        """
        rng = self._rngs((query.shape[0],))
        return self._attend(memory, query, jnp.asarray(step), carry, rng)

    def _attend(self, memory: Memory, query, number, carry, rng) -> AttentionOutput:
        params = self._params()

        def one(query, memory, carry, rng):
            draw = None if rng is None else SampleSpec(rng)
            output = self.attention.apply(
                params, query, memory, step=number, carry=carry, draw=draw
            )
            size = memory.mask.shape[0]
            alignment = dense(output.weights, output.positions, size)
            return output._replace(alignment=alignment)

        return jax.vmap(one)(query, memory, carry, rng)

    def _params(self):
        params = self.get_variable("params", "attention")
        if params is None:
            raise ValueError(
                "the module has no parameters yet: call init(rng, query, values, "
                "lengths), whose shapes they need"
            )
        return params

    def _rngs(self, shape: tuple[int, ...]):
        if not self.has_rng("sample"):
            return None
        return jax.random.split(self.make_rng("sample"), shape)


Attention = AttentionLayer  # the record of functions has the name in `base`


def check_shapes(query: jax.Array, values: jax.Array, lengths: jax.Array) -> None:
    """Checks a batch before it is attended to.

    Args:
      query: has to be [B, T, Q].
      values: has to be [B, S, C].
      lengths: has to be [B].

    Raises:
      ValueError: names the three shapes where they do not fit.
    """
    shapes = jnp.shape(query), jnp.shape(values), jnp.shape(lengths)
    axes = tuple(map(len, shapes))
    if axes != (3, 3, 1) or len({shape[0] for shape in shapes}) != 1:
        raise ValueError(
            f"query has shape {shapes[0]}, values have {shapes[1]} and lengths "
            f"{shapes[2]}; they have to be [B, T, Q], [B, S, C] and [B]"
        )
