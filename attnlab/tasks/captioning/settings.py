"""The settings of image captioning."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from attnlab.settings import (
    AttentionSettings,
    Choice,
    Count,
    DataSettings,
    DecoderSettings,
    DecoderTrainSettings,
    Few,
    Fraction,
    NonNegative,
    PredictSettings,
    Units,
    with_corpora,
)
from attnlab.tasks.captioning.batches import Pictures
from attnlab.tasks.captioning.pictures import PICTURES


@with_corpora(PICTURES)
class CaptioningData(DataSettings):
    """Which captioned pictures, and how they are batched."""

    file_options = {
        "folder": ("json", "images", "features"),
        "files": ("images", "train", "dev", "test"),
    }

    name: str = "scenes"
    min_count: Count = 1
    """Words that are rarer in the training captions are unknown ones."""
    shapes: Few = 2
    """Shapes of training batches, at most: captions are padded to as many widths."""
    longest: Annotated[int, Field(ge=2)] = 24
    """Longer captions are not trained on, in words and the end mark."""

    def load(self) -> Pictures:
        """The chosen pictures, none of whose splits is empty.

        Returns:
          The captioned pictures.

        Raises:
          ValueError: for files that are broken, and for a split without pictures.
          MissingCorpus: where the files are not in the data folder.
        """
        pictures = super().load()
        assert isinstance(pictures, Pictures)
        for split in ("train", "dev", "test"):
            if not getattr(pictures, split):
                raise ValueError(
                    f"{self.name!r} has no {split} pictures: data.{self.name}"
                )
        return pictures


class CaptioningModel(AttentionSettings):
    """The encoder of pictures, and the decoder that attends to its cells."""

    preset: Annotated[str, Choice("attnlab.attention.presets:PRESETS", "")] = ""
    """A paper's variant, whose choices the configuration then has."""
    score: Annotated[str, Choice("attnlab.attention.presets:SCORES", "none")] = (
        "additive"
    )
    """How well a query matches a key; none: the mean of all cells instead of
    attention."""
    annotations: Literal["conv", "given"] = "conv"
    """What is attended to: the cells of a small convolutional network that is trained
    along, or the features that the data hold."""
    channels: tuple[Units, ...] = (32, 64)
    """Widths of the convolutions, each of which halves the picture."""
    cell: Annotated[str, Choice("attnlab.nn.cells:CELLS")] = "lstm"
    """The decoder's recurrent cell."""
    embedding: Units = 64
    """Width of the words' embeddings, and of the readout."""
    hidden: Units = 64
    """Units of the decoder."""
    attention_hidden: Units = 64
    """Units inside the score."""
    gate: bool = True
    """Whether the decoder scales each context by a gate, a scalar."""
    tied: bool = False
    """Whether words are predicted by their embeddings."""
    dropout: Fraction = 0.0
    """Share of annotations, embeddings and readouts that are dropped."""

    @property
    def convolutions(self) -> tuple[int, ...]:
        """Widths of the convolutions that the model has: none for given features."""
        return self.channels if self.annotations == "conv" else ()

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        if self.annotations == "conv" and not self.channels:
            raise ValueError(
                "model.channels is empty; give a width for each convolution"
            )
        return self


class CaptioningTrain(DecoderTrainSettings):
    """How parameters are learned."""

    steps: Count = 1_000
    doubly_stochastic: NonNegative = 0.0
    """Weight of the penalty on cells that a caption looks at too little or too much
    (Xu et al. 2015: 1, of the sum over cells)."""
    stop_on: Literal["exact", "bleu", "perplexity", "pointing"] = "exact"


class CaptioningEvaluate(PredictSettings):
    """How captions are generated and judged."""

    pictures: Units = 64
    """Rows of an evaluation batch."""
    dev_pictures: Count = 200
    """Pictures of the development set that are judged during training."""
    longest: Count = 20
    """Words of a caption, at most."""
    beams: Few = 1
    """Hypotheses of the search; 1 is greedy."""
    length_penalty: Annotated[str, Choice("attnlab.decoding.beam:LENGTH_PENALTIES")] = (
        "average"
    )
    """How hypotheses of different lengths are compared."""
    alpha: float = 0.6
    """Exponent of the length penalty gnmt."""
    positions: Few = 5
    """Cells that decoding takes the marginal over, the most probable ones."""


class CaptioningSettings(DecoderSettings):
    """All settings of image captioning."""

    task: Literal["captioning"] = "captioning"
    data: CaptioningData = CaptioningData()
    model: CaptioningModel = CaptioningModel()
    train: CaptioningTrain = CaptioningTrain()
    evaluate: CaptioningEvaluate = CaptioningEvaluate()
