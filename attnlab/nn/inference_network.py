"""The inference network of variational attention: q(position | source and target)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform

from attnlab.attention.normalizers import softmax
from attnlab.nn.cells import Cell, dense
from attnlab.nn.encoder import Encoder
from attnlab.precision import wide


class Inference(nn.Module):
    """Deng et al. 2018, section 4: q(a_t | x, y), for training only.

    A bidirectional encoder of the target, y_t included, and a bilinear score of its
    states with the source's values. Padding among the target changes nothing.

    inputs: E. hidden: H, a direction. values: C.
    """

    cell: Cell
    inputs: int
    hidden: int
    values: int

    def setup(self):
        self.encode = Encoder(self.cell, self.inputs, self.hidden, name="target")
        size = (self.values, 2 * self.hidden)
        self.bilinear = self.param("bilinear", glorot_uniform(), size)

    def __call__(
        self,
        embedded: jax.Array,
        mask: jax.Array,
        values: jax.Array,
        weights: jax.Array,
        positions: jax.Array,
    ) -> jax.Array:
        """The distribution over positions of each target word.

        Args:
          embedded: target words [B, T, E]; not the decoder's inputs, which are those
            before.
          mask: [B, T], True at real target words.
          values: annotations of the source [B, S, C].
          weights: of the attention [B, T, W]; where they are zero, q is.
          positions: [B, T, W], which source positions those are of.

        Returns:
          q [B, T, W].
        """
        states = self.encode(embedded, mask).values
        scores = jnp.einsum("btk,bsk->bts", states, dense(values, self.bilinear))
        # Positions of a window may lie outside the sentence; they have no weight, so
        # what is gathered in their stead does not matter.
        slots = jnp.clip(positions, 0, values.shape[1] - 1)
        scores = jnp.take_along_axis(scores, slots, axis=-1)
        return jax.vmap(jax.vmap(softmax))(wide(scores), weights > 0)
