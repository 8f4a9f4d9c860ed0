"""Unknown words of a translation replaced through its alignment."""

from collections.abc import Mapping, Sequence

import numpy as np


def replace_unknown(
    words: Sequence[str],
    alignment,
    source: Sequence[str],
    lexicon: Mapping[str, str] | None = None,
    *,
    unknown: str = "<unk>",
) -> list[str]:
    """`words` with every `unknown` replaced by its source word (Luong et al. 2015).

    The source word is the most attended of row t of `alignment` [T, S], translated by
    `lexicon` where it has an entry and copied where not. Rows and columns beyond the
    words (end marks, padding) are ignored; a row without weight leaves the unknown.

    Example: words ("the", "<unk>"), rows that point at 0 and 1, source ("das",
    "Ecrit") give ["the", "Ecrit"].
    """
    weights = np.asarray(alignment)
    if weights.ndim != 2:
        raise ValueError(f"alignment has shape {weights.shape}, not [T, S]")
    if weights.shape[0] < len(words) or weights.shape[1] < len(source):
        raise ValueError(
            f"alignment has shape {weights.shape} for {len(words)} words "
            f"and {len(source)} source words"
        )
    weights = weights[:, : len(source)]
    replaced = []
    for word, row in zip(words, weights, strict=False):
        if word == unknown and np.any(row > 0):
            origin = source[int(np.argmax(row))]
            word = origin if lexicon is None else lexicon.get(origin, origin)
        replaced.append(word)
    return replaced
