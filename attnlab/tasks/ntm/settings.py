"""The settings of the Neural Turing Machine's task."""

from typing import Annotated, Literal, Self, cast

from pydantic import model_validator

from attnlab.settings import (
    Choice,
    ClipBy,
    Count,
    DataSettings,
    Few,
    NonNegative,
    Optimizer,
    Positive,
    Settings,
    Size,
    TaskSettings,
    TrainSettings,
    Units,
    with_corpora,
)
from attnlab.tasks.ntm.data import PROBLEMS, Problem


@with_corpora(PROBLEMS)
class NTMData(DataSettings):
    """Which algorithmic problem, and how its sequences are batched."""

    name: str = "copy"
    shapes: Few = 5
    """Shapes of training batches, at most: T is padded to as many widths."""
    curriculum: Size = 0
    """Updates over which sizes grow from the shortest to all; 0: all from the start."""

    def load(self) -> Problem:
        """The algorithmic problem.

        Returns:
          The problem, which makes its sequences when they are asked for.

        Raises:
          ValueError: for options that do not go together.
        """
        return cast(Problem, super().load())

    @model_validator(mode="after")
    def _check_problem(self) -> Self:
        try:
            self.load()  # makes no sequence yet
        except ValueError as error:
            raise ValueError(f"data.{self.name}: {error}") from None
        return self


class NTMModel(Settings):
    """The machine, or the baseline without a memory."""

    system: Literal["ntm", "lstm"] = "ntm"
    """ntm, or lstm: stacked LSTM layers without a memory, the baseline."""
    controller: Literal["lstm", "feed-forward"] = "lstm"
    """What emits the heads."""
    hidden: Units = 100
    """Units of the controller."""
    layers: Few = 1
    """Layers of the baseline."""
    units: Units = 256
    """Units of each layer of the baseline."""
    slots: Units = 128
    """Rows of the memory, S."""
    width: Units = 20
    """Numbers in a row of the memory, C."""
    read_heads: Few = 1
    """Heads that read."""
    write_heads: Few = 1
    """Heads that write."""
    memory: Literal["constant", "learned"] = "constant"
    """How the memory starts: at 1e-6, or there and learned."""
    addressing: Literal["ntm", "content"] = "ntm"
    """ntm, or content alone: no gate, shift and sharpening."""
    normalizer: Annotated[str, Choice("attnlab.attention.presets:NORMALIZERS")] = (
        "softmax"
    )
    """How the scores of content become weights."""


class NTMTrain(TrainSettings):
    """How parameters are learned: many updates of one sequence (Graves et al. 2014)."""

    steps: Count = 20_000
    """Updates of the parameters."""
    batch_size: Units = 1
    """Sequences of an update."""
    optimizer: Optimizer = "rmsprop"
    """The optimizer, optax's."""
    learning_rate: Positive = 1e-3
    """The highest learning rate of the schedule."""
    clip: NonNegative = 10.0
    """What each number of a gradient is held to, or its norm; 0 never clips."""
    clip_by: ClipBy = "elements"
    """Whether `clip` is of each number of a gradient, of its norm, or of the spectral
    norm of each matrix."""
    log_every: Count = 500
    """Updates between lines of kind "train" in metrics.jsonl."""
    evaluate_every: Count = 1000
    """Updates between evaluations on the development set, each followed by a
    checkpoint."""
    compute: Literal["float32"] = "float32"
    """What the model multiplies in."""
    stop_on: Literal["bits_per_item", "bits"] = "bits_per_item"
    """The development score that chooses the best checkpoint."""


class NTMEvaluate(Settings):
    """How the machine is judged."""

    sequences: Units = 200
    """Sequences of the development set, and of each size tested."""


class NTMSettings(TaskSettings):
    """All settings of a Neural Turing Machine on an algorithmic problem."""

    task: Literal["ntm"] = "ntm"
    data: NTMData = NTMData()
    model: NTMModel = NTMModel()
    train: NTMTrain = NTMTrain()
    evaluate: NTMEvaluate = NTMEvaluate()
