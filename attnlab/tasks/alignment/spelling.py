"""What a word's letters say: features that are alike where spellings are.

A word is a sum of signs, one for each run of 3 and 4 of its letters (ends marked) and
one for the whole, put into a few places by a hash. The hash is the same in both
languages, so that cognates, names and numbers are near each other from the start, words
that no vocabulary has among them.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

LENGTHS = (3, 4)  # of the runs of letters
EDGE = "\0"  # no letter of a word


def spelled(words: Sequence[str], width: int, *, random: bool = False) -> np.ndarray:
    """The features of words.

    Args:
      words: N of them.
      width: D.
      random: of the whole word alone, so that no two are alike: a control.

    Returns:
      Features [N, D] of length one, float32.
    """
    features = np.zeros((len(words), width), np.float32)
    for row, word in enumerate(words if width else ()):
        if random:
            seed = int.from_bytes(_digest(word), "little")
            features[row] = np.random.default_rng(seed).normal(size=width)
            continue
        for part in parts(word):
            digest = _digest(part)
            place = int.from_bytes(digest[:4], "little") % width
            features[row, place] += 1.0 if digest[4] % 2 else -1.0
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, 1e-6)  # signs may cancel


def parts(word: str) -> Iterable[str]:
    """What a word is the sum of.

    Args:
      word: without blanks.

    Returns:
      Its runs of letters, and itself.
    """
    marked = EDGE + word + EDGE
    for length in LENGTHS:
        for start in range(len(marked) - length + 1):
            yield marked[start : start + length]
    yield word + EDGE  # not one of the runs, also where the word is one letter


def _digest(text: str) -> bytes:
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=8
    ).digest()
