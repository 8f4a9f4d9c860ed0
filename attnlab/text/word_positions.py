"""Where windows stood and what was drawn, from the units of a pass to its words.

owner: the word that each unit belongs to, [0, 0, 1] for two words of three units; the
end mark after the units belongs to none.
"""

from collections.abc import Sequence

import numpy as np


def of_words(
    centres: np.ndarray, source_owner: Sequence[int], target_owner: Sequence[int]
) -> np.ndarray:
    """Centres of windows in source words, from those in source units.

    A target word has the mean of its units. Between the units of one word a centre
    moves evenly: 1.5 units of [0, 0, 1] are 0.75 words.

    Args:
      centres: in source units, [T].
      source_owner: the word of each source unit.
      target_owner: the word of each target unit.

    Returns:
      Centres by target word, float32 [target words].
    """
    counts = np.bincount(source_owner) if len(source_owner) else np.zeros(0, int)
    starts = np.concatenate([[0], np.cumsum(counts)])
    units = np.asarray(centres[: len(target_owner)], np.float64)
    # Units of a word lie at even distances between its place and the next one's.
    words = np.interp(units, starts, np.arange(len(starts)))
    owner = np.asarray(target_owner, np.int64)
    size = int(owner.max(initial=-1)) + 1
    sums = np.bincount(owner, words, minlength=size)  # weighted: a sum by word
    many = np.maximum(np.bincount(owner, minlength=size), 1)  # no division by zero
    return (sums / many).astype(np.float32)


def drawn(
    weights: np.ndarray,
    source_owner: Sequence[int],
    target_owner: Sequence[int],
    rng: np.random.Generator,
) -> np.ndarray:
    """The source word that each step draws by its weights.

    Args:
      weights: over source units, [T, S].
      source_owner: the word of each source unit.
      target_owner: the word of each target unit.
      rng: drives the draws.

    Returns:
      That of each target word's first unit, int32 [target words]; -1 where the draw
      fell on the end mark, or where there was no weight at all.
    """
    rows = np.asarray(weights[: len(target_owner)], np.float64)
    totals = rows.cumsum(axis=1)  # [T, S], inverse transform sampling
    chance = rng.random(len(rows))
    words = np.full(len(rows), -1, np.int32)
    for t, total in enumerate(totals):
        # An empty row attends to nothing, so nothing is drawn.
        if total.size and total[-1] > 0:
            unit = int(np.searchsorted(total, chance[t] * total[-1], side="right"))
            words[t] = source_owner[unit] if unit < len(source_owner) else -1
    # A word of several units has one draw: that of its first unit.
    _, first = np.unique(np.asarray(target_owner, np.int64), return_index=True)
    return words[first]
