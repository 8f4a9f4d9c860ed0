"""What probabilities of words are divided by, each computed once for a model.

The sum goes over a whole vocabulary. It belongs to the word that is read alone, so that
text of any length costs one sum a different word.
"""

from collections.abc import Sequence

import jax
import numpy as np

from attnlab.attention.base import Params
from attnlab.compilation import jit
from attnlab.tasks.alignment.batches import Side, Word, WordList, everything
from attnlab.tasks.alignment.model import Aligner

AT_ONCE = 256  # words


class Normalizers:
    """Those of one direction, kept until other parameters come."""

    def __init__(self, aligner: Aligner, direction: str, target: Side):
        """None yet.

        Args:
          aligner: the model.
          direction: its part of the parameters.
          target: vocabulary and spellings of what is said.
        """
        self.direction, self.everyone = direction, everything(target)
        self._compute = jit(aligner.norms, runs="seldom")
        self._params: Params | None = None
        self._known: dict[Word, float] = {}
        self._null = 0.0

    def of(self, params: Params, words: WordList, keys: Sequence[Word]) -> np.ndarray:
        """The logarithms of the sums of words.

        Args:
          params: of both directions.
          words: U words that are read.
          keys: what the first of them are.

        Returns:
          [U + 1], zero for the words without a key; the last is NULL's.
        """
        if params is not self._params:
            self._params, self._known = params, {}
        missing = [place for place, key in enumerate(keys) if key not in self._known]
        for start in range(0, len(missing), AT_ONCE):
            places = missing[start : start + AT_ONCE]
            padded = np.resize(places, AT_ONCE)
            read = WordList(*(part[padded] for part in words))
            norms = jax.device_get(
                self._compute(params[self.direction], read, self.everyone)
            )
            for place, norm in zip(places, norms, strict=False):
                self._known[keys[place]] = float(norm)
            self._null = float(norms[-1])
        norms = np.zeros(len(words.ids) + 1, np.float32)
        norms[: len(keys)] = [self._known[key] for key in keys]
        norms[-1] = self._null
        return norms
