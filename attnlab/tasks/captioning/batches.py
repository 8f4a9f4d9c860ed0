"""Captioned pictures as records, and as padded batches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.text.batching import Batch, bucketed
from attnlab.text.subwords import Codec


class GoldPlace(NamedTuple):
    """The rectangle that a word of a caption has to look at.

    word: its number in the caption. top, left, bottom, right: shares of the picture's
    sides, in [0, 1].
    """

    word: int
    top: float
    left: float
    bottom: float
    right: float

    def holds(self, y: float, x: float) -> bool:
        """Whether a point lies inside.

        Args:
          y: its distance from the top, a share of the picture's height.
          x: its distance from the left, a share of the picture's width.

        Returns:
          True inside, and on the upper and left edges.
        """
        return self.top <= y < self.bottom and self.left <= x < self.right


class Captioned(NamedTuple):
    """A picture, or its given features, and its captions.

    picture: [H, W, 3 or 1] uint8, what a figure shows and, without features, what the
      model sees; None where there is none, which takes features.
    features: [rows, columns, C] float, or None.
    captions: at least one, each a tuple of words.
    places: of words of the first caption, where they are known.
    """

    name: str
    captions: tuple[tuple[str, ...], ...]
    picture: np.ndarray | None = None
    features: np.ndarray | None = None
    places: tuple[GoldPlace, ...] = ()

    @property
    def seen(self) -> np.ndarray:
        """What the model sees, float32: features as they are, or the picture in [0, 1].

        [rows, columns, C] or [H, W, colors].
        """
        if self.features is not None:
            return np.asarray(self.features, np.float32)
        assert self.picture is not None
        # Only when it is asked for: floats take four times the memory of bytes.
        return self.picture.astype(np.float32) / 255


class Pictures(NamedTuple):
    """Captioned pictures in three splits; `about` says what they are."""

    name: str
    train: list[Captioned]
    dev: list[Captioned]
    test: list[Captioned]
    about: str

    @property
    def given(self) -> bool:
        """Whether there are features, so that no encoder is needed."""
        return bool(self.train) and self.train[0].features is not None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of what the model sees; the loaders make it the same for all pictures."""
        item = self.train[0]
        array = item.picture if item.features is None else item.features
        assert array is not None
        height, width, depth = array.shape
        return height, width, depth


class PictureBatches:
    """Training batches without end: `at(step)`, of which `len` make an epoch.

    An epoch shows each caption with its picture once. The plan is that of sentence
    pairs (`attnlab.text.batching.bucketed`) whose source has one unit, the number of
    the picture. In a batch, `source` holds the pictures [B, H, W, channels] instead,
    and `source_lengths` is 1, or 0 for a filler row.

    Attributes:
      pairs: training captions.
      dropped: how many of them are longer than `longest`.
      longest: in words and the end mark.
    """

    def __init__(
        self,
        items: Sequence[Captioned],
        codec: Codec,
        *,
        batch_size: int,
        shapes: int,
        longest: int,
        seed: int,
    ):
        self._items = items
        # A source of one unit, so that all of `bucketed` (order, shapes, left-overs) is
        # shared with translation, and no picture is copied before its batch is due.
        pairs = [
            ((number,), codec.encode(caption).ids)
            for number, item in enumerate(items)
            for caption in item.captions
        ]
        self._numbers = bucketed(
            pairs, batch_size=batch_size, shapes=shapes, longest=longest, seed=seed
        )
        self.pairs, self.dropped = self._numbers.pairs, self._numbers.dropped
        self.longest = longest

    def __len__(self) -> int:
        return len(self._numbers)

    def at(self, step: int) -> Batch:
        """The batch of a training step.

        Args:
          step: counted from 0 over all epochs.

        Returns:
          Pictures and their captions.
        """
        return with_pictures(self._numbers.at(step), self._items)


def with_pictures(batch: Batch, items: Sequence[Captioned]) -> Batch:
    """A batch whose sources are numbers of pictures, with the pictures instead.

    Args:
      batch: source [B, 1], the numbers.
      items: the pictures that are numbered.

    Returns:
      The batch with source [B, H, W, channels], zero in filler rows, and source_lengths
      of 1, or 0 for a filler row.
    """
    real = batch.source_lengths > 0
    arrays = [items[number].seen for number in batch.source[real, 0]]
    # Fillers are zero pictures; their length of 0 keeps them out of every sum.
    source = np.zeros((len(real), *items[0].seen.shape), np.float32)
    source[real] = np.stack(arrays)
    # One place of the source a picture: how many cells it has the model knows.
    return batch._replace(source=source, source_lengths=real.astype(np.int32))
