"""The algorithmic tasks: machines with and without a memory, judged by their bits."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from attnlab import runs
from attnlab.attention.addressing import addressing
from attnlab.attention.base import Params
from attnlab.attention.presets import NORMALIZERS, build
from attnlab.compilation import jit
from attnlab.masking import zero_padding
from attnlab.nn.losses import Sums
from attnlab.task import Task
from attnlab.tasks.ntm.data import (
    Problem,
    SequenceBatch,
    SequenceBatches,
    label,
    padded,
    stream,
)
from attnlab.tasks.ntm.lstm_baseline import StackedLSTM
from attnlab.tasks.ntm.model import CONTROLLERS, NTM, NTMOutputs
from attnlab.tasks.ntm.settings import NTMModel, NTMSettings

DEV_SIZES = 10  # that the development set has
# Graves et al. 2014; by content alone is what is left without sections 3.3.2's stages.
ADDRESSING = {
    "ntm": lambda normalizer: addressing(NORMALIZERS[normalizer]),
    "content": lambda normalizer: build("cosine", normalizer=normalizer),
}


def build_model(model: NTMModel, problem: Problem) -> NTM | StackedLSTM:
    """The model of its settings, for the inputs and outputs of a problem.

    Args:
      model: the settings.
      problem: what is to be learned.

    Returns:
      A linen module, without parameters.
    """
    if model.system == "lstm":
        return StackedLSTM(problem.inputs, problem.outputs, model.units, model.layers)
    return NTM(
        inputs=problem.inputs,
        outputs=problem.outputs,
        attention=ADDRESSING[model.addressing](model.normalizer),
        controller=CONTROLLERS[model.controller](),
        hidden=model.hidden,
        slots=model.slots,
        width=model.width,
        read_heads=model.read_heads,
        write_heads=model.write_heads,
        memory=model.memory,
    )


def step_losses(logits: jax.Array, batch: SequenceBatch) -> jax.Array:
    """Cross entropy of each step's output.

    Args:
      logits: [B, T, Y].
      batch: the sequences.

    Returns:
      Nats [B, T], 0 where a step is not scored.
    """
    # -log p(bit), from logits: a sigmoid near 0 or 1 would lose its logarithm.
    nats = jax.nn.softplus(logits) - batch.targets * logits
    return zero_padding(nats.sum(axis=-1), jnp.asarray(batch.scored))


def make_task(settings: NTMSettings, folder: Path) -> Task:
    """The task of a run.

    An item is a scored step, one vector of bits. `bits` and `bits_per_item` of
    `validate` are those of the training sizes; in result.json, those of the largest
    training size, with `..._by_size` for all that were tested.

    Args:
      settings: all settings of the run.
      folder: the run's folder; nothing is written into it before the run has finished.

    Returns:
      The task, whose batches are made on the fly.
    """
    del folder  # sequences are made anew, and there is no vocabulary
    data = settings.data
    problem = data.load()
    model = build_model(settings.model, problem)
    batches = SequenceBatches(
        problem,
        settings.train.batch_size,
        data.shapes,
        settings.seed,
        data.curriculum,
    )
    judge = jit(lambda params, batch: judged(model, params, batch))
    rows = settings.evaluate.sequences
    dev = dev_set(problem, rows, batches.widths)
    largest = problem.training[-1]

    def init(rng):
        return model.init(rng, method="parameters")

    def loss(params, batch: SequenceBatch, rng, estimator_state):
        del rng  # nothing is drawn
        outputs = cast(NTMOutputs, model.apply(params, batch.inputs))
        nats, items = step_losses(outputs.logits, batch).sum(), batch.scored.sum()
        # Learned is a sequence's loss and not an item's, which an update divides by:
        # a long sequence has that many mistakes to learn from (Graves et al. 2014).
        learned = nats * items / batch.scored.shape[0]
        return learned, (Sums(nats, items), estimator_state)

    def validate(params):
        parts = [judge(params, batch)[0] for batch in dev]
        scores = score(SequenceScores(*map(np.concatenate, zip(*parts, strict=True))))
        return {name: scores[name] for name in ("bits", "bits_per_item")}

    def finish(params, folder: Path):
        scores, arrays = {}, {}
        for size in dict.fromkeys([largest, *problem.test]):
            batch = problem.draw(stream("test", *size), rows, size)
            counts, outputs = jax.tree.map(np.asarray, judge(params, batch))
            scores[label(size)] = score(counts)
            if problem.optimal is not None:
                bits = problem.optimal(batch)
                scores[label(size)]["bits_optimal"] = float(bits.mean())
            arrays |= example(batch, outputs, label(size))
            if size == largest:
                write_example_counts(folder, counts, batch)
        runs.write_arrays(folder / runs.EXAMPLES, arrays)
        at_largest = scores[label(largest)]
        by_size = {
            f"{name}_by_size": {size: scores[size][name] for size in scores}
            for name in at_largest
        }
        return at_largest | by_size | {"size": label(largest)}

    return Task(init, loss, batches, validate, finish, scores=("bits_per_item", "bits"))


class SequenceScores(NamedTuple):
    """What a model did with each of B sequences.

    Attributes:
      bits: [B], that it needed.
      items: [B], scored steps.
      wrong: [B], wrong bits.
    """

    bits: jax.Array | np.ndarray
    items: jax.Array | np.ndarray
    wrong: jax.Array | np.ndarray


def judged(
    model: NTM | StackedLSTM, params: Params, batch: SequenceBatch
) -> tuple[SequenceScores, NTMOutputs]:
    """What a model does with a batch.

    Args:
      model: the machine or the baseline.
      params: its parameters.
      batch: the sequences.

    Returns:
      The counts of each sequence, and the outputs they are of.
    """
    outputs = cast(NTMOutputs, model.apply(params, batch.inputs))
    bits = step_losses(outputs.logits, batch).sum(axis=1) / jnp.log(2)
    wrong = (outputs.logits > 0) != (batch.targets > 0.5)
    wrong = wrong & jnp.asarray(batch.scored)[..., None]
    items = batch.scored.sum(axis=1)
    return SequenceScores(bits, items, wrong.sum(axis=(1, 2))), outputs


def score(counts: SequenceScores) -> dict[str, float]:
    """The scores of a set of sequences.

    Args:
      counts: of each sequence.

    Returns:
      bits a sequence, bits_per_item, wrong_bits a sequence, and exact, the share of
      sequences without a wrong bit.
    """
    return {
        "bits": float(counts.bits.mean()),
        # Totals are divided once: sequences of several sizes weigh by their items.
        "bits_per_item": float(counts.bits.sum() / counts.items.sum()),
        "wrong_bits": float(counts.wrong.mean()),
        "exact": float((counts.wrong == 0).mean()),
    }


def write_example_counts(
    folder: Path, scores: SequenceScores, batch: SequenceBatch
) -> None:
    """Writes what significance tests rest on.

    Args:
      folder: the run's folder.
      scores: the counts of each sequence.
      batch: the sequences.
    """
    ones = np.ones(len(batch.inputs))
    counts = {
        "bits": [scores.bits, ones],
        "bits_per_item": [scores.bits, scores.items],
        "wrong_bits": [scores.wrong, ones],
        "exact": [scores.wrong == 0, ones],
    }
    names = [
        runs.unique_id("sequence", inputs.tobytes(), targets.tobytes())
        for inputs, targets in zip(batch.inputs, batch.targets, strict=True)
    ]
    pairs = {name: np.stack(pair, axis=1) for name, pair in counts.items()}
    runs.write_example_counts(folder, names, pairs)


def dev_set(
    problem: Problem, sequences: int, widths: Sequence[int]
) -> list[SequenceBatch]:
    """The development set, in DEV_SIZES training sizes, or in all where they are fewer.

    Args:
      problem: to draw from.
      sequences: how many, about.
      widths: that batches are padded to.

    Returns:
      A batch a size.
    """
    count = len(problem.training)
    chosen = np.linspace(0, count - 1, min(DEV_SIZES, count)).round().astype(int)
    rows = max(sequences // len(chosen), 1)
    sizes = [problem.training[index] for index in chosen]
    batches = [problem.draw(stream("dev", *size), rows, size) for size in sizes]
    return [padded(batch, widths) for batch in batches]


def example(
    batch: SequenceBatch, outputs: NTMOutputs, size: str
) -> dict[str, np.ndarray]:
    """The first sequence of a batch, as `attnlab.tasks.ntm.plots` draws it.

    Args:
      batch: the sequences.
      outputs: of the model, NumPy's arrays.
      size: the name of their size.

    Returns:
      "size/inputs" [T, X], targets and outputs [T, Y], scored [T], reads [T, R, S] and
      writes [T, W, S].
    """
    return {
        f"{size}/inputs": batch.inputs[0],
        f"{size}/targets": batch.targets[0],
        f"{size}/scored": batch.scored[0],
        f"{size}/outputs": 1 / (1 + np.exp(-np.asarray(outputs.logits[0]))),
        f"{size}/reads": np.asarray(outputs.reads[0]),
        f"{size}/writes": np.asarray(outputs.writes[0]),
    }
