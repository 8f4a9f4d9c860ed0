"""Pictures as annotations: one vector a cell of a grid."""

from collections.abc import Sequence
from itertools import pairwise

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import he_normal, zeros

from attnlab.layers.embedding import embedding_init


class Grid(nn.Module):
    """A small convolutional network: pictures [B, H, W, 3 or 1] -> [B, L, C].

    Each of `channels` is a 3 x 3 convolution and a ReLU, and each but the last halves
    the picture by the maximum of 2 x 2 pixels; so L = (H / 2^n)(W / 2^n) cells are
    left, in reading order. Before the last, each cell is told its place, a vector that
    is learned: an annotation then says what is where, and their mean, which the decoder
    starts from, what is in the picture and where. (VGG's maps know places by their wide
    view and its padding.)
    """

    shape: tuple[int, int, int]
    channels: Sequence[int]

    def setup(self):
        rows, columns = grid_of(self.shape, len(self.channels) - 1)
        widths = (self.shape[-1], *self.channels)
        self.filters = [
            (
                self.param(f"filter{n}", he_normal(), (3, 3, before, after)),
                self.param(f"filter{n}_bias", zeros, (after,)),
            )
            for n, (before, after) in enumerate(pairwise(widths))
        ]
        size = (rows * columns, widths[-2])
        self.places = self.param("places", embedding_init, size)

    def __call__(self, pictures: jax.Array) -> jax.Array:
        """Annotations [B, L, C] of pictures [B, H, W, colours]."""
        if pictures.shape[1:] != tuple(self.shape):
            raise ValueError(
                f"pictures have shape {pictures.shape[1:]}, the model is for "
                f"{tuple(self.shape)}"
            )
        seen = standardised(pictures).astype(self.places.dtype)
        for kernel, bias in self.filters[:-1]:
            seen = jax.nn.relu(
                _halved(_convolved(seen, kernel)) + bias[None, None, None]
            )
        seen = seen + self.places.reshape(1, *seen.shape[1:])
        kernel, bias = self.filters[-1]
        seen = jax.nn.relu(_convolved(seen, kernel) + bias[None, None, None])
        return seen.reshape(seen.shape[0], -1, seen.shape[-1])


def standardised(pictures: jax.Array) -> jax.Array:
    """Each picture [B, H, W, colours] with mean 0 and deviation 1 over all its values.

    One of a single colour is zeros: the deviation counts as 1 / sqrt(H W colours) at
    least.
    """
    axes = (1, 2, 3)
    centred = pictures - pictures.mean(axis=axes, keepdims=True)
    deviation = jnp.sqrt(jnp.square(centred).mean(axis=axes, keepdims=True))
    return centred / jnp.maximum(deviation, pictures[0].size ** -0.5)


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


def _convolved(seen: jax.Array, kernel: jax.Array) -> jax.Array:
    """A 3 x 3 correlation with zeros outside: [B, H, W, C] -> [B, H, W, D]."""
    axes = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        seen, kernel, (1, 1), "SAME", dimension_numbers=axes
    )
