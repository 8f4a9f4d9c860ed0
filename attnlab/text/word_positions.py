"""Where windows stood and what was drawn, from the units of a pass to its words.

owner: the word that each unit belongs to, [0, 0, 1] for two words of three units; the
end mark after the units belongs to none.
"""

from collections.abc import Sequence

import numpy as np


def of_words(
    centres: np.ndarray, source_owner: Sequence[int], target_owner: Sequence[int]
) -> np.ndarray:
    """Centres [target words], counted in source words, of centres [T] in source units.

    A target word has the mean of its units. Between the units of one word a centre
    moves evenly: 1.5 units of [0, 0, 1] are 0.75 words.
    """
    counts = np.bincount(source_owner) if len(source_owner) else np.zeros(0, int)
    starts = np.concatenate([[0], np.cumsum(counts)])
    units = np.asarray(centres[: len(target_owner)], np.float64)
    words = np.interp(units, starts, np.arange(len(starts)))
    owner = np.asarray(target_owner, np.int64)
    size = int(owner.max(initial=-1)) + 1
    sums = np.bincount(owner, words, minlength=size)
    many = np.maximum(np.bincount(owner, minlength=size), 1)
    return (sums / many).astype(np.float32)


def drawn(
    weights: np.ndarray,
    source_owner: Sequence[int],
    target_owner: Sequence[int],
    rng: np.random.Generator,
) -> np.ndarray:
    """The source word [target words] that each step draws by its weights [T, S].

    A target word has its first unit's. -1 where the draw fell on the end mark, or
    where there was no weight at all.
    """
    rows = np.asarray(weights[: len(target_owner)], np.float64)
    totals = rows.cumsum(axis=1)
    chance = rng.random(len(rows))
    found = np.full(len(rows), -1, np.int32)
    for t, total in enumerate(totals):
        if total.size and total[-1] > 0:
            unit = int(np.searchsorted(total, chance[t] * total[-1], side="right"))
            found[t] = source_owner[unit] if unit < len(source_owner) else -1
    _, first = np.unique(np.asarray(target_owner, np.int64), return_index=True)
    return found[first]
