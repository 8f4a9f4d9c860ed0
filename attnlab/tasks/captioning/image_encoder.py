"""A small convolutional image encoder: one annotation vector a cell of a grid."""

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
    ReLU, so that L = (H / 2^n)(W / 2^n) cells are left, in reading order. A learned
    vector of its place is added to each cell, and one more layer mixes the two: an
    annotation then says what is where, and their mean, which the decoder starts from,
    what is in the picture and where. (VGG's maps know places by their wide view and its
    padding; here a cell sees little beyond itself, so that what is read is what lies
    there.)

    Attributes:
      shape: of a picture, (H, W, colors).
      channels: widths of the convolutions; the last is C.
    """

    shape: tuple[int, int, int]
    channels: Sequence[int]

    def setup(self):
        rows, columns = grid_of(self.shape, len(self.channels))
        # He-normal, as what follows is a ReLU, which halves the variance.
        self.filters = [
            (
                self.param(f"filter{n}", he_normal(), (3, 3, before, after)),
                self.param(f"filter{n}_bias", zeros, (after,)),
            )
            for n, (before, after) in enumerate(
                pairwise((self.shape[-1], *self.channels))
            )
        ]
        # A cell sees some pixels around it and cannot know where it is, which captions
        # need that say "above".
        last = self.channels[-1]
        self.places = self.param("places", embedding_init, (rows * columns, last))
        self.mixing = self.param("mix", he_normal(), (last, last))
        self.mixing_bias = self.param("mix_bias", zeros, (last,))

    def __call__(self, pictures: jax.Array) -> jax.Array:
        """The annotations of pictures.

        Args:
          pictures: [B, H, W, colors], in [0, 1].

        Returns:
          [B, L, C].

        Raises:
          ValueError: for pictures of another shape than the model's.
        """
        if pictures.shape[1:] != tuple(self.shape):
            raise ValueError(
                f"pictures have shape {pictures.shape[1:]}, the model is for "
                f"{tuple(self.shape)}"
            )
        # Centred on zero; in the dtype of the parameters, which may be bfloat16.
        maps = (pictures - 0.5).astype(self.mixing.dtype)
        axes = ("NHWC", "HWIO", "NHWC")
        for kernel, bias in self.filters:
            maps = jax.lax.conv_general_dilated(
                maps, kernel, (1, 1), "SAME", dimension_numbers=axes
            )
            # The maximum before bias and ReLU, which commute with it: a quarter of
            # the work.
            maps = jax.nn.relu(_halved(maps) + bias[None, None, None])
        # [B, L, C]
        cells = maps.reshape(maps.shape[0], -1, maps.shape[-1]) + self.places[None]
        return jax.nn.relu(dense(cells, self.mixing, self.mixing_bias))


def grid_of(shape: Sequence[int], halvings: int) -> tuple[int, int]:
    """The grid of cells that a picture is encoded as.

    Args:
      shape: of the picture, (H, W, ...).
      halvings: how often its sides are halved; 0 for features, a cell each.

    Returns:
      Rows and columns.

    Raises:
      ValueError: where a side cannot be halved so often.
    """
    height, width = shape[:2]
    side = 2**halvings
    if height % side or width % side:
        raise ValueError(
            f"pictures of {height} x {width} pixels cannot be halved {halvings} times; "
            f"choose multiples of {side}, or other model.channels"
        )
    return height // side, width // side


def _halved(maps: jax.Array) -> jax.Array:
    """The maximum of every 2 x 2 pixels: [B, H, W, C] -> [B, H / 2, W / 2, C]."""
    batch, height, width, channels = maps.shape
    # Each block of 2 x 2 gets two axes of its own, which the maximum is taken over.
    pairs = maps.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return pairs.max(axis=(2, 4))
