"""The records of captioned pictures, and their batches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.text.batching import Batch, bucketed
from attnlab.text.subwords import Codec


class GoldPlace(NamedTuple):
    """Where word `word` of a caption has to look, in shares of the picture's sides."""

    word: int
    top: float
    left: float
    bottom: float
    right: float

    def holds(self, y: float, x: float) -> bool:
        """Is the point (y, x), in shares of the sides, in this place?"""
        return self.top <= y < self.bottom and self.left <= x < self.right


class Captioned(NamedTuple):
    """A picture, or its given features, and what is said of it.

    picture [H, W, 3 or 1] uint8 is what a figure shows and, without features, what the
    model sees; it may be None where there are features [rows, columns, C] float.
    `captions` are lists of words, at least one; `places` are those of the first.
    """

    name: str
    captions: tuple[tuple[str, ...], ...]
    picture: np.ndarray | None = None
    features: np.ndarray | None = None
    places: tuple[GoldPlace, ...] = ()

    @property
    def seen(self) -> np.ndarray:
        """What the model sees: features as they are, or the picture in [0, 1]."""
        if self.features is not None:
            return np.asarray(self.features, np.float32)
        assert self.picture is not None
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
        """Are there features, so that no encoder is needed?"""
        return bool(self.train) and self.train[0].features is not None

    @property
    def shape(self) -> tuple[int, int, int]:
        """That of what the model sees; the loaders make it the same for all."""
        item = self.train[0]
        seen = item.picture if item.features is None else item.features
        assert seen is not None
        height, width, depth = seen.shape
        return height, width, depth


class PictureBatches:
    """Training batches without end, `at(step)` as those of sentence pairs.

    An epoch shows each caption with its picture once: in order, shapes and plan a
    picture is a source of one unit, its number. In a batch, `source` are then the
    pictures [B, H, W, channels], and `source_lengths` 1, or 0 for a filler row.
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
        """The batch of training step `step`, counted from 0 over all epochs."""
        batch = self._numbers.at(step)
        return with_pictures(batch, self._items)


def with_pictures(batch: Batch, items: Sequence[Captioned]) -> Batch:
    """`batch`, whose sources are numbers of `items`, with their pictures instead."""
    there = batch.source_lengths > 0
    seen = [items[number].seen for number in batch.source[there, 0]]
    source = np.zeros((len(there), *items[0].seen.shape), np.float32)
    source[there] = np.stack(seen)
    return batch._replace(source=source, source_lengths=there.astype(np.int32))
