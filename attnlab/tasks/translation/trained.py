"""A trained translation model, ready to translate and to align: `attnlab.load(folder)`.

run = attnlab.load("runs/hansards/local-p-general/0")
run.translate("la chambre se réunit à deux heures").plot("alignment.png")
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, overload

import numpy as np

from attnlab import arguments, runs
from attnlab.attention.base import Params
from attnlab.estimators.objective import initial_estimator_state
from attnlab.estimators.prediction import Search
from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics.attention_stats import perplexity
from attnlab.metrics.links import reverse
from attnlab.nn.init_params import init_params
from attnlab.report import heatmaps, pair_pictures
from attnlab.settings import MOST, MOST_FEW
from attnlab.task import Loader
from attnlab.tasks.translation.data import read_codecs
from attnlab.tasks.translation.evaluate import search_of
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.task import build_translator
from attnlab.tasks.translation.translator import (
    Translation,
    Translator,
    is_posterior,
)
from attnlab.text.pairs import Pair, as_pair
from attnlab.text.words import split_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AT_ONCE = 1024  # lines of a stream that are translated or aligned together
Item = TypeVar("Item")
Done = TypeVar("Done")


class AlignedTranslation(NamedTuple):
    """A sentence, its translation and the attention between them.

    source: S words. target: T words. alignment [T, S]: row t are the weights over the
    source words that chose target word t. score: what the search ranks by, the
    log-probability divided by the length penalty where a beam searched; of a given
    translation the log-probability itself. null: whether the model can say a word of
    nothing (`model.null` above 0), of which the probability is what a row lacks to one.

    log_probability: log p(target | source) in nats, at most 0. It is the sum over
    `units`: words, or subwords, and the end mark, which is predicted too (a translation
    that was cut at the limit of length has none). An unknown word counts as <unk>. Of a
    hard read p is as `evaluate.predict` has it; a search takes the marginal over
    `evaluate.positions` alone, so that the same words given may have another one.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: np.ndarray
    score: float
    null: bool = False
    log_probability: float = math.nan
    units: int = 0

    @property
    def perplexity(self) -> float:
        """exp(-log_probability / units); nan where no unit was predicted."""
        return perplexity(-self.log_probability, self.units) if self.units else math.nan

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
        words = [self.words(sentence) for sentence in sentences]
        search = self._search(beams)
        translations = self.translator.translate(self.params, words, search)
        aligned = [self._aligned(translation) for translation in translations]
        return aligned[0] if isinstance(text, str) else aligned

    def translate_all(
        self,
        lines: Iterable[str],
        *,
        beams: int | None = None,
        replace_unknown: bool | None = None,
        at_once: int = AT_ONCE,
    ) -> Iterator[AlignedTranslation]:
        """Translate any number of sentences, in their order, a thousand at a time.

        Args:
          lines: sentences, each a string: a list, or an open file of any length. They
            are read as they are needed.
          beams: hypotheses of the beam search, if other than `evaluate.beams`.
          replace_unknown: whether <unk> is replaced by the source word of the largest
            weight, if other than `evaluate.replace_unknown`.
          at_once: sentences that are sorted by length and translated together.

        Returns:
          An iterator over the translation of each.

        Raises:
          ValueError: for what is no list of sentences, and for beams that are not from
            1 to 1,000.
        """
        best = self.n_best(
            lines, 1, beams=beams, replace_unknown=replace_unknown, at_once=at_once
        )
        return (first for first, *_ in best)

    def n_best(
        self,
        lines: Iterable[str],
        count: int,
        *,
        beams: int | None = None,
        replace_unknown: bool | None = None,
        at_once: int = AT_ONCE,
    ) -> Iterator[list[AlignedTranslation]]:
        """The best translations of any number of sentences, by one beam search each.

        Args:
          lines: as of `translate_all`.
          count: of translations of each, at most.
          beams: hypotheses of the search, at least `count`; by default
            `evaluate.beams`, or `count` if that is more.
          replace_unknown: as of `translate_all`.
          at_once: as of `translate_all`.

        Returns:
          An iterator over lists, the best translation first; of a sentence without
          words one without words.

        Raises:
          ValueError: as of `translate_all`, and for a count that is not from 1 to
            beams.
        """
        count = arguments.whole("count", count, 1, MOST_FEW)
        search = self._search(beams, replace_unknown)
        if beams is None:
            search = search._replace(beams=max(count, search.beams))
        if count > search.beams:
            raise ValueError(f"count is {count}, more than beams, {search.beams}")

        def translate(words: list[list[str]]) -> Iterable[list[AlignedTranslation]]:
            several = self.translator.n_best(self.params, words, search, count)
            return ([self._aligned(each) for each in best] for best in several)

        at_once = arguments.whole("at_once", at_once, 1, MOST)
        return _in_chunks(map(self.words, _lines(lines)), translate, at_once)

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
          Both with their alignment [T, S], and log p(target | source).

        Raises:
          ValueError: for another kind, and where a side is no text or has no word.
        """
        pair = Pair(
            tuple(self.words(arguments.text("source", source))),
            tuple(self.words(arguments.text("target", target))),
        )
        if not (pair.source and pair.target):
            raise ValueError(f"a side of the pair is empty: {source!r}, {target!r}")
        return next(self.align_all([pair], kind=kind))

    def align_all(
        self, pairs: Iterable[Pair], *, kind: str = "prior", at_once: int = AT_ONCE
    ) -> Iterator[AlignedTranslation]:
        """Align and score any number of given translations, in their order.

        Args:
          pairs: sentences and their translations, as words: see `words`. A side may
            have none; of an empty target the end mark is scored.
          kind: as of `align`.
          at_once: pairs that are sorted by length and aligned together.

        Returns:
          An iterator over each pair with its alignment and log p(target | source).

        Raises:
          ValueError: for another kind, and for pairs that are none.
        """
        posterior = is_posterior(kind)
        if isinstance(pairs, str | bytes | Pair) or not isinstance(pairs, Iterable):
            shown = arguments.shown(pairs)
            raise ValueError(f"pairs is {shown}; it must be a list of Pairs")

        def align(chunk: list[Pair]) -> Iterable[AlignedTranslation]:
            forced = self.translator.forced_alignments(self.params, chunk, posterior)
            for pair, done in zip(chunk, forced, strict=True):
                weights = done.posterior if posterior else done.weights
                translation = Translation(
                    *pair, weights, -done.nats, -done.nats, done.units
                )
                yield self._aligned(translation)

        at_once = arguments.whole("at_once", at_once, 1, MOST)
        return _in_chunks(map(as_pair, pairs), align, at_once)

    def words(self, line: str) -> list[str]:
        """The words of a line, as the run's text was read.

        Args:
          line: a sentence.

        Returns:
          What stands between blanks, in lower case if the corpus was made so.

        Raises:
          ValueError: for what is no text.
        """
        if not isinstance(line, str):
            raise ValueError(f"{line!r} is no sentence; give words as one text")
        data = self.settings.data
        lowercase = getattr(getattr(data, data.name, None), "lowercase", False)
        return split_words(line.lower() if lowercase else line)

    def _search(self, beams: int | None, replace_unknown: bool | None = None) -> Search:
        if beams is not None:
            beams = arguments.whole("beams", beams, 1, MOST_FEW)
        search = search_of(self.settings.evaluate, beams)
        if replace_unknown is None:
            return search
        return search._replace(replace_unknown=replace_unknown)

    def _aligned(self, translation: Translation) -> AlignedTranslation:
        source, target, weights, score, log_probability, units = translation
        null = self.translator.null
        return AlignedTranslation(
            source, target, weights, score, null, log_probability, units
        )


def _lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines without their ends, as an open file has them."""
    if isinstance(lines, str | bytes) or not isinstance(lines, Iterable):
        raise ValueError(
            f"lines is {arguments.shown(lines)}; it must be a list of sentences"
        )
    return (
        line.removesuffix("\n").removesuffix("\r") if isinstance(line, str) else line
        for line in lines
    )


def _in_chunks(
    items: Iterator[Item],
    work: Callable[[list[Item]], Iterable[Done]],
    at_once: int,
) -> Iterator[Done]:
    """What work gives for each item, so many items at a time."""
    while chunk := list(islice(items, at_once)):
        yield from work(chunk)


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
