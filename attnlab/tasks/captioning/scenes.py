"""Scenes of handwritten digits with captions, made to order: the gold is known.

`digits.npz` holds the 1,797 images of scikit-learn's `load_digits`, 8 x 8 pixels of 0
to 16, and their labels. They are the test part of "Optical Recognition of Handwritten
Digits" by E. Alpaydin and C. Kaynak (1998), https://archive.ics.uci.edu/dataset/80 ,
CC BY 4.0; scikit-learn, which ships them, is under the 3-clause BSD licence. Made by

    digits = sklearn.datasets.load_digits()
    images, labels = digits.images.astype("uint8"), digits.target.astype("uint8")
    numpy.savez_compressed("digits.npz", images=images, labels=labels)
"""

import random
from functools import cache
from pathlib import Path

import numpy as np

from attnlab.tasks.captioning.batches import Captioned, GoldPlace, Pictures

DIGITS = Path(__file__).parent / "digits.npz"
WORDS = "zero one two three four five six seven eight nine".split()
SIDE = 8  # pixels of a digit
SHARES = {"train": (0.0, 0.7), "dev": (0.7, 0.8), "test": (0.8, 1.0)}  # of the images


def scenes(
    *,
    train: int = 6_000,
    dev: int = 200,
    test: int = 500,
    grid: int = 3,
    room: int = 8,
    most: int = 3,
    seed: int = 0,
) -> Pictures:
    """Scenes of 1 to `most` digits on a `grid` x `grid` of places, dark on white.

    A caption names the digits in reading order and how each lies to the next: "a seven
    above a three", "an eight left of a two", "a one above and right of a six left of a
    nine". A digit of 8 x 8 pixels lies anywhere inside its place of `room` x `room`,
    which is its word's `GoldPlace`. Digits of train, dev and test are different images, 70,
    10 and 20 % of them. The same arguments give the same scenes.
    """
    for name, count in {"train": train, "dev": dev, "test": test}.items():
        if count < 0:
            raise ValueError(f"{name} is {count}; it must not be negative")
    if grid < 1:
        raise ValueError(f"grid is {grid}; it must be positive")
    if room < SIDE:
        raise ValueError(f"room is {room}; a digit needs {SIDE} pixels a side")
    if not 1 <= most <= grid * grid:
        raise ValueError(
            f"most is {most}; a grid of {grid} x {grid} holds 1 to {grid * grid} digits"
        )
    images, labels = _digits()
    order = np.random.default_rng(0).permutation(len(images))  # whatever the seed

    def draw(split: str, count: int) -> list[Captioned]:
        first, last = (int(share * len(order)) for share in SHARES[split])
        own = order[first:last].tolist()
        rng = random.Random(f"attnlab scenes {seed} {split}")
        return [
            _scene(f"{split}-{n}", own, images, labels, grid, room, most, rng)
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
    """The words on digits at `cells` (row, column), both in reading order."""
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
    name, own, images, labels, grid, room, most, rng: random.Random
) -> Captioned:
    chosen = rng.sample(own, rng.randint(1, most))
    places = sorted(rng.sample(range(grid * grid), len(chosen)))
    cells = [divmod(place, grid) for place in places]
    ink = np.zeros((grid * room, grid * room), np.float32)
    for number, (row, column) in zip(chosen, cells, strict=True):
        top = row * room + rng.randint(0, room - SIDE)
        left = column * room + rng.randint(0, room - SIDE)
        ink[top : top + SIDE, left : left + SIDE] = images[number] / 16
    words = caption([int(labels[number]) for number in chosen], cells)
    spoken = [t for t, word in enumerate(words) if word in WORDS]
    gold = tuple(
        GoldPlace(t, row / grid, column / grid, (row + 1) / grid, (column + 1) / grid)
        for t, (row, column) in zip(spoken, cells, strict=True)
    )
    picture = np.round(255 * (1 - ink)).astype(np.uint8)[..., None]
    return Captioned(name, (words,), picture, places=gold)


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Images [N, 8, 8] of 0 to 16, and labels [N]."""
    with np.load(DIGITS, allow_pickle=False) as file:
        return file["images"], file["labels"]
