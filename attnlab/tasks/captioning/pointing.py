"""Where a captioner looked: against known places, and kept for figures."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from attnlab import runs
from attnlab.tasks.captioning.batches import Captioned
from attnlab.tasks.captioning.generate import Captioner, Description

SHOWN = 12  # pictures kept for figures


def hits(
    weights: Sequence[np.ndarray], items: Sequence[Captioned], grid: tuple[int, int]
) -> np.ndarray:
    """[hits, words with a place] of each picture, [N, 2].

    A word hits if the middle of its heaviest cell is in its place: weights [T, L] over
    a `grid` of rows and columns, L = rows * columns. A word that looks nowhere misses.
    """
    rows, columns = grid
    found = np.zeros((len(items), 2))
    for n, (own, item) in enumerate(zip(weights, items, strict=True)):
        for place in item.places:
            row, column = divmod(int(own[place.word].argmax()), columns)
            somewhere = own[place.word].max() > 0
            inside = place.holds((row + 0.5) / rows, (column + 0.5) / columns)
            found[n] += [somewhere and inside, 1]
    return found


def write_examples(
    folder: Path,
    captioner: Captioner,
    params,
    items: Sequence[Captioned],
    found: Sequence[Description],
    grid: tuple[int, int],
    hard: bool,
) -> None:
    """Write examples.npz: pictures, spread evenly over the test set, and their words.

    captions: JSON, a list of the words of each. pictures/<n> [H, W, channels] uint8,
    where there is one; weights/<n> [T, rows, columns]; for a hard read reads/<n>, the
    same of one draw while these words are forced.
    """
    shown = np.unique(np.linspace(0, len(items) - 1, SHOWN).round().astype(int))
    own = [items[n] for n in shown]
    words = [found[n].words for n in shown]
    names = {"names": [item.name for item in own], "words": words}
    text = json.dumps(names, ensure_ascii=False).encode()
    arrays = {"captions": np.frombuffer(text, np.uint8)}
    drawn = captioner.draw(params, own, words) if hard else None
    for k, n in enumerate(shown):
        picture = items[n].picture
        if picture is not None:
            arrays[f"pictures/{k}"] = picture
        arrays[f"weights/{k}"] = found[n].weights.reshape(-1, *grid)
        if drawn is not None:
            arrays[f"reads/{k}"] = drawn[k].reshape(-1, *grid)
    runs.write_arrays(folder / runs.EXAMPLES, arrays)
