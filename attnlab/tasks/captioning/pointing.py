"""Pointing accuracy: whether words look at their places; and examples for figures."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from attnlab import runs
from attnlab.attention.base import Params
from attnlab.tasks.captioning.batches import Captioned
from attnlab.tasks.captioning.generate import Captioner, Description

EXAMPLES = 12  # pictures that examples.npz has


def hits(
    weights: Sequence[np.ndarray], items: Sequence[Captioned], grid: tuple[int, int]
) -> np.ndarray:
    """How many words of each picture look at their gold place.

    A word hits if the middle of its heaviest cell is in its place; one that looks
    nowhere misses.

    Args:
      weights: [T, L] of each picture's first caption.
      items: N pictures.
      grid: rows and columns of the L cells.

    Returns:
      [hits, words with a place] of each picture, [N, 2].
    """
    rows, columns = grid
    counts = np.zeros((len(items), 2))
    for n, (alignment, item) in enumerate(zip(weights, items, strict=True)):
        for place in item.places:
            word = alignment[place.word]
            row, column = divmod(int(word.argmax()), columns)
            # A cell's middle: its edges touch the neighbors' places.
            inside = place.holds((row + 0.5) / rows, (column + 0.5) / columns)
            counts[n] += [word.max() > 0 and inside, 1]
    return counts


def write_examples(
    folder: Path,
    captioner: Captioner,
    params: Params,
    items: Sequence[Captioned],
    captions: Sequence[Description],
    grid: tuple[int, int],
    hard: bool,
) -> None:
    """Write examples.npz: pictures, spread evenly over the test set, with captions.

    captions: JSON, names and words. pictures/<n> [H, W, channels] uint8, where there is
    one; weights/<n> [T, rows, columns]; for a hard read reads/<n>, the same of one draw
    while these words are forced.

    Args:
      folder: the run's.
      captioner: the model.
      params: of the model.
      items: the test set.
      captions: what was generated for each.
      grid: rows and columns of the cells.
      hard: whether the model's read is hard.
    """
    # `unique`, as with fewer pictures several places round to one.
    places = np.unique(np.linspace(0, len(items) - 1, EXAMPLES).round().astype(int))
    chosen = [items[n] for n in places]
    words = [captions[n].words for n in places]
    names = {"names": [item.name for item in chosen], "words": words}
    text = json.dumps(names, ensure_ascii=False).encode()
    arrays = {"captions": np.frombuffer(text, np.uint8)}
    drawn = captioner.draw(params, chosen, words) if hard else None
    for k, n in enumerate(places):
        picture = items[n].picture
        if picture is not None:
            arrays[f"pictures/{k}"] = picture
        arrays[f"weights/{k}"] = captions[n].weights.reshape(-1, *grid)
        if drawn is not None:
            arrays[f"reads/{k}"] = drawn[k].reshape(-1, *grid)
    runs.write_arrays(folder / runs.EXAMPLES, arrays)
