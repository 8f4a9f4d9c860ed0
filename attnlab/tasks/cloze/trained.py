"""A trained reader: a passage and a query in, the entity that is meant out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from attnlab import arguments, runs
from attnlab.attention.base import Params
from attnlab.report.pictured import Pictured
from attnlab.task import Loader
from attnlab.tasks.cloze.batches import encode
from attnlab.tasks.cloze.evaluate import ClozeEvaluator
from attnlab.tasks.cloze.json_questions import with_entities
from attnlab.tasks.cloze.model import Reader
from attnlab.tasks.cloze.plots import ClozeWeights, passages
from attnlab.tasks.cloze.questions import PLACEHOLDER, Cloze, ClozeQuestion
from attnlab.tasks.cloze.settings import ClozeSettings
from attnlab.tasks.cloze.task import WORDS, Names, build_model, names_of
from attnlab.text import vocabularies
from attnlab.text.vocabulary import Vocabulary
from attnlab.text.words import split_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ClozeAnswer(Pictured):
    """An answer to a question on a passage.

    Attributes:
      entity: the most probable answer; "" where that is no entity of the question.
      scores: the probability of each entity of the question, in the order in which they
        first occur.
      passage: its S words.
      query: its T words.
      weights: [N, S], the looks at the passage: one, or one a word of the query, or
        none without attention.
      names: of entities, where they are known; a figure shows them.
    """

    entity: str
    scores: Mapping[str, float]
    passage: tuple[str, ...]
    query: tuple[str, ...]
    weights: np.ndarray
    names: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        probability = self.scores.get(self.entity, 0.0)
        return f"<ClozeAnswer {self.name or 'no entity'}, p = {probability:.3f}>"

    @property
    def name(self) -> str:
        """What the answer is called: the candidate, or the entity itself."""
        return self.names.get(self.entity, self.entity)

    def figure(self, title: str = "") -> "Figure":
        """The passage, each word the redder the heavier its weight in the last look.

        Args:
          title: above the passage.

        Returns:
          A matplotlib figure.

        Raises:
          ValueError: where the reader has no attention.
        """
        if not len(self.weights):
            raise ValueError("a reader without attention has no weights to plot")
        passage, query = (
            tuple(self.names.get(word, word) for word in words)
            for words in (self.passage, self.query)
        )
        look = ClozeWeights(passage, query, "", self.name, self.weights[-1])
        return passages({title: look})


@dataclass(frozen=True)
class TrainedReader:
    """A run folder with its best parameters.

    Attributes:
      folder: the run's folder.
      settings: all its settings.
      step: the update that the parameters are of.
      params: the parameters.
      model: the reader.
      names: its vocabulary and slots.
    """

    folder: Path
    settings: ClozeSettings
    step: int
    params: Params = field(repr=False)
    model: Reader = field(repr=False)
    names: Names = field(repr=False)
    _evaluator: ClozeEvaluator = field(repr=False)

    @cached_property
    def corpus(self) -> Cloze:
        """What it learned from, and its test set, read when first asked for."""
        return self.settings.data.load()

    def __repr__(self) -> str:
        settings = self.settings
        name = f"{settings.model.reader} reader of {settings.data.name}"
        return f"<{name}, step {self.step}, {self.folder}>"

    def answer(
        self,
        passage: str | Sequence[str],
        query: str | Sequence[str],
        candidates: Sequence[str] | None = None,
    ) -> ClozeAnswer:
        """Which entity of the passage the query's placeholder stands for.

        Args:
          passage: text, split at blanks, or words; names are @entity0, @entity1, ...
          query: likewise, with @placeholder for one of the names.
          candidates: the names, where both are texts as they were written; see
            `attnlab.tasks.cloze.json_questions`.

        Returns:
          The answer, the probabilities of all entities, and the attention weights.

        Raises:
          ValueError: for what is no text, where there is no entity or no placeholder,
            and where there are more entities than the model has slots for.
        """
        if candidates is None:
            known: Mapping[str, str] = {}
            words = _words(arguments.words("passage", passage))
            asked = _words(arguments.words("query", query))
        else:
            texts = [
                arguments.text("passage", passage),
                arguments.text("query", query),
            ]
            given = arguments.several("candidates", candidates, "a list of names")
            given = [arguments.text("candidates", name) for name in given]
            (words, asked), known = with_entities(texts, given)
        question = ClozeQuestion("", words, asked, "")
        names, slots = question.entities, self.names.slots
        if not question.candidates:
            kind = "none of the candidates" if candidates else "no entity such as"
            raise ValueError(
                f"the passage has {kind} {', '.join(candidates or ['@entity0'])}"
            )
        if PLACEHOLDER not in asked:
            raise ValueError(f"the query has no {PLACEHOLDER}: {' '.join(asked)!r}")
        if len(names) > slots:
            raise ValueError(
                f"the question has {len(names)} entities, and the model has {slots} "
                "slots for them"
            )
        # Which answer is right is not known here: any will do, as its loss is not used.
        encoded = encode(question._replace(answer=names[0]), self.names.vocabulary)
        (answer,) = self._evaluator.answers(self.params, [encoded])
        probabilities = np.exp(answer.entities[: len(names)]).tolist()
        return ClozeAnswer(
            names[answer.slot] if 0 <= answer.slot < len(names) else "",
            dict(zip(names, probabilities, strict=True)),
            words,
            asked,
            answer.weights,
            known,
        )


def _words(text: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(split_words(text) if isinstance(text, str) else text)


def loader(settings: ClozeSettings, folder: Path) -> Loader:
    """How a run of this task is opened.

    Args:
      settings: of the run.
      folder: its folder.

    Returns:
      The Loader.

    Raises:
      MissingCorpus: for a run of an older version, whose vocabulary has to be made of
        the questions, where they are not in the data folder.
      ValueError: where the vocabulary is damaged.
    """
    if known := runs.read_corpus(folder):
        (words,) = vocabularies.load(folder, [WORDS])
        names = Names(cast(Vocabulary, words), known["slots"])
    else:
        names = names_of(settings.data, settings.data.load())
    model = build_model(settings, names)
    # One row: a question at a time, not an evaluation batch of fillers.
    evaluator = ClozeEvaluator(model, settings, names.slots, rows=1)

    def make(folder: Path, step: int, params: Params) -> TrainedReader:
        return TrainedReader(folder, settings, step, params, model, names, evaluator)

    return Loader(partial(model.init, method="parameters"), make)
