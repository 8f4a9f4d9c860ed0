"""A trained memory network, ready to be asked about stories.

run = attnlab.load("runs/sukhbaatar2015/pe-ls-rn/0")
run.answer(["John took the milk.", "John went home."], "Where is the milk?")
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np

from attnlab import arguments, runs
from attnlab.attention.base import Params
from attnlab.estimators.objective import initial_estimator_state
from attnlab.report.pictured import Pictured
from attnlab.task import Loader
from attnlab.tasks.memn2n.babi import words_of
from attnlab.tasks.memn2n.batches import (
    Sentence,
    StoryQuestion,
    Widths,
    encode,
    widths_of,
)
from attnlab.tasks.memn2n.evaluate import MemN2NEvaluator, over_story
from attnlab.tasks.memn2n.settings import MemN2NSettings
from attnlab.tasks.memn2n.task import WORDS, build_model
from attnlab.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BEST = 5  # answers that a repr names


@dataclass(frozen=True)
class StoryAnswer(Pictured):
    """What a memory network answers to a question.

    Attributes:
      story: the sentences, n.
      question: what was asked.
      answer: the most probable word.
      probabilities: of every word of the vocabulary, the most probable first.
      weights: [K, n], what each hop looked at; K is 0 for the baseline.
    """

    story: tuple[str, ...]
    question: str
    answer: str
    probabilities: dict[str, float] = field(repr=False)
    weights: np.ndarray = field(repr=False)

    def __repr__(self) -> str:
        best = list(self.probabilities.items())[:BEST]
        listed = ", ".join(f"{word} {share:.2f}" for word, share in best)
        return f"<{self.question}? {self.answer} ({listed})>"

    def figure(self, title: str = "") -> "Figure":
        """The story with a column a hop, the darker the heavier.

        Args:
          title: stands above the hops.

        Returns:
          A matplotlib figure.

        Raises:
          ValueError: for the baseline, which has no memory to look at.
        """
        if not len(self.weights):
            raise ValueError("an answer without a memory has no weights to plot")
        from attnlab.tasks.memn2n.plots import StoryExample, figure

        example = StoryExample(
            self.story, frozenset(), self.question, "", self.answer, self.weights
        )
        return figure({title: example})


@dataclass(frozen=True)
class TrainedMemN2N:
    """A run folder with its best parameters.

    Attributes:
      folder: the run's folder.
      settings: all its settings.
      step: the update that the parameters are of.
      params: the parameters.
      widths: the most sentences and words that the run has seen.
    """

    folder: Path
    settings: MemN2NSettings
    step: int
    params: Params = field(repr=False)
    evaluator: MemN2NEvaluator = field(repr=False)
    widths: Widths = field(repr=False)

    def __repr__(self) -> str:
        data, model = self.settings.data, self.settings.model
        return f"<{model.system} on {data.name}, step {self.step}, {self.folder}>"

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the training questions; others are unknown to the network."""
        return self.evaluator.vocabulary

    def answer(
        self, story: Sequence[str | Sentence], question: str | Sentence
    ) -> StoryAnswer:
        """The answer to a question about a story.

        Args:
          story: its sentences, the oldest first: text, which is lower-cased and loses
            its punctuation, or words.
          question: likewise.

        Returns:
          The answer with its probabilities and the weights of every hop.

        Raises:
          ValueError: for a story that is no list of sentences, and for a sentence
            longer than any that the run has seen, whose words its encoding has no
            places for.
        """
        sentences = [
            _words(arguments.words("story", sentence))
            for sentence in arguments.several("story", story, "a list of sentences")
        ]
        asked = StoryQuestion(
            tuple(sentences),
            _words(arguments.words("question", question)),
            "",
            frozenset(),
            "",
        )
        for sentence in (*asked.story, asked.question):
            if len(sentence) > self.widths.words:
                raise ValueError(
                    f"sentence {' '.join(sentence)!r} has {len(sentence)} words; the "
                    f"run has seen at most {self.widths.words}"
                )
        (batch,) = encode([[asked]], self.vocabulary, self.widths)
        answers = self.evaluator(self.params, batch)
        shares = answers.probabilities[0]
        words = self.vocabulary.words
        # Stable, so that a tie goes to the first word, as argmax has it.
        order = np.argsort(-shares, kind="stable")
        ranked = {words[index]: float(shares[index]) for index in order}
        return StoryAnswer(
            tuple(" ".join(sentence) for sentence in asked.story),
            " ".join(asked.question),
            next(iter(ranked)),
            ranked,
            over_story(asked, answers.weights[0]),
        )


def _words(sentence: str | Sentence) -> Sentence:
    return words_of(sentence) if isinstance(sentence, str) else tuple(sentence)


def loader(settings: MemN2NSettings, folder: Path) -> Loader:
    """How a run of this task is opened.

    Args:
      settings: of the run.
      folder: its folder.

    Returns:
      The Loader.

    Raises:
      MissingCorpus: for a run of an older version, whose corpus has to be read, where
        that is not in the data folder.
    """
    # What a network says depends on how its stories were padded.
    if known := runs.read_corpus(folder):
        widths = Widths(**known)
    else:
        corpus = settings.data.load()
        splits = [corpus.train, corpus.dev, corpus.test]
        widths = widths_of(splits, settings.model.memory)
    vocabulary = Vocabulary.load(folder / WORDS)
    model = build_model(settings, vocabulary.size)
    evaluator = MemN2NEvaluator(settings, model, vocabulary)

    def init(rng: jax.Array) -> Params:
        return dict(model.init(rng, method="parameters"))

    def make(folder: Path, step: int, params: Params) -> TrainedMemN2N:
        return TrainedMemN2N(folder, settings, step, params, evaluator, widths)

    return Loader(init, make, initial_estimator_state())
