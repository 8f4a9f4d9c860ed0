"""The algorithmic tasks: machines with and without a memory, judged by their bits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab import runs
from attnlab.attention.addressing import addressing
from attnlab.attention.presets import NORMALIZERS, build
from attnlab.masking import zero_padding
from attnlab.nn.losses import Sums
from attnlab.task import Task
from attnlab.tasks.ntm.data import (
    PROBLEMS,
    Problem,
    SequenceBatch,
    SequenceBatches,
    label,
    optimal_bits,
    padded,
    stream,
)
from attnlab.tasks.ntm.lstm_baseline import StackedLSTM
from attnlab.tasks.ntm.model import CONTROLLERS, MEMORIES, NTM, NTMOutputs

SYSTEMS = ("ntm", "lstm")
DEV_SIZES = 10  # that the development set has
# Graves et al. 2014; by content alone is what is left without sections 3.3.2's stages.
ADDRESSING = {
    "ntm": lambda normalizer: addressing(NORMALIZERS[normalizer]),
    "content": lambda normalizer: build("cosine", normalizer=normalizer),
}


def make_problem(config: Mapping[str, Any]) -> Problem:
    """The problem of `data.name` with the options under that name in `data`."""
    data = config["data"]
    return PROBLEMS[data["name"]](**data[data["name"]])


def build_model(config: Mapping[str, Any], problem: Problem):
    """The model of a configuration, for the inputs and outputs of a problem."""
    model = config["model"]
    if model["system"] == "lstm":
        return StackedLSTM(
            problem.inputs, problem.outputs, model["units"], model["layers"]
        )
    return NTM(
        inputs=problem.inputs,
        outputs=problem.outputs,
        attention=ADDRESSING[model["addressing"]](model["normalizer"]),
        controller=CONTROLLERS[model["controller"]](),
        hidden=model["hidden"],
        slots=model["slots"],
        width=model["width"],
        read_heads=model["read_heads"],
        write_heads=model["write_heads"],
        memory=model["memory"],
    )


def check(config: Mapping[str, Any]) -> None:
    """ValueErrors for choices that do not exist, and numbers that make no sense."""
    data, model = config["data"], config["model"]
    for name, value, known in (
        ("data.name", data["name"], PROBLEMS),
        ("model.system", model["system"], SYSTEMS),
        ("model.controller", model["controller"], CONTROLLERS),
        ("model.addressing", model["addressing"], ADDRESSING),
        ("model.normalizer", model["normalizer"], NORMALIZERS),
        ("model.memory", model["memory"], MEMORIES),
        ("train.compute", config["train"]["compute"], ("float32",)),
    ):
        if value not in known:
            raise ValueError(f"unknown {name} {value!r}; choose {', '.join(known)}")
    counts = {
        "data": ("shapes",),
        "model": ("hidden", "slots", "width", "read_heads", "write_heads")
        + ("layers", "units"),
        "train": ("steps", "batch_size", "evaluate_every", "log_every"),
        "evaluate": ("sequences",),
    }
    for section, names in counts.items():
        for name in names:
            value = config[section][name]
            if value < 1:
                raise ValueError(f"{section}.{name} is {value}; it must be positive")
    if data["curriculum"] < 0:
        raise ValueError(f"data.curriculum is {data['curriculum']}; 0 means none")


def step_losses(logits: jax.Array, batch: SequenceBatch) -> jax.Array:
    """Cross entropy of each step's output in nats, [B, T], 0 where not scored."""
    nats = jax.nn.softplus(logits) - batch.targets * logits  # -log p(bit)
    return zero_padding(nats.sum(axis=-1), jnp.asarray(batch.scored))


def make_task(config: Mapping[str, Any], folder: Path) -> Task:
    """The task of a configuration.

    An item is a scored step, one vector of bits. `bits` and `bits_per_item` of
    `validate` are those of the training sizes; in result.json, those of the largest
    training size, with `..._by_size` for all that were tested.
    """
    del folder  # all that a resumed run needs follows from its configuration
    check(config)
    data, train = config["data"], config["train"]
    problem = make_problem(config)
    model = build_model(config, problem)
    batches = SequenceBatches(
        problem,
        train["batch_size"],
        data["shapes"],
        config["seed"],
        data["curriculum"],
    )
    judge = jax.jit(lambda params, batch: judged(model, params, batch))
    rows = config["evaluate"]["sequences"]
    dev = dev_set(problem, rows, batches.widths)
    largest = problem.training[-1]

    def init(rng):
        return model.init(rng, method="parameters")

    def loss(params, batch: SequenceBatch, rng, estimator_state):
        del rng  # nothing is drawn
        unrolled: Any = model.apply(params, batch.inputs)
        nats = step_losses(unrolled.logits, batch).sum()
        return nats, (Sums(nats, batch.scored.sum()), estimator_state)

    def validate(params):
        found = [judge(params, batch)[0] for batch in dev]
        whole = jax.tree.map(lambda *parts: np.concatenate(parts), *found)
        scores = score(whole)
        return {name: scores[name] for name in ("bits", "bits_per_item")}

    def finish(params, folder: Path):
        scores, arrays = {}, {}
        for size in dict.fromkeys([largest, *problem.test]):
            batch = problem.draw(stream("test", *size), rows, size)
            found, unrolled = jax.tree.map(np.asarray, judge(params, batch))
            scores[label(size)] = score(found)
            if data["name"] == "ngrams":
                optimal = optimal_bits(batch, data["ngrams"]["order"])
                scores[label(size)]["bits_optimal"] = float(optimal.mean())
            arrays |= example(batch, unrolled, label(size))
            if size == largest:
                write_example_counts(folder, found, batch)
        runs.write_arrays(folder / runs.EXAMPLES, arrays)
        at_largest = scores[label(largest)]
        by_size = {
            f"{name}_by_size": {size: scores[size][name] for size in scores}
            for name in at_largest
        }
        return at_largest | by_size | {"size": label(largest)}

    return Task(init, loss, batches, validate, finish, scores=("bits_per_item", "bits"))


class SequenceScores(NamedTuple):
    """What a model did with each of B sequences: bits it needed, items, wrong bits,
    each [B]."""

    bits: Any
    items: Any
    wrong: Any


def judged(model, params, batch: SequenceBatch) -> tuple[SequenceScores, NTMOutputs]:
    """Each sequence's count, and the pass they are of."""
    unrolled: Any = model.apply(params, batch.inputs)
    bits = step_losses(unrolled.logits, batch).sum(axis=1) / jnp.log(2)
    wrong = (unrolled.logits > 0) != (batch.targets > 0.5)
    wrong = wrong & jnp.asarray(batch.scored)[..., None]
    return SequenceScores(
        bits, batch.scored.sum(axis=1), wrong.sum(axis=(1, 2))
    ), unrolled


def score(found: SequenceScores) -> dict[str, float]:
    """The scores of a set of sequences; `exact`: the share without a wrong bit."""
    return {
        "bits": float(found.bits.mean()),
        "bits_per_item": float(found.bits.sum() / found.items.sum()),
        "wrong_bits": float(found.wrong.mean()),
        "exact": float((found.wrong == 0).mean()),
    }


def write_example_counts(
    folder: Path, found: SequenceScores, batch: SequenceBatch
) -> None:
    """What significance tests rest on."""
    ones = np.ones(len(found.bits))
    counts = {
        "bits": [found.bits, ones],
        "bits_per_item": [found.bits, found.items],
        "wrong_bits": [found.wrong, ones],
        "exact": [found.wrong == 0, ones],
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
    """About `sequences` in DEV_SIZES training sizes, or in all where they are fewer."""
    count = len(problem.training)
    chosen = np.linspace(0, count - 1, min(DEV_SIZES, count)).round().astype(int)
    rows = max(sequences // len(chosen), 1)
    sizes = [problem.training[index] for index in chosen]
    drawn = [problem.draw(stream("dev", *size), rows, size) for size in sizes]
    return [padded(batch, widths) for batch in drawn]


def example(batch: SequenceBatch, unrolled: Any, size: str) -> dict[str, np.ndarray]:
    """The first sequence of a batch, as `attnlab.tasks.ntm.plots` draws it.

    "size/inputs" [T, X], targets and outputs [T, Y], scored [T], reads [T, R, S] and
    writes [T, W, S].
    """
    return {
        f"{size}/inputs": batch.inputs[0],
        f"{size}/targets": batch.targets[0],
        f"{size}/scored": batch.scored[0],
        f"{size}/outputs": 1 / (1 + np.exp(-unrolled.logits[0])),
        f"{size}/reads": unrolled.reads[0],
        f"{size}/writes": unrolled.writes[0],
    }
