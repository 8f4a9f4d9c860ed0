"""The training problems that both sides of a benchmark solve.

Shapes are the papers' models at width 256 with 10,000 words a side, on Multi30k's real
sentences where the data folder has it (ATTNLAB_DATA), else on the embedded pair.
Bahdanau's GRU is here the one that torch has a fused kernel for (reset after the
matmul), so that the other side is at its best and computes the same loss.
"""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from attnlab.nn.losses import Sums
from attnlab.parsing import parse
from attnlab.sweep.rows import resolve
from attnlab.task import Task
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.task import make_task
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import TrainState, init_state, train_step
from benchmarks.turns import Peer, data_folder
from configs.translation import get_config

BAHDANAU = {"preset": "bahdanau2014", "cell": "gru"}
LUONG = {"preset": "luong2015-global-general", "layers": 2}
SHAPES: dict[str, dict[str, Any]] = {
    "bahdanau2014": BAHDANAU,
    "luong2015, input feeding": LUONG,
    "luong2015, no feeding": LUONG | {"input_feeding": False},
}


def settings(
    shape: str, width: int = 256, batch_size: int = 128, **more
) -> TranslationSettings:
    """The settings of a shape."""
    base = get_config()
    widths = ("embedding", "hidden", "attention_hidden", "readouts")
    chosen = {f"model.{name}": width for name in widths}
    chosen |= {"train.batch_size": batch_size, "train.learning_rate": 1e-3}
    chosen |= {"data.shapes": 6}  # as many updates as an epoch has are not its default
    chosen |= {"data.name": "multi30k" if data_folder() else "synthetic"}
    config = resolve(base, SHAPES[shape] | chosen | more)
    return parse(TranslationSettings, config.to_dict())


class TrainingProblem(NamedTuple):
    """A run's settings, its task, its first state and its pure step."""

    settings: TranslationSettings
    task: Task
    state: TrainState
    step: Callable[..., tuple[TrainState, Sums]]

    @classmethod
    def of(cls, settings: TranslationSettings) -> "TrainingProblem":
        """The problem of these settings."""
        with tempfile.TemporaryDirectory() as folder:
            task = make_task(settings, Path(folder))
        train = settings.train
        tx = make_optimizer(train, make_schedule(train, len(task.batches)))
        state = jax.jit(
            partial(init_state, task.init, tx, task.estimator_state, settings.seed)
        )()
        step = partial(train_step, loss=task.loss, tx=tx)
        return cls(settings, task, state, step)

    def peer_arguments(self) -> dict[str, Any]:
        """What benchmarks/peers/seq2seq.py needs to build the same model."""
        params, model = self.state.params["params"], self.settings.model
        words = params["source_embedding"], params["target_embedding"]
        return {
            "decoder": model.decoder,
            "sizes": [len(table) for table in words],
            "width": model.hidden,
            "layers": model.layers,
            "feeding": model.input_feeding,
        }


def by_path(params: Any) -> dict[str, np.ndarray]:
    """Parameters as {"decoder/cell/input": array}."""
    leaves = jax.tree_util.tree_leaves_with_path(params["params"])
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in leaves
    }


def hand_over(
    peer: Peer, problem: TrainingProblem, batches: Sequence[Any], name: str
) -> None:
    """Give the peer our parameters and these batches; it holds its model as `name`."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "params.npz", **by_path(problem.state.params))
        arrays = {
            f"{number}/{field}": array
            for number, batch in enumerate(batches)
            for field, array in batch._asdict().items()
        }
        np.savez(Path(folder) / "batches.npz", **arrays)
        peer.call("make", name=name, folder=folder, **problem.peer_arguments())
        peer.call("load", folder=folder)
