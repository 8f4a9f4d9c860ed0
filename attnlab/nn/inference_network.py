"""An inference network: where was read, told by who knows the target."""

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

    A bidirectional encoder of the target, words y_t among it, and a bilinear score of
    its states with the source's values. Padding among the target changes nothing.
    """

    cell: Cell
    inputs: int
    hidden: int
    values: int

    def setup(self):
        self.encode = Encoder(self.cell, self.inputs, self.hidden, name="target")
        size = (self.values, 2 * self.hidden)
        self.bilinear = self.param("bilinear", glorot_uniform(), size)

    def __call__(self, embedded, mask, values, weights, positions) -> jax.Array:
        """q [B, T, W] where weights [B, T, W] at `positions` are not zero.

        embedded [B, T, E] target words (not the decoder's inputs), mask [B, T], values
        [B, S, C].
        """
        states = self.encode(embedded, mask).values
        scores = jnp.einsum("btk,bsk->bts", states, dense(values, self.bilinear))
        slots = jnp.clip(positions, 0, values.shape[1] - 1)
        scores = jnp.take_along_axis(scores, slots, axis=-1)
        return jax.vmap(jax.vmap(softmax))(wide(scores), weights > 0)
