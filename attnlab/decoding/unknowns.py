"""Unknown words of a translation replaced through its alignment."""

from collections.abc import Mapping, Sequence

import numpy as np


def replace_unknown(
    words: Sequence[str],
    alignment: np.ndarray,
    source: Sequence[str],
    lexicon: Mapping[str, str] | None = None,
    *,
    unknown: str = "<unk>",
) -> list[str]:
    """`words` with every `unknown` replaced by its source word (Luong et al. 2015).

    The source word is the most attended of row t; a row without weight leaves the
    unknown. Words ("the", "<unk>"), rows that point at 0 and 1, and source ("das",
    "Ecrit") give ["the", "Ecrit"]. https://arxiv.org/abs/1410.8206

    Args:
      words: of the translation.
      alignment: [T, S]; rows and columns beyond the words are ignored.
      source: words of the source.
      lexicon: translations of source words; others are copied.
      unknown: what is replaced.

    Returns:
      The words, as many.

    Raises:
      ValueError: for an alignment of fewer rows or columns than there are words.
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
