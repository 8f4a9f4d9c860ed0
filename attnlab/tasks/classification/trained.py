"""A trained classifier: text in, its class out, with the words that it looked at.

run = attnlab.load("runs/imdb/attention-masked/0")
run.classify("not a bad film at all")     # words shaded by weight, in a notebook
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np

from attnlab import arguments, runs
from attnlab.attention.base import Params
from attnlab.estimators.objective import initial_estimator_state
from attnlab.report.pictured import Pictured
from attnlab.report.shaded import ShadedText, shade, shaded
from attnlab.task import Loader
from attnlab.tasks.classification.corpora import words_as_read
from attnlab.tasks.classification.evaluate import ClassificationEvaluator
from attnlab.tasks.classification.records import LabeledSentence
from attnlab.tasks.classification.settings import ClassificationSettings
from attnlab.tasks.classification.task import CODEC, build_model
from attnlab.text.subwords import load_codec
from attnlab.text.vocabulary import UNK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Text = str | tuple[str, ...]


@dataclass(frozen=True)
class Classification(Pictured):
    """What a classifier makes of a text.

    Attributes:
      words: those that were read.
      label: the most probable class, by its name.
      probabilities: of every class, by its name.
      weights: [words], what was looked at; zeros where nothing is.
      unknown: words that the run does not know, each once; it reads them all alike.
    """

    words: tuple[str, ...]
    label: str
    probabilities: dict[str, float]
    weights: np.ndarray = field(repr=False)
    unknown: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.verdict}: {' '.join(self.words)}>"

    @property
    def verdict(self) -> str:
        """ "positive (0.98)"."""
        return f"{self.label} ({self.probabilities[self.label]:.2f})"

    def figure(self, title: str = "") -> "Figure":
        """The text with its words shaded by weight.

        Args:
          title: stands above the text, before the class.

        Returns:
          A matplotlib figure.
        """
        text = ShadedText(title, self.words, self.weights, note=self.verdict)
        return shaded([text])

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        heaviest = max(float(self.weights.max(initial=0.0)), 1e-9)
        words = (
            f'<span style="background: rgba(214, 48, 38, {shade(weight, heaviest):.2f})'
            f'">{escape(word)}</span>'
            for word, weight in zip(self.words, self.weights, strict=True)
        )
        return f"<p><b>{escape(self.verdict)}</b> {' '.join(words)}</p>"


@dataclass(frozen=True)
class TrainedClassifier:
    """A run folder with its best parameters.

    Attributes:
      folder: the run's folder.
      settings: all its settings.
      step: the update that the parameters are of.
      params: the parameters.
      classes: names of the classes.
    """

    folder: Path
    settings: ClassificationSettings
    step: int
    params: Params = field(repr=False)
    classes: tuple[str, ...] = field(repr=False)
    evaluator: ClassificationEvaluator = field(repr=False)

    def __repr__(self) -> str:
        data, model = self.settings.data, self.settings.model
        pooling = model.pooling if model.pooling != "attention" else model.score
        return f"<{pooling} classifier on {data.name}, step {self.step}, {self.folder}>"

    def classify(
        self, text: Text | list[str] | list[tuple[str, ...]]
    ) -> Classification | list[Classification]:
        """The class of a text, with the weights over its words.

        Args:
          text: one text, or a list of them. Each is a string, cut into words as the
            run's corpus is, or a tuple of words. Of long ones the first words are
            read (`data.longest`).

        Returns:
          What the classifier makes of it; of a list, a list.

        Raises:
          ValueError: for what is no text.
        """
        if isinstance(text, str | tuple):
            return self._classify([arguments.words("text", text)])[0]
        what = "a text, a tuple of words, or a list of them"
        texts = arguments.several("text", text, what)
        return self._classify([arguments.words("text", each) for each in texts])

    def _classify(self, texts: Sequence[Text]) -> list[Classification]:
        data = self.settings.data
        words = [
            words_as_read(text, data.name, data.options)
            if isinstance(text, str)
            else text
            for text in texts
        ]
        examples = [LabeledSentence(each, 0) for each in words]
        predictions = self.evaluator(self.params, examples)
        answers = []
        for example, logs, weights in zip(
            examples, predictions.logs, predictions.weights, strict=True
        ):
            shares = dict(zip(self.classes, map(float, np.exp(logs)), strict=True))
            label = self.classes[int(logs.argmax())]
            words = example.words[: len(weights)]
            unknown = self._unknown(words)
            answers.append(Classification(words, label, shares, weights, unknown))
        return answers

    def _unknown(self, words: Sequence[str]) -> tuple[str, ...]:
        """Those of some words that are not in the vocabulary, each once."""
        codec = self.evaluator.codec
        once = dict.fromkeys(words)
        return tuple(word for word in once if UNK in list(codec.encode((word,)).ids))


def loader(settings: ClassificationSettings, folder: Path) -> Loader:
    """How a run of this task is opened.

    Args:
      settings: of the run.
      folder: its folder.

    Returns:
      The Loader.

    Raises:
      MissingCorpus: for a run of an older version that has not finished, whose classes
        are only in its corpus, where that is not in the data folder.
    """
    classes = _classes(settings, folder)
    codec = load_codec(folder / CODEC)
    model = build_model(settings, codec.size, len(classes))
    evaluator = ClassificationEvaluator(settings, model, codec)

    def init(rng: jax.Array) -> Params:
        return dict(model.init(rng, method="parameters"))

    def make(folder: Path, step: int, params: Params) -> TrainedClassifier:
        return TrainedClassifier(folder, settings, step, params, classes, evaluator)

    return Loader(init, make, initial_estimator_state())


def _classes(settings: ClassificationSettings, folder: Path) -> tuple[str, ...]:
    if corpus := runs.read_corpus(folder):
        return tuple(corpus["classes"])
    path = folder / runs.EXAMPLES
    if path.exists():
        return tuple(runs.read_arrays(path)["classes"].tobytes().decode().split("\n"))
    return settings.data.load().classes
