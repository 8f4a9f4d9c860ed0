"""The settings of sentence classification."""

import importlib
from typing import Annotated, Literal, Self, cast

from pydantic import Field, model_validator

from attnlab.settings import (
    AttentionSettings,
    Choice,
    Count,
    DataSettings,
    EstimatorSettings,
    Few,
    Fraction,
    Positive,
    PredictingSettings,
    PredictSettings,
    Size,
    TrainSettings,
    Units,
    with_corpora,
)
from attnlab.tasks.classification.corpora import CORPORA
from attnlab.tasks.classification.records import Labeled


@with_corpora(CORPORA)
class ClassificationData(DataSettings):
    """Which labeled corpus, its vocabulary, and how its sentences are batched."""

    file_options = {"files": ("train", "dev", "test")}

    name: str = "evidence"
    vocabulary: Annotated[int, Field(ge=5)] = 10_000
    """Largest size, the four special tokens included."""
    min_count: Count = 1
    """Times that a word must occur in training to be in the vocabulary."""
    longest: Annotated[int, Field(ge=2)] = 64
    """Words of a sentence, EOS counted; of longer ones the first words are read."""
    shapes: Few = 2
    """Shapes of training batches, at most; their widths follow from the text."""

    def load(self) -> Labeled:
        """The labeled sentences.

        Returns:
          The corpus.

        Raises:
          ValueError: where the loader refuses an option.
          MissingCorpus: where its files are not in the data folder.
        """
        return cast(Labeled, super().load())


class ClassificationModel(AttentionSettings):
    """The encoder, and what pools its states."""

    preset: Annotated[str, Choice("attnlab.attention.presets:PRESETS", "")] = ""
    """A paper's choices, or none."""
    pooling: Literal["attention", "mean", "max", "last"] = "attention"
    """What makes one vector of the states: an attention; their mean, or the largest of
    each dimension; or the last state of each direction."""
    score: Annotated[str, Choice("attnlab.attention.presets:SCORES", "none")] = (
        "additive"
    )
    """How well a state matches the learned query; any but none."""
    compat: bool = False
    """Padding up to data.longest shares the weights, as in ilivans/tf-rnn-attention."""
    cell: Annotated[str, Choice("attnlab.nn.cells:CELLS")] = "cho-gru"
    """The recurrent cell."""
    layers: Few = 1
    """Layers of the encoder."""
    embedding: Units = 32
    """Width of the word embeddings, E."""
    hidden: Units = 32
    """Width of the encoder, a direction."""
    attention_hidden: Units = 32
    """Width of the hidden layer of the scores that have one."""
    dropout: Fraction = 0.2
    """Share of entries that are dropped, of the pooled vector and between layers."""

    @model_validator(mode="after")
    def _check_pooling(self) -> Self:
        if self.coverage:
            raise ValueError(
                "model.coverage is of earlier looks; a classifier looks once"
            )
        if self.pooling == "attention" and self.score == "none":
            raise ValueError(
                "model.score none looks at nothing; choose model.pooling last"
            )
        if self.pooling != "attention":
            for name, chosen in (
                (f"model.read {self.read}", self.read != "soft"),
                ("model.compat", self.compat),
            ):
                if chosen:
                    raise ValueError(
                        f"{name} is of attention, not of model.pooling "
                        f"{self.pooling}; choose model.pooling attention"
                    )
        return self


class ClassificationEstimator(EstimatorSettings):
    """How a hard read learns."""

    feed: Literal["expected"] = "expected"
    """What the next state sees: a classifier looks once, and nothing comes after it."""


class ClassificationTrain(TrainSettings):
    """How parameters are learned."""

    steps: Count = 400
    """Updates of the parameters."""
    learning_rate: Positive = 4e-3
    """The highest learning rate of the schedule."""
    evaluate_every: Count = 100
    """Updates between evaluations on the development set, each followed by a
    checkpoint."""
    stop_on: Literal["accuracy", "loss"] = "accuracy"
    """The development score that chooses the best checkpoint."""


class ClassificationEvaluate(PredictSettings):
    """How the classifier is judged."""

    sentences: Units = 250
    """Rows of an evaluation batch."""
    dev_sentences: Count = 2_000
    """Sentences of the development set that are evaluated in training, the first."""
    shown: Size = 200
    """Test sentences whose weights are written into the run folder."""


class ClassificationSettings(PredictingSettings):
    """All settings of a classifier on a labeled corpus."""

    task: Literal["classification"] = "classification"
    data: ClassificationData = ClassificationData()
    model: ClassificationModel = ClassificationModel()
    estimator: ClassificationEstimator = ClassificationEstimator()
    train: ClassificationTrain = ClassificationTrain()
    evaluate: ClassificationEvaluate = ClassificationEvaluate()

    @model_validator(mode="after")
    def _check_rule(self) -> Self:
        # Imported here, as it needs JAX and reading a config file does not.
        rules = importlib.import_module("attnlab.estimators.rules").RULES
        if rules[self.estimator.learning].needs_q:
            fitting = [name for name, rule in rules.items() if not rule.needs_q]
            raise ValueError(
                f"estimator.learning {self.estimator.learning} needs an inference "
                "network, which the classifier has not: its marginal is a sum over a "
                f"sentence's words; choose {', '.join(fitting)}"
            )
        return self
