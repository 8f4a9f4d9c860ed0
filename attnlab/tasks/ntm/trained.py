"""A trained Neural Turing Machine, or its baseline, ready to be run on sequences."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import jax
import numpy as np

from attnlab import arguments
from attnlab.attention.base import Params
from attnlab.task import Loader
from attnlab.tasks.ntm.data import Problem, SequenceBatch, label, stream
from attnlab.tasks.ntm.lstm_baseline import StackedLSTM
from attnlab.tasks.ntm.model import NTM, NTMOutputs
from attnlab.tasks.ntm.settings import NTMSettings
from attnlab.tasks.ntm.task import SequenceScores, build_model, judged, score

MOST = 1_000_000  # items of a sequence, and sequences at once


@dataclass(frozen=True)
class TrainedMachine:
    """A run folder with its best parameters.

    Attributes:
      folder: the run's folder.
      settings: all its settings.
      step: the update that the parameters are of.
      params: the parameters.
      problem: what it learned, with its sizes.
    """

    folder: Path
    settings: NTMSettings
    step: int
    params: Params = field(repr=False)
    model: NTM | StackedLSTM = field(repr=False)
    problem: Problem = field(repr=False)

    def __repr__(self) -> str:
        data, model = self.settings.data, self.settings.model
        return f"<{model.system} on {data.name}, step {self.step}, {self.folder}>"

    def __call__(self, inputs: np.ndarray) -> NTMOutputs:
        """What the machine puts out, and where its heads are.

        Args:
          inputs: [B, T, X], as `problem.draw` makes them.

        Returns:
          logits [B, T, Y], reads [B, T, R, S] and writes [B, T, W, S].

        Raises:
          ValueError: for inputs of another shape.
        """
        shape = np.shape(inputs)
        if len(shape) != 3 or shape[-1] != self.problem.inputs or not all(shape):
            raise ValueError(
                f"inputs have shape {shape}; they must be numbers [B, T, "
                f"{self.problem.inputs}]"
            )
        outputs = jax.jit(self.model.apply)(self.params, inputs)
        return cast(NTMOutputs, jax.tree.map(np.asarray, outputs))

    def draw(self, size: tuple[int, ...], rows: int = 1) -> SequenceBatch:
        """Sequences to run it on, the same ones at every call.

        Args:
          size: of the sequences, such as their number of items: one of `problem.test`,
            or another.
          rows: how many, B.

        Returns:
          inputs [B, T, X], targets [B, T, Y] and scored [B, T].

        Raises:
          ValueError: for a size of other numbers than those of `problem.test`, and rows
            that are not from 1 to 1,000,000.
        """
        first = self.problem.test[0]
        whole = isinstance(size, tuple) and all(
            isinstance(number, int) and 1 <= number <= MOST for number in size
        )
        if not whole or len(size) != len(first):
            raise ValueError(
                f"size is {arguments.shown(size)}; it must be a tuple of "
                f"{len(first)} whole numbers from 1 to {MOST:,}, such as {first}"
            )
        rows = arguments.whole("rows", rows, 1, MOST)
        return self.problem.draw(stream("test", *size), rows, size)

    def scores(self, size: tuple[int, ...], rows: int = 100) -> dict[str, float]:
        """How well it does at a size.

        Args:
          size: as in `draw`.
          rows: sequences to take the means over.

        Returns:
          bits a sequence, bits_per_item, wrong_bits, and exact, the share of sequences
          without a wrong bit, in [0, 1].

        Raises:
          ValueError: as `draw` does.
        """
        counts, _ = judged(self.model, self.params, self.draw(size, rows))
        return score(SequenceScores(*map(np.asarray, counts)))

    def sizes(self) -> list[str]:
        """The sizes that the run was tested at.

        Returns:
          Their names in result.json.
        """
        return [label(size) for size in self.problem.test]


def loader(settings: NTMSettings, folder: Path) -> Loader:
    """How a run of this task is opened.

    Args:
      settings: of the run.
      folder: its folder.

    Returns:
      The Loader.
    """
    del folder
    problem = settings.data.load()
    model = build_model(settings.model, problem)

    def make(folder: Path, step: int, params: Params) -> TrainedMachine:
        return TrainedMachine(folder, settings, step, params, model, problem)

    return Loader(lambda rng: dict(model.init(rng, method="parameters")), make)
