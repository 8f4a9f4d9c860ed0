"""The settings of memory networks that answer questions over stories.

Model and training are by default those of Sukhbaatar et al. 2015, and where the paper
(https://arxiv.org/abs/1503.08895) and its released code differ, the code's
(https://github.com/facebook/MemNN, MemN2N-babi-matlab): `model.encoding`,
`model.gaps`, `train.schedule` and `train.clip_by` name both. Their loss is summed over
a batch of 32 and ours is its mean, so that a learning rate of 0.32 here is their 0.01,
and a norm of 1.25 their clipping at 40. Unlike theirs, an epoch takes each question
once, and times are no answers.
"""

from typing import Annotated, Literal, Self, cast

from pydantic import Field, model_validator

from attnlab.settings import (
    MONOTONIC,
    AttentionSettings,
    Choice,
    ClipBy,
    Count,
    DataSettings,
    EstimatorSettings,
    Few,
    Fraction,
    LearningSettings,
    NonNegative,
    Optimizer,
    Positive,
    Settings,
    Size,
    TrainSettings,
    Units,
    with_corpora,
)
from attnlab.tasks.memn2n.batches import Stories
from attnlab.tasks.memn2n.corpora import CORPORA

Zero = Annotated[float, Field(ge=0.0, le=0.0)]


@with_corpora(CORPORA)
class MemN2NData(DataSettings):
    """Which questions."""

    file_options = {"files": ("train", "dev", "test")}

    name: str = "stories"

    def load(self) -> Stories:
        """The questions.

        Returns:
          The corpus.

        Raises:
          ValueError: where the loader refuses an option.
          MissingCorpus: where its files are not in the data folder.
        """
        return cast(Stories, super().load())


class MemN2NModel(AttentionSettings):
    """The network, or the baseline without a memory."""

    system: Literal["memn2n", "lstm"] = "memn2n"
    """memn2n, or lstm: an LSTM over story and question, without a memory."""
    score: Annotated[str, Choice("attnlab.attention.presets:SCORES", "none")] = "dot"
    """How well the question matches a memory; any but none."""
    hops: Few = 3
    """Reads of the memory, one after the other."""
    width: Units = 20
    """Numbers of an embedded word, E."""
    memory: Count = 50
    """Sentences that a story keeps, the latest."""
    tying: Annotated[str, Choice("attnlab.tasks.memn2n.model:TYINGS")] = "adjacent"
    """Which word tables hops share."""
    encoding: Annotated[str, Choice("attnlab.tasks.memn2n.encodings:ENCODINGS")] = (
        "released"
    )
    """How a sentence adds up its words: position encoding as in the released code,
    where a memory's time is one word more (released) or is not (released-words), or as
    printed (position), or a bag of words."""
    temporal: bool = True
    """Memories say when they were."""
    noise: Fraction = 0.1
    """Empty memories put between the others in training, as a share of the story."""
    gaps: Literal["released", "independent"] = "released"
    """Where those are put: every way to spread them alike, and times end at the longest
    story (released, as in the code of that name), or each by itself."""
    linear_start: Size = 560
    """First updates without a normalizer: 20 epochs of 900 questions."""
    empty_slots: bool = True
    """Places of the memory without a sentence take part, as in the released code; else
    they are masked."""
    hidden: Units = 64
    """Units of the baseline."""

    @model_validator(mode="after")
    def _check_attention(self) -> Self:
        if self.score == "none":
            raise ValueError(
                "model.score none leaves a memory network nothing to read by; the "
                "system without attention is model.system lstm"
            )
        if self.system == "memn2n" and self.linear_start:
            if self.window != "global" or self.coverage:
                raise ValueError(
                    f"model.linear_start is {self.linear_start}; it takes model.window "
                    f"global without coverage, not {self.window}"
                )
            if self.normalizer in MONOTONIC:
                raise ValueError(
                    f"model.linear_start is {self.linear_start}; it leaves out a "
                    f"normalizer, and model.normalizer {self.normalizer} is more: "
                    "choose model.linear_start 0"
                )
        return self


class MemN2NEstimator(EstimatorSettings):
    """How hard reads of several hops learn: by samples of a whole pass.

    Other rules sum over what one step may read; a hop reads after the hop before it.
    """

    learning: Literal["cross-entropy", "reinforce", "gumbel"] = "cross-entropy"
    """The learning rule."""
    baseline: Literal["none", "moving-average", "soft"] = "soft"
    """What is subtracted from a reward, to lower the variance of its gradient."""
    entropy: Zero = 0.0
    """Memory networks have no bonus for entropy."""
    coin: Zero = 0.0
    """All stories are read by samples."""


class MemN2NTrain(TrainSettings):
    """How parameters are learned."""

    steps: Count = 3_360
    """Updates of the parameters: 120 epochs of 900 questions."""
    batch_size: Units = 32
    """Questions of an update."""
    optimizer: Optimizer = "sgd"
    """The optimizer, optax's."""
    learning_rate: Positive = 0.32
    """The highest learning rate of the schedule; sukhbaatar-released takes half of it
    where there is a warmup."""
    schedule: Literal[
        "constant", "cosine", "luong", "sukhbaatar", "sukhbaatar-released"
    ] = "sukhbaatar-released"
    """The learning rate over time, as in the released code, or as printed (sukhbaatar);
    see `attnlab.training.optimizers.make_schedule`."""
    halve_after: Count = 25
    """Epochs after which the rate is halved, again and again; sukhbaatar-released
    halves as the last of them begins."""
    warmup: Size = 560
    """Updates at half the learning rate, while the start is linear."""
    clip: NonNegative = 1.25
    """Largest norm of a gradient; 0 never clips."""
    clip_by: ClipBy = "tables"
    """Whether `clip` is of the spectral norm of each word table with its times, as in
    the released code, of the whole gradient's norm, or of each of its numbers."""
    log_every: Count = 140
    """Updates between lines of kind "train" in metrics.jsonl."""
    evaluate_every: Count = 280
    """Updates between evaluations on the development set, each followed by a
    checkpoint."""
    compute: Literal["float32"] = "float32"
    """What the model multiplies in."""
    stop_on: Literal["accuracy", "loss"] = "accuracy"
    """The development score that chooses the best checkpoint."""


class MemN2NEvaluate(Settings):
    """How answers are judged."""

    questions: Units = 250
    """Questions of an evaluation batch."""
    shown: Size = 100
    """Test questions whose weights are written into the run folder."""


class MemN2NSettings(LearningSettings):
    """All settings of a memory network on questions over stories."""

    task: Literal["memn2n"] = "memn2n"
    data: MemN2NData = MemN2NData()
    model: MemN2NModel = MemN2NModel()
    estimator: MemN2NEstimator = MemN2NEstimator()
    train: MemN2NTrain = MemN2NTrain()
    evaluate: MemN2NEvaluate = MemN2NEvaluate()

    @model_validator(mode="after")
    def _check_hops(self) -> Self:
        chosen = self.estimator
        if chosen.learning == "reinforce" and chosen.feed == "expected":
            raise ValueError(
                "estimator.feed expected is not for reinforce here: a memory network "
                "feeds what a hop reads to the next; choose estimator.feed sampled, "
                "and estimator.credit to-go or sentence"
            )
        return self
