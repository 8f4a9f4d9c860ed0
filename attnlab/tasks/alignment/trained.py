"""A trained aligner: `attnlab.load(folder)`.

run = attnlab.load("runs/aligner/full/0")
pair = run.align("la maison bleue", "the blue house")
pair.links()
pair.plot("pair.png")
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np

from attnlab import arguments
from attnlab.attention.base import Params
from attnlab.metrics.links import reverse
from attnlab.report import pair_pictures
from attnlab.report.two_directions import two_directions
from attnlab.task import Loader
from attnlab.tasks.alignment.evaluate import Aligned, PairAligner
from attnlab.tasks.alignment.settings import AlignmentSettings
from attnlab.tasks.alignment.task import CODECS, init_params, make_pair_aligner
from attnlab.text import vocabularies
from attnlab.text.pairs import Pair, as_pair
from attnlab.text.words import split_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AT_ONCE = 1024  # pairs of a stream that are aligned together


class AlignedPair(NamedTuple):
    """A sentence, its translation, and the posteriors of both directions.

    source: S words. target: T words. forward: [T, S], p(source word | target word).
    backward: [T, S], p(target word | source word). threshold: of their mean, in (0, 1].
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    forward: np.ndarray
    backward: np.ndarray
    threshold: float

    def __repr__(self) -> str:
        return f"<{' '.join(self.source)!r} ~ {' '.join(self.target)!r}>"

    @property
    def alignment(self) -> np.ndarray:
        """The mean of both posteriors [T, S]."""
        return 0.5 * (self.forward + self.backward)

    def links(self, threshold: float | None = None) -> set[tuple[int, int]]:
        """The links whose mean posterior reaches a threshold.

        Args:
          threshold: in (0, 1]; None: the run's.

        Returns:
          Links (source index, target index) from 0, as in Pharaoh's format.

        Raises:
          ValueError: for another threshold.
        """
        least = self.threshold
        if threshold is not None:
            least = arguments.share("threshold", threshold)
        return reverse(Aligned(self.forward, self.backward, 0.0).links(least))

    def _repr_html_(self) -> str:
        """Both directions and their mean, as a notebook shows them."""
        return pair_pictures.as_html(self._picture, repr(self), self._problem())

    def plot(
        self, path: str | Path, *, title: str = "", font: str | None = None
    ) -> list[Path]:
        """Draw both directions with their NULL, and their mean with its links.

        Args:
          path: where to; .png or .pdf, or without an ending both.
          title: of the figure.
          font: an installed font family that has the letters of the words.

        Returns:
          The files written.

        Raises:
          ValueError: for another ending, a side without a word, a font that is not
            installed, and posteriors that are not finite.
        """
        draw = partial(self._picture, title)
        return pair_pictures.save(draw, path, reason=self._problem(), font=font)

    def _problem(self) -> str | None:
        posteriors = self.forward, self.backward
        return pair_pictures.problem(self.source, self.target, *posteriors)

    def _picture(self, title: str = "") -> "Figure":
        return two_directions(*self, title=title)


@dataclass(frozen=True)
class TrainedAligner:
    """A run folder with its best parameters.

    Attributes:
      folder: the run's folder.
      settings: all its settings.
      step: the update that the parameters are of.
      params: the parameters of both directions.
      pair_aligner: the model with its vocabularies; its methods take `params`.
    """

    folder: Path
    settings: AlignmentSettings
    step: int
    params: Params = field(repr=False)
    pair_aligner: PairAligner = field(repr=False)

    def __repr__(self) -> str:
        transition, data = self.settings.model.transition, self.settings.data
        return f"<{transition} aligner of {data.name}, step {self.step}, {self.folder}>"

    def align(self, source: str, target: str) -> AlignedPair:
        """Align a sentence with its translation.

        Args:
          source: words, split at blanks.
          target: words, split at blanks.

        Returns:
          Both with their posteriors; a side without a word has no links.

        Raises:
          ValueError: for a side that is no text.
        """
        pair = Pair(
            tuple(split_words(arguments.text("source", source))),
            tuple(split_words(arguments.text("target", target))),
        )
        return next(self.align_all([pair]))

    def align_all(self, pairs: Iterable[Pair]) -> Iterator[AlignedPair]:
        """Align any number of pairs, in their order, a thousand at a time.

        Args:
          pairs: as words.

        Returns:
          An AlignedPair of each.

        Raises:
          ValueError: for pairs that are none, of texts for example.
        """
        if isinstance(pairs, str | bytes | Pair) or not isinstance(pairs, Iterable):
            raise ValueError(
                f"pairs is {arguments.shown(pairs)}; it must be a list of Pairs"
            )
        waiting = map(as_pair, pairs)
        while chunk := list(islice(waiting, AT_ONCE)):
            done = self.pair_aligner.align(self.params, chunk)
            threshold = self.settings.evaluate.threshold
            for pair, aligned in zip(chunk, done, strict=True):
                yield AlignedPair(*pair, aligned.forward, aligned.backward, threshold)


def loader(settings: AlignmentSettings, folder: Path) -> Loader:
    """How a run of this task is opened.

    Args:
      settings: of the run.
      folder: its folder, with its vocabularies.

    Returns:
      The Loader.

    Raises:
      ValueError: where a vocabulary is not what was written.
    """
    source, target = vocabularies.load(folder, CODECS)
    pair_aligner = make_pair_aligner(settings, source, target)
    counts = np.ones(source.size), np.ones(target.size)  # only shapes matter here

    def make(folder: Path, step: int, params: Params) -> TrainedAligner:
        return TrainedAligner(folder, settings, step, params, pair_aligner)

    init = partial(init_params, pair_aligner, counts)
    return Loader(init, make, jnp.zeros((), jnp.int32))
