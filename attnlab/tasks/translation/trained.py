"""A trained translation model, ready to translate and to align: `attnlab.load(folder)`.

run = attnlab.load("runs/hansards/local-p-general/0")
run.translate("la chambre se réunit à deux heures").plot("alignment.png")
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from attnlab import arguments, runs
from attnlab.attention.base import Params
from attnlab.estimators.objective import initial_estimator_state
from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics.links import reverse
from attnlab.nn.init_params import init_params
from attnlab.report import heatmaps, pair_pictures
from attnlab.settings import MOST_FEW
from attnlab.task import Loader
from attnlab.tasks.translation.data import read_codecs
from attnlab.tasks.translation.evaluate import search_of
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.task import build_translator
from attnlab.tasks.translation.translator import Translator
from attnlab.text.pairs import Pair
from attnlab.text.words import split_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class AlignedTranslation(NamedTuple):
    """A sentence, its translation and the attention between them.

    source: S words. target: T words. alignment [T, S]: row t are the weights over the
    source words that chose target word t. score: the log-probability, divided by the
    length penalty where a beam searched; nan where the translation was given. null:
    whether the model can say a word of nothing (`model.null` above 0), of which the
    probability is what a row lacks to one.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: np.ndarray
    score: float
    null: bool = False

    def __str__(self) -> str:
        return " ".join(self.target)

    def __repr__(self) -> str:
        return f"<{' '.join(self.source)!r} → {' '.join(self.target)!r}>"

    def _repr_html_(self) -> str:
        """The heat map of the alignment, as a notebook shows it."""
        return pair_pictures.as_html(self._picture, repr(self), self._problem())

    def links(self) -> set[tuple[int, int]]:
        """The most attended source word of each target word.

        Returns:
          Links (source index, target index) from 0, as in Pharaoh's format; with `null`
          none of a target word that is likelier said of nothing than of any word.
        """
        return reverse(aer.argmax_links(self.alignment, null=self.null))

    def plot(
        self, path: str | Path, *, title: str = "", font: str | None = None
    ) -> list[Path]:
        """Draw the alignment as a heat map.

        Args:
          path: where to; .png or .pdf, or without an ending both.
          title: of the figure.
          font: an installed font family that has the letters of the words.

        Returns:
          The files written.

        Raises:
          ValueError: for another ending, a translation without a word, a font that is
            not installed, and weights that are none of these words.
        """
        draw = partial(self._picture, title)
        return pair_pictures.save(draw, path, reason=self._problem(), font=font)

    def _problem(self) -> str | None:
        return pair_pictures.problem(self.source, self.target, self.alignment)

    def _picture(self, title: str = "") -> "Figure":
        sentence = runs.AlignedSentence(self.source, self.target, self.alignment)
        return heatmaps.heat_map(sentence, title=title)


@dataclass(frozen=True)
class TrainedTranslation:
    """A run folder with its best parameters.

    Attributes:
      folder: the run's folder.
      settings: all its settings.
      step: the update that the parameters are of.
      params: the parameters.
      translator: the model with its vocabularies; its methods take `params`.
    """

    folder: Path
    settings: TranslationSettings
    step: int
    params: Params = field(repr=False)
    translator: Translator = field(repr=False)

    def __repr__(self) -> str:
        model, data = self.settings.model, self.settings.data
        name = model.preset or f"{model.window} {model.score}"
        return f"<{name} on {data.name}, step {self.step}, {self.folder}>"

    @overload
    def translate(
        self, text: str, *, beams: int | None = None
    ) -> AlignedTranslation: ...

    @overload
    def translate(
        self, text: Sequence[str], *, beams: int | None = None
    ) -> list[AlignedTranslation]: ...

    def translate(
        self, text: str | Sequence[str], *, beams: int | None = None
    ) -> AlignedTranslation | list[AlignedTranslation]:
        """Translate a sentence, or several.

        Args:
          text: a sentence or a list of sentences, each a string, split at blanks as the
            corpus was; unknown words are read as <unk>.
          beams: hypotheses of the beam search, if other than `evaluate.beams`.

        Returns:
          The translation of a sentence, or the list of those of several; an empty
          sentence has an empty one.

        Raises:
          ValueError: for what is no sentence, and for beams that are not from 1 to
            1,000.
        """
        what = "a sentence or a list of sentences"
        sentences = (
            [text] if isinstance(text, str) else arguments.several("text", text, what)
        )
        for sentence in sentences:
            if not isinstance(sentence, str):
                raise ValueError(f"{sentence!r} is no sentence; give words as one text")
        if beams is not None:
            beams = arguments.whole("beams", beams, 1, MOST_FEW)
        words = [split_words(sentence) for sentence in sentences]
        search = search_of(self.settings.evaluate, beams)
        translations = self.translator.translate(self.params, words, search)
        null = self.translator.null
        aligned = [AlignedTranslation(*each, null=null) for each in translations]
        return aligned[0] if isinstance(text, str) else aligned

    def align(
        self, source: str, target: str, *, kind: str = "prior"
    ) -> AlignedTranslation:
        """Align a sentence with a given translation.

        Args:
          source: a sentence, split at blanks.
          target: its translation, which the model is forced to say.
          kind: "prior", the attention's own weights, or "posterior", for which the
            target word is read too; see `Translator.align`.

        Returns:
          Both with their alignment [T, S].

        Raises:
          ValueError: for another kind, and where a side is no text or has no word.
        """
        pair = Pair(
            tuple(split_words(arguments.text("source", source))),
            tuple(split_words(arguments.text("target", target))),
        )
        if not (pair.source and pair.target):
            raise ValueError(f"a side of the pair is empty: {source!r}, {target!r}")
        weights = self.translator.align(self.params, [pair], kind)[0]
        null, score = self.translator.null, float("nan")
        return AlignedTranslation(pair.source, pair.target, weights, score, null)


def loader(settings: TranslationSettings, folder: Path) -> Loader:
    """How a run of this task is opened.

    Args:
      settings: of the run.
      folder: its folder, with its vocabularies.

    Returns:
      The Loader.

    Raises:
      ValueError: where a vocabulary is not what was written.
    """
    translator = build_translator(settings, *read_codecs(folder))

    def make(folder: Path, step: int, params: Params) -> TrainedTranslation:
        return TrainedTranslation(folder, settings, step, params, translator)

    init = partial(init_params, translator.model)
    return Loader(init, make, initial_estimator_state())
