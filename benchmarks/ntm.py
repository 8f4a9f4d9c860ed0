"""Updates of the Neural Turing Machine, against loudinthecloud/pytorch-ntm.

    git clone https://github.com/loudinthecloud/pytorch-ntm
    make peers    # its PyTorch
    python -m benchmarks.ntm --peer=pytorch-ntm [--rounds 7] [--batch 1 16]

An update is forward and backward pass, gradients clipped to 10 each, and RMSProp (1e-4,
decay 0.95, momentum 0.9; ours is centred too), on the same sequences: copy of `--copy`
items and repeat copy of `--repeat` items and repeats. Both machines have an LSTM of 100
units, 128 slots of 20 numbers, one read and one write head. Sides take turns on one
core (`--cores`). Compilation is timed apart; without the peer only our side is timed.
ATTNLAB_PYTORCH_NTM may name the clone too.
"""

import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from attnlab.compilation import jit
from attnlab.parsing import parse
from attnlab.sweep.rows import resolve
from attnlab.tasks.ntm.data import Problem, SequenceBatch, SequenceSize, label, stream
from attnlab.tasks.ntm.settings import NTMSettings
from attnlab.tasks.ntm.task import make_task
from attnlab.training.optimizers import make_optimizer
from attnlab.training.step import init_state, train_step
from benchmarks.turns import (
    Figure,
    Peer,
    finish,
    in_turns,
    parser,
    peer_python,
    ratio,
    spread,
)
from configs.ntm import get_config

UPDATES = {"train.optimizer": "rmsprop", "train.learning_rate": 1e-4}
UPDATES |= {"train.clip": 10.0, "train.clip_by": "elements"}
REST = 6  # numbers a unit that only the peer has: a second bias, a learned first state


class Ours:
    """A compiled update of a task's machine, with its state and one batch."""

    def __init__(self, problem: str, rows: int, size: SequenceSize):
        config = resolve(
            get_config(problem), {**UPDATES, "train.batch_size": rows, "data.shapes": 1}
        )
        self.settings = parse(NTMSettings, config.to_dict())
        self.problem: Problem = self.settings.data.load()
        self.batch: SequenceBatch = self.problem.draw(stream("train"), rows, size)
        task = make_task(self.settings, Path())
        rate = optax.constant_schedule(self.settings.train.learning_rate)
        tx = make_optimizer(self.settings.train, rate)
        self.state = jit(
            partial(init_state, task.init, tx, task.estimator_state, 0), runs="once"
        )()
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(self.state.params))
        start = time.perf_counter()
        step = jit(partial(train_step, loss=task.loss, tx=tx), donate_argnums=0)
        self.step = step.lower(self.state, self.batch).compile()
        self.compiling = time.perf_counter() - start

    def update(self, updates: int) -> float:
        """Seconds of an update, the mean of so many."""
        start = time.perf_counter()
        for _ in range(updates):
            self.state, _ = self.step(self.state, self.batch)
        jax.block_until_ready(self.state.step)
        return (time.perf_counter() - start) / updates


def missing(clone: str) -> str:
    """Why the other side can't be run; "" where it can."""
    if not clone:
        return "--peer names no clone of github.com/loudinthecloud/pytorch-ntm"
    if not (Path(clone) / "ntm" / "aio.py").exists():
        return f"{clone} is no clone of pytorch-ntm: it has no ntm/aio.py"
    if not Path(peer_python()).exists():
        return f"there is no {peer_python()}, which `make peers` makes"
    return ""


def hand_over(peer: Peer, name: str, ours: Ours, clone: str, threads: int) -> None:
    """Give the peer our batch, and check that its machine is as large as ours."""
    model = ours.settings.model
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "batch.npz"
        np.savez(file, inputs=ours.batch.inputs, targets=ours.batch.targets)
        parameters = peer.call(
            "make",
            name=name,
            clone=str(Path(clone).absolute()),
            batch=str(file),
            steps=int((~ours.batch.scored[0]).sum()),
            threads=threads,
            **{size: getattr(model, size) for size in ("hidden", "slots", "width")},
        )
    if parameters != ours.parameters + REST * model.hidden:
        raise SystemExit(
            f"{name}: {ours.parameters} parameters, and {parameters} of the peer's"
        )


def measure(
    name: str, ours: Ours, peer: Peer | None, options: Any, clone: str
) -> list[Figure]:
    """Sequences/s of one problem and batch."""
    rows = len(ours.batch.inputs)
    ways = {"attnlab": lambda: ours.update(options.updates)}
    if peer is not None:
        hand_over(peer, name, ours, clone, options.cores)
        ways["pytorch-ntm"] = lambda: peer.call("update", name=name, updates=1)
    for way in ways.values():
        way()  # else the first turn waits for it
    taken = in_turns(ways, options.rounds)
    steps = ours.batch.inputs.shape[1]
    print(f"\n{name}: {steps} steps; compiling took {ours.compiling:.1f} s")
    rates = {}
    for side, times in taken.items():
        rates[side] = rows / statistics.median(times)
        print(f"  {side:<14}{spread(times):<34}{rates[side]:>8.4g} sequences/s")
    if peer is None:
        return []
    return [
        Figure(
            f"{name}: over pytorch-ntm",
            ratio(taken["pytorch-ntm"], taken["attnlab"]),
            target=">= 5",
            detail=" against ".join(f"{rate:.4g}" for rate in rates.values())
            + " sequences/s",
        )
    ]


def pin(cores: int) -> None:
    """Keep this process and all that it starts on so many cores."""
    if hasattr(os, "sched_setaffinity"):  # not on a Mac
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def main():
    made = parser(__doc__, rounds=7)
    made.add_argument("--peer", default=os.environ.get("ATTNLAB_PYTORCH_NTM", ""))
    made.add_argument("--cores", type=int, default=1, help="that either side may use")
    made.add_argument("--updates", type=int, default=10, help="of ours in a turn")
    made.add_argument("--copy", type=int, default=20, help="items")
    made.add_argument("--repeat", type=int, nargs=2, default=[10, 10])
    made.add_argument("--batch", type=int, nargs="+", default=[1, 16], help="rows")
    options = made.parse_args()
    pin(options.cores)
    sizes = {"copy": (options.copy,), "repeat_copy": tuple(options.repeat)}
    figures, why = [], missing(options.peer)
    if why:
        print(f"only our side is timed: {why}")
    with ExitStack() as stack:
        peer = None if why else stack.enter_context(Peer("turing.py"))
        if peer is not None:
            print(f"PyTorch {peer.call('version')}")
        for problem, size in sizes.items():
            for rows in options.batch:
                name = f"{problem.replace('_', ' ')} {label(size)}, batch {rows}"
                ours = Ours(problem, rows, size)
                figures += measure(name, ours, peer, options, options.peer)
    # Without figures, those of other runs stay in results.md.
    finish("ntm", figures, options.json if figures else None)


if __name__ == "__main__":
    sys.exit(main())
