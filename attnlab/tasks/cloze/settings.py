"""The settings of the cloze task."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from attnlab.settings import (
    AttentionSettings,
    Choice,
    Count,
    DataSettings,
    Few,
    Fraction,
    LearningSettings,
    Positive,
    Settings,
    Size,
    TrainSettings,
    Units,
    with_corpora,
)
from attnlab.tasks.cloze.corpora import CORPORA
from attnlab.tasks.cloze.questions import Cloze


@with_corpora(CORPORA)
class ClozeData(DataSettings):
    """Which questions, and how they are batched."""

    file_options = {"files": ("train", "dev", "test")}

    name: str = "synthetic"
    numbering: Literal["permuted", "first"] = "permuted"
    """How entities are numbered: permuted, anew for each use (Hermann et al. 2015), or
    by first occurrence (Chen et al. 2016)."""
    vocabulary: Size = 50_000
    """Words, at most; entities are not counted."""
    min_count: Count = 1
    """Words that are rarer in the training questions are unknown ones."""
    shapes: Few = 2
    """Shapes of training batches, at most: passages are padded to as many widths."""
    longest: Count = 1000
    """Longer passages are not trained on, in words and the end mark."""

    def load(self) -> Cloze:
        """The chosen questions.

        Returns:
          The questions in three splits.

        Raises:
          ValueError: for files that are broken or not given.
          MissingCorpus: where the files are not in the data folder.
        """
        corpus = super().load()
        assert isinstance(corpus, Cloze)
        return corpus


class ClozeModel(AttentionSettings):
    """The reader of a passage, and how it answers."""

    reader: Annotated[str, Choice("attnlab.tasks.cloze.readers:READERS")] = "attentive"
    """How a passage is read for a query: one look, a look a word of the query, or
    without attention."""
    score: Annotated[str, Choice("attnlab.attention.presets:SCORES")] = "additive"
    """How well a query matches a key; a reader without attention is deep-lstm."""
    read: Literal["soft", "top-k"] = "soft"
    """What is taken at the weights; a reader learns by cross entropy, which other reads
    cannot."""
    readout: Literal["both", "context", "sum"] = "both"
    """What answers by: context and query (Hermann et al. 2015), context (Chen et al.
    2016), or the sum of each answer's weights (Kadlec et al. 2016)."""
    answers: Literal["words", "entities", "passage"] = "entities"
    """What the softmax is over: every word (Hermann et al. 2015), every entity, or the
    entities of the passage (Chen et al. 2016)."""
    tied: bool = False
    """Whether answers are scored by their embeddings."""
    matches: bool = False
    """Whether words that passage and query share are marked (Chen et al. 2017)."""
    cell: Annotated[str, Choice("attnlab.nn.cells:CELLS")] = "gru"
    """The recurrent cell."""
    layers: Few = 1
    """Layers of the encoders, or of the deep LSTM."""
    embedding: Units = 64
    """Width of the words' embeddings."""
    hidden: Units = 64
    """Units of a direction of an encoder, or of a layer of the deep LSTM."""
    attention_hidden: Units = 64
    """Units inside the score."""
    readouts: Units = 64
    """Width of the readout both."""
    dropout: Fraction = 0.1
    """Share of embeddings and readouts that are dropped."""

    @model_validator(mode="after")
    def _check_readout(self) -> Self:
        if self.readout == "sum" and self.reader == "impatient":
            raise ValueError(
                "model.readout sum is for the attentive reader, not for impatient"
            )
        return self


class ClozeTrain(TrainSettings):
    """How parameters are learned."""

    steps: Count = 2000
    batch_size: Units = 32
    learning_rate: Positive = 3e-3
    warmup: Size = 100
    stop_on: Literal["accuracy", "loss", "pointing"] = "accuracy"


class ClozeEvaluate(Settings):
    """How the reader is judged."""

    questions: Units = 250
    """Rows of an evaluation batch."""


class ClozeSettings(LearningSettings):
    """All settings of a reader of cloze questions."""

    task: Literal["cloze"] = "cloze"
    data: ClozeData = ClozeData()
    model: ClozeModel = ClozeModel()
    train: ClozeTrain = ClozeTrain()
    evaluate: ClozeEvaluate = ClozeEvaluate()
