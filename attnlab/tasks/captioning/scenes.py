"""Scenes of handwritten digits with generated captions and exact gold places.

`digits.npz` holds the 1,797 images of scikit-learn's `load_digits`, 8 x 8 pixels of 0
to 16, and their labels. They are the test part of "Optical Recognition of Handwritten
Digits" by E. Alpaydin and C. Kaynak (1998), https://archive.ics.uci.edu/dataset/80 ,
CC BY 4.0; scikit-learn, which ships them, is under the 3-clause BSD license. Made by

    digits = sklearn.datasets.load_digits()
    images, labels = digits.images.astype("uint8"), digits.target.astype("uint8")
    numpy.savez_compressed("digits.npz", images=images, labels=labels)
"""

import random
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, validate_call

from attnlab.settings import Count, ExamplesOrNone
from attnlab.tasks.captioning.batches import Captioned, GoldPlace, Pictures

DIGITS = Path(__file__).parent / "digits.npz"
WORDS = "zero one two three four five six seven eight nine".split()
SIDE = 8  # pixels of a digit
SHARES = {"train": (0.0, 0.7), "dev": (0.7, 0.8), "test": (0.8, 1.0)}  # of the images


@validate_call
def scenes(
    *,
    train: ExamplesOrNone = 6_000,
    dev: ExamplesOrNone = 200,
    test: ExamplesOrNone = 500,
    grid: Count = 3,
    room: Annotated[int, Field(ge=SIDE)] = 8,
    most: Count = 3,
    seed: int = 0,
) -> Pictures:
    """Scenes of a few digits on a square of places, dark on white, with captions.

    A caption names the digits in reading order and how each lies to the next: "a seven
    above a three", "an eight left of a two", "a one above and right of a six left of a
    nine". A digit has 8 x 8 pixels, and its place is its word's `GoldPlace`. Digits of
    train, dev and test are different images, 70, 10 and 20 % of them. The same
    arguments give the same scenes.

    Args:
      train, dev, test: scenes of each split.
      grid: places a side.
      room: pixels a side of a place; beyond 8, a digit lies anywhere in it.
      most: digits of a scene, at most.
      seed: of the scenes.

    Returns:
      The scenes, [grid * room, grid * room, 1].

    Raises:
      ValueError: for an argument out of its range, and for more digits than places.
    """
    if most > grid * grid:
        raise ValueError(
            f"most is {most}; a grid of {grid} x {grid} holds 1 to {grid * grid} digits"
        )
    images, labels = _digits()
    # One split of the images whatever the seed: all seeds test on unseen digits.
    order = np.random.default_rng(0).permutation(len(images))

    def draw(split: str, count: int) -> list[Captioned]:
        first, last = (int(share * len(order)) for share in SHARES[split])
        digits = order[first:last].tolist()
        # A stream a split: more training scenes leave dev and test as they are.
        rng = random.Random(f"attnlab scenes {seed} {split}")
        return [
            _scene(f"{split}-{n}", digits, images, labels, grid, room, most, rng)
            for n in range(count)
        ]

    return Pictures(
        "scenes",
        draw("train", train),
        draw("dev", dev),
        draw("test", test),
        "Scenes of real handwritten digits (UCI, by way of scikit-learn); captions by "
        "a grammar, so every place is exact.",
    )


def caption(labels: list[int], cells: list[tuple[int, int]]) -> tuple[str, ...]:
    """The caption of a scene.

    Args:
      labels: the digits, in reading order.
      cells: row and column of each.

    Returns:
      The words.
    """
    words = _noun(labels[0])
    for label, before, cell in zip(labels[1:], cells, cells[1:], strict=False):
        words += [*_relation(before, cell), *_noun(label)]
    return tuple(words)


def _noun(label: int) -> list[str]:
    return ["an" if WORDS[label] == "eight" else "a", WORDS[label]]


def _relation(first: tuple[int, int], second: tuple[int, int]) -> list[str]:
    """How the first, earlier in reading order, lies to the second."""
    if first[0] == second[0]:
        return ["left", "of"]
    if first[1] == second[1]:
        return ["above"]
    side = "left" if first[1] < second[1] else "right"
    return ["above", "and", side, "of"]


def _scene(
    name: str,
    digits: list[int],
    images: np.ndarray,
    labels: np.ndarray,
    grid: int,
    room: int,
    most: int,
    rng: random.Random,
) -> Captioned:
    chosen = rng.sample(digits, rng.randint(1, most))
    # In reading order, in which the caption names them.
    places = sorted(rng.sample(range(grid * grid), len(chosen)))
    cells = [divmod(place, grid) for place in places]
    ink = np.zeros((grid * room, grid * room), np.float32)
    for number, (row, column) in zip(chosen, cells, strict=True):
        top = row * room + rng.randint(0, room - SIDE)
        left = column * room + rng.randint(0, room - SIDE)
        ink[top : top + SIDE, left : left + SIDE] = images[number] / 16
    words = caption([int(labels[number]) for number in chosen], cells)
    named = [t for t, word in enumerate(words) if word in WORDS]
    gold = tuple(
        GoldPlace(t, row / grid, column / grid, (row + 1) / grid, (column + 1) / grid)
        for t, (row, column) in zip(named, cells, strict=True)
    )
    # Dark on white, as a page; the last axis is the one color.
    picture = np.round(255 * (1 - ink)).astype(np.uint8)[..., None]
    return Captioned(name, (words,), picture, places=gold)


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Images [N, 8, 8] of 0 to 16, and labels [N]."""
    with np.load(DIGITS, allow_pickle=False) as file:
        return file["images"], file["labels"]
