"""The training problems that both sides of a benchmark solve.

Shapes are the papers' models at width 256 with 10,000 words a side, on Multi30k's real
sentences where the data folder has it (ATTNLAB_DATA), else on the embedded pair.
Bahdanau's GRU is here the one that torch has a fused kernel for (reset after the
matmul), so that the other side is at its best and computes the same loss.
"""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from attnlab.sweep.rows import resolve
from attnlab.tasks.translation.task import make_task
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import init_state, train_step
from benchmarks.turns import Peer, data_folder
from configs.translation import get_config

BAHDANAU = {"preset": "bahdanau2014", "cell": "gru"}
LUONG = {"preset": "luong2015-global-general", "layers": 2}
SHAPES: dict[str, dict[str, Any]] = {
    "bahdanau2014": BAHDANAU,
    "luong2015, input feeding": LUONG,
    "luong2015, no feeding": LUONG | {"input_feeding": False},
}


def settings(shape: str, width: int = 256, batch_size: int = 128, **more) -> dict:
    """The configuration of a shape, as a plain dict."""
    base = get_config()
    widths = ("embedding", "hidden", "attention_hidden", "readouts")
    chosen = {f"model.{name}": width for name in widths}
    chosen |= {"train.batch_size": batch_size, "train.learning_rate": 1e-3}
    chosen |= {"data.name": "multi30k" if data_folder() else "synthetic"}
    return resolve(base, SHAPES[shape] | chosen | more).to_dict()


class Problem(NamedTuple):
    """A configuration's task, first state and pure step."""

    config: dict[str, Any]
    task: Any
    state: Any
    step: Any

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Problem":
        with tempfile.TemporaryDirectory() as folder:
            task = make_task(config, Path(folder))
        train = config["train"]
        tx = make_optimizer(train, make_schedule(train, len(task.batches)))
        state = jax.jit(
            partial(init_state, task.init, tx, task.estimator_state, config["seed"])
        )()
        step = partial(train_step, loss=task.loss, tx=tx)
        return cls(config, task, state, step)

    def peer_arguments(self) -> dict[str, Any]:
        """What benchmarks/peers/seq2seq.py needs to build the same model."""
        params, model = self.state.params["params"], self.config["model"]
        words = params["source_embedding"], params["target_embedding"]
        return {
            "decoder": model["decoder"],
            "sizes": [len(table) for table in words],
            "width": model["hidden"],
            "layers": model["layers"],
            "feeding": model["input_feeding"],
        }


def by_path(params: Any) -> dict[str, np.ndarray]:
    """Parameters as {"decoder/cell/input": array}."""
    leaves = jax.tree_util.tree_leaves_with_path(params["params"])
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in leaves
    }


def hand_over(peer: Peer, problem: Problem, batches: Sequence[Any], name: str) -> None:
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
