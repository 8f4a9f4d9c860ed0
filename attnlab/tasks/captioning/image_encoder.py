"""Pictures as annotations: one vector a cell of a grid."""

from collections.abc import Sequence
from itertools import pairwise

import flax.linen as nn
import jax
from jax.nn.initializers import he_normal, zeros

from attnlab.nn.cells import dense
from attnlab.nn.embedding import embedding_init


class ImageGrid(nn.Module):
    """A small convolutional network: pictures [B, H, W, 3 or 1] -> [B, L, C].

    Each of `channels` is a 3 x 3 convolution, a halving by the maximum of 2 x 2 and a
    ReLU, so that L = (H / 2^n)(W / 2^n) cells are left, in reading order. Each cell is
    told its place, a vector that is learned, and one more layer mixes the two: an
    annotation then says what is where, and their mean, which the decoder starts from,
    what is in the picture and where. (VGG's maps know places by their wide view and its
    padding; here a cell sees little beyond itself, so that what is read is what lies
    there.)
    """

    shape: tuple[int, int, int]
    channels: Sequence[int]

    def setup(self):
        rows, columns = grid_of(self.shape, len(self.channels))
        self.filters = [
            (
                self.param(f"filter{n}", he_normal(), (3, 3, before, after)),
                self.param(f"filter{n}_bias", zeros, (after,)),
            )
            for n, (before, after) in enumerate(
                pairwise((self.shape[-1], *self.channels))
            )
        ]
        last = self.channels[-1]
        self.places = self.param("places", embedding_init, (rows * columns, last))
        self.mixing = self.param("mix", he_normal(), (last, last))
        self.mixing_bias = self.param("mix_bias", zeros, (last,))

    def __call__(self, pictures: jax.Array) -> jax.Array:
        """Annotations [B, L, C] of pictures [B, H, W, colors], values in [0, 1]."""
        if pictures.shape[1:] != tuple(self.shape):
            raise ValueError(
                f"pictures have shape {pictures.shape[1:]}, the model is for "
                f"{tuple(self.shape)}"
            )
        seen = (pictures - 0.5).astype(self.mixing.dtype)
        axes = ("NHWC", "HWIO", "NHWC")
        for kernel, bias in self.filters:
            seen = jax.lax.conv_general_dilated(
                seen, kernel, (1, 1), "SAME", dimension_numbers=axes
            )
            seen = jax.nn.relu(_halved(seen) + bias[None, None, None])
        cells = seen.reshape(seen.shape[0], -1, seen.shape[-1]) + self.places[None]
        return jax.nn.relu(dense(cells, self.mixing, self.mixing_bias))


def grid_of(shape: Sequence[int], halvings: int) -> tuple[int, int]:
    """Rows and columns of the grid; a ValueError where a picture has no such half."""
    height, width = shape[:2]
    side = 2**halvings
    if height % side or width % side:
        raise ValueError(
            f"pictures of {height} x {width} pixels cannot be halved {halvings} times; "
            f"choose multiples of {side}, or other model.channels"
        )
    return height // side, width // side


def _halved(seen: jax.Array) -> jax.Array:
    """The maximum of every 2 x 2 pixels: [B, H, W, C] -> [B, H / 2, W / 2, C]."""
    batch, height, width, channels = seen.shape
    pairs = seen.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return pairs.max(axis=(2, 4))
