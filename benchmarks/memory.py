"""Peak memory of training updates, against PyTorch.

    python -m benchmarks.memory [--size 64] [--batch 64] [--vocabulary 32000]

The `bahdanau2014` shape at width 256 on random sentences that fill their S = T = size
positions. Each side is a process of its own; its peak is the most resident memory that
the system saw during updates (VmHWM, reset after two updates), less what was resident
before the model was made: parameters, optimizer state, gradients and everything between
count, libraries and compilation do not. Linux only. On a GPU, XLA's own account of the
compiled update is printed instead.
"""

import ctypes
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np

from attnlab.estimators.objective import initial_estimator_state, make_loss
from attnlab.nn.init_params import init_params
from attnlab.tasks.translation.task import build_model
from attnlab.text.batching import Batch
from attnlab.text.vocabulary import EOS
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import init_state, train_step
from benchmarks.peers.resident import peak_of, resident
from benchmarks.problem import settings
from benchmarks.turns import Figure, Peer, finish, parser

MIB = 2**20


def random_batch(size: int, batch: int, vocabulary: int) -> Batch:
    """Sentences of `size` words, the end mark among them."""
    rng = np.random.default_rng(0)
    source, target = rng.integers(4, vocabulary, (2, batch, size)).astype(np.int32)
    source[:, -1] = target[:, -1] = EOS
    lengths = np.full(batch, size, np.int32)
    return Batch(source, lengths, target, lengths)


def ours(size: int, batch: int, vocabulary: int) -> dict[str, float]:
    """MiB at the peak of our updates, in this process."""
    before = resident()
    chosen = settings("bahdanau2014")
    model = build_model(chosen, vocabulary, vocabulary)
    tx = make_optimizer(chosen.train, make_schedule(chosen.train, 100))
    estimator_state = initial_estimator_state()

    def init(rng):
        return init_params(model, rng)

    state = jax.jit(lambda: init_state(init, tx, estimator_state, 0))()
    loss = make_loss(model, chosen)
    update = jax.jit(
        lambda state, batch: train_step(state, batch, loss=loss, tx=tx),
        donate_argnums=0,
    )
    words = random_batch(size, batch, vocabulary)
    compiled = update.lower(state, words).compile()
    held = [state]
    del state

    def work():
        held[0], _ = compiled(held[0], words)
        jax.block_until_ready(held[0])

    work(), work()
    ctypes.CDLL(None).malloc_trim(0)  # what compiling left behind
    account = compiled.memory_analysis()
    temporary = account.temp_size_in_bytes if account else 0
    return {"peak": (peak_of(work) - before) / MIB, "temporary": temporary / MIB}


def theirs(size: int, batch: int, vocabulary: int) -> float:
    """MiB at the peak of PyTorch's updates."""
    with Peer("train.py") as peer, tempfile.TemporaryDirectory() as name:
        words = random_batch(size, batch, vocabulary)
        arrays = {f"0/{field}": array for field, array in words._asdict().items()}
        np.savez(Path(name) / "batches.npz", **arrays)
        peer.call("load", folder=name)
        shape = {"decoder": "bahdanau", "sizes": [vocabulary, vocabulary], "width": 256}
        return peer.call("peak", **shape) / MIB


def main():
    made = parser(__doc__, rounds=1)
    made.add_argument("--size", type=int, default=64, help="S and T")
    made.add_argument("--batch", type=int, default=64)
    made.add_argument("--vocabulary", type=int, default=32_000)
    made.add_argument("--ours", action="store_true", help=f"{ours.__doc__}")
    options = made.parse_args()
    problem = (options.size, options.batch, options.vocabulary)
    if options.ours:
        print(json.dumps(ours(*problem)))
        return
    flags = [f"--size={problem[0]}", f"--batch={problem[1]}"]
    flags += [f"--vocabulary={problem[2]}", "--ours"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", *flags],
        stdout=subprocess.PIPE,
        check=True,
    )
    mine = json.loads(done.stdout.splitlines()[-1])
    other = theirs(*problem)
    print(f"peak of an update: attnlab {mine['peak']:.0f} MiB, PyTorch {other:.0f} MiB")
    print(f"temporary buffers of ours, by XLA's account: {mine['temporary']:.0f} MiB")
    figure = Figure(
        f"peak memory over PyTorch's, V = {problem[2]}",
        mine["peak"] / other,
        target="<= 0.6",
        detail=f"{mine['peak']:.0f} against {other:.0f} MiB",
    )
    finish("memory", [figure], options.json)


if __name__ == "__main__":
    main()
