"""The settings of word alignment."""

from typing import Annotated, Literal, Self, cast

from pydantic import Field

from attnlab.settings import (
    MOST,
    Choice,
    Count,
    DataSettings,
    Few,
    FewOrNone,
    Fraction,
    Positive,
    Settings,
    Share,
    TaskSettings,
    TrainSettings,
    Units,
    UnitsOrNone,
    Widths,
    with_corpora,
)
from attnlab.text.pairs import Corpus
from attnlab.text.parallel_corpora import CORPORA

Vocabulary = Annotated[int, Field(ge=5, le=MOST)]  # four special tokens and a word


@with_corpora(CORPORA)
class AlignmentData(DataSettings):
    """Which parallel corpus, its vocabularies, and how its pairs are batched."""

    file_options = {"files": ("train", "dev", "test", "gold")}

    name: str = "synthetic"
    source_vocabulary: Vocabulary = 50_000
    """Largest size, the four special tokens included."""
    target_vocabulary: Vocabulary = 50_000
    """Largest size, the four special tokens included."""
    min_count: Count = 3
    """Times that a word must occur in training to be in a vocabulary."""
    shapes: FewOrNone = 0
    """Shapes of training batches, at most, whose widths follow from the text; 0: one
    for every 500 updates, up to 6."""
    longest: Count = 48
    """Pairs that are longer on either side, with the end mark, are left out of
    training."""

    def load(self) -> Corpus:
        """The chosen corpus; see `DataSettings.load`.

        Returns:
          Its training, development and test pairs, and its gold links.
        """
        return cast(Corpus, super().load())


class AlignmentModel(Settings):
    """Two directions of the same kind: what a word is made of, and which word follows
    which."""

    embedding: Units = 64
    """Width of the word embeddings, E."""
    transition: Annotated[str, Choice("attnlab.attention.transitions:TRANSITIONS")] = (
        "jumps-by-word"
    )
    """How the position of a word depends on that of the word before it."""
    reach: Few = 12
    """Distances that a transition tells apart."""
    null: Fraction = 0.2
    """Probability that a word is a translation of nothing; 0: none is."""
    neighbors: FewOrNone = 1
    """Words on either side of a source word that jumps from and to it see; 0: none."""
    spelling: UnitsOrNone = 128
    """Width of the features of how words are spelled, the same in both languages; 0:
    words are known by their numbers alone."""
    random_spelling: bool = False
    """A control: features of the same width that say nothing of the letters."""
    dropout: Fraction = 0.2
    """Share of entries that is dropped before and after the neighbors are looked at."""


class AlignmentTrain(TrainSettings):
    """How parameters are learned."""

    batch_size: Units = 64
    token_budget: UnitsOrNone = 2048
    """If set: padded tokens of a batch's wider side, instead of `batch_size`."""
    learning_rate: Positive = 1e-2
    candidates: Count = 1024
    """Words that a batch knows and its normalizers sum over: its own, the most frequent
    ones, and others drawn and weighted. Of more own words the rarest are unknown."""
    agree_from: Share = 0.3
    """Share of the updates after which the directions learn to agree; 1: never."""
    stop_on: Literal["agreement", "aer", "perplexity"] = "agreement"

    @property
    def rows(self) -> int | None:
        """Rows of every batch; None with a token budget."""
        return None if self.token_budget else self.batch_size


class AlignmentEvaluate(Settings):
    """How links are chosen and judged."""

    sentences: Units = 64
    """Rows of an evaluation batch."""
    edges: Widths = (24, 48)
    """Widths that sentences are padded to."""
    dev_sentences: Count = 200
    """Pairs of the development set that are evaluated during training, the first."""
    threshold: Positive = 0.5
    """Mean of the two posteriors from which on two words may be linked."""
    gold: str = ""
    """The gold set of the AER column; "": the corpus's first."""


class AlignmentSettings(TaskSettings):
    """All settings of an aligner on a parallel corpus."""

    task: Literal["alignment"] = "alignment"
    data: AlignmentData = AlignmentData()
    model: AlignmentModel = AlignmentModel()
    train: AlignmentTrain = AlignmentTrain()
    evaluate: AlignmentEvaluate = AlignmentEvaluate()

    def extended(self, steps: int) -> Self:
        """See `attnlab.settings.TaskSettings.extended`."""
        # Imported here, as reading a config file does not need it.
        from attnlab.text.batching import affordable_shapes

        shapes = self.data.shapes or affordable_shapes(self.train.steps)
        data = self.data.model_copy(update={"shapes": shapes})
        # The update from which the directions agree; 1 is never.
        share = self.train.agree_from
        if share < 1:
            share = min(share * self.train.steps / steps, 1.0)
        pinned = super().extended(steps)
        train = pinned.train.model_copy(update={"agree_from": share})
        return pinned.model_copy(update={"data": data, "train": train})
