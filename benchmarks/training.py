"""An update and an epoch of training, against PyTorch and against the machine's limit.

    python -m benchmarks.training [--rounds 5] [--epoch 0.5] [--updates 40]

Real Multi30k sentences in batches of 128 (benchmarks/problem.py), real target words
counted. First both sides are checked to find the same loss and gradient from the same
parameters. Then, in turns:

- updates on the same batches: good PyTorch, and the tutorial's with our readout, over
  ours; and the matrix products of our updates alone (benchmarks/products.py);
- tokens/s against the tutorial as it is, with its batches and its output layer;
- an epoch or a share of it, each in its own way: ours in few shapes, PyTorch's in
  pools of 20 batches sorted by length and padded to the longest, input and the losses
  and greedy translations of the dev set included, compilation not (it is printed);
- JoeyNMT as shipped (`make peers`), which says its own tokens/s.
"""

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import optax

from attnlab.tasks.translation.data import make_codecs
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.text.batching import encode_pairs, in_order
from benchmarks import products
from benchmarks.joeynmt import joeynmt_python, prepare, train
from benchmarks.problem import SHAPES, TrainingProblem, hand_over, settings
from benchmarks.turns import (
    Figure,
    Peer,
    data_folder,
    finish,
    in_turns,
    parser,
    ratio,
    spread,
)

TEST = "test_2016_flickr"
SAMPLE = 8  # batches of one turn


def epoch_of(task) -> list:
    """All batches of the first epoch."""
    return [task.batches.at(step) for step in range(len(task.batches))]


def sample(task) -> list:
    """SAMPLE batches of an epoch, each shape in its share."""
    plan = epoch_of(task)
    plan.sort(key=lambda batch: (batch.target.shape, batch.source.shape))
    apart = len(plan) / SAMPLE
    return [plan[int((k + 0.5) * apart)] for k in range(SAMPLE)]


def check_equal(problem: TrainingProblem, peer: Peer, batch) -> None:
    """Both sides' loss and gradient norm of one batch, within float32's reach."""

    def mean_loss(params):
        rng = jax.random.key(0)
        total, (sums, _) = problem.task.loss(
            params, batch, rng, problem.task.estimator_state
        )
        return total / sums.tokens

    loss, gradient = jax.jit(jax.value_and_grad(mean_loss))(problem.state.params)
    norm = float(optax.global_norm(gradient))
    theirs = peer.call("loss", name="good", batch=0)
    np.testing.assert_allclose(theirs, float(loss), rtol=1e-5)
    theirs = peer.call("gradient", name="good", batch=0)
    np.testing.assert_allclose(theirs, norm, rtol=1e-4)


def limit(
    shape: str, batch, chosen: TranslationSettings, sizes
) -> list[products.Product]:
    """The products of an update on this batch."""
    source, target = batch.source.shape[1], batch.target.shape[1]
    common = (
        len(batch.source),
        source,
        target,
        int(batch.target_lengths.sum()),
        chosen.model.hidden,
        sizes[1],
    )
    if shape == "bahdanau2014":
        return products.bahdanau(*common)
    return products.luong(*common, fed=chosen.model.input_feeding)


def updates(shape: str, rounds: int) -> list[Figure]:
    """Our updates against the other sides', on the same batches."""
    problem = TrainingProblem.of(settings(shape))
    batches = sample(problem.task)
    tokens = sum(int(batch.target_lengths.sum()) for batch in batches)
    sizes = problem.peer_arguments()["sizes"]
    held = [problem.state]
    step = jax.jit(problem.step, donate_argnums=0)

    def ours():
        for batch in batches:
            held[0], _ = step(held[0], batch)
        return held[0].step

    alone = [
        products.alone(limit(shape, batch, problem.settings, sizes))
        for batch in batches
    ]
    everything = list(range(len(batches)))
    with Peer("train.py") as peer:
        hand_over(peer, problem, batches, "good")
        check_equal(problem, peer, batches[0])
        ways = {
            "attnlab": ours,
            "good PyTorch": lambda: peer.call("update", name="good", which=everything),
        }
        if shape == "bahdanau2014":
            tutorial = {"kind": "tutorial", "sizes": sizes, "width": 256}
            peer.call("make", name="tutorial", folder="", **tutorial)
            ways["tutorial PyTorch"] = lambda: peer.call(
                "update", name="tutorial", which=everything
            )
        ways["products alone"] = lambda: [work() for work in alone]
        for way in ways.values():
            jax.block_until_ready((way(), way()))  # else the first turn waits for it
        taken = in_turns(ways, rounds)
    print(f"\n{shape}: {len(batches)} updates, {tokens} real target words")
    for name, times in taken.items():
        rate = tokens / statistics.median(times)
        print(f"  {name:<20}{spread(times):<34}{rate:>8.0f} tokens/s")
    targets = {"good PyTorch": ">= 1.0", "tutorial PyTorch": ""}
    detail = f"{spread(taken['attnlab'])} for {len(batches)} updates"
    figures = [
        Figure(
            f"{shape}: update over {name}",
            ratio(taken[name], taken["attnlab"]),
            target=target,
            detail=detail,
        )
        for name, target in targets.items()
        if name in taken
    ]
    share = 100 / ratio(taken["attnlab"], taken["products alone"])
    return [
        *figures,
        Figure(f"{shape}: share of bare products", share, "%", ">= 75"),
    ]


def tutorial(rounds: int, batches: int = 4) -> list[Figure]:
    """Tokens/s against the tutorial as it is: its batches of random sentences, and its
    output layer that reads all 4 x width."""
    problem = TrainingProblem.of(settings("bahdanau2014"))
    pairs_ids, _ = texts(problem.settings)
    ours, theirs = sample(problem.task), random(pairs_ids, 128)[:batches]
    held = [problem.state]
    step = jax.jit(problem.step, donate_argnums=0)

    def update():
        for batch in ours:
            held[0], _ = step(held[0], batch)
        return held[0].step

    with Peer("train.py") as peer:
        hand_over(peer, problem, theirs, "good")
        sizes = problem.peer_arguments()["sizes"]
        shape = {"kind": "tutorial", "sizes": sizes, "width": 256, "maxout": False}
        peer.call("make", name="tutorial", folder="", **shape)
        which = list(range(batches))
        ways = {
            "attnlab": update,
            "tutorial PyTorch": lambda: peer.call(
                "update", name="tutorial", which=which
            ),
        }
        for way in ways.values():
            jax.block_until_ready((way(), way()))  # else the first turn waits for it
        taken = in_turns(ways, rounds)
    words = {
        name: sum(int(batch.target_lengths.sum()) for batch in batches_)
        for name, batches_ in (("attnlab", ours), ("tutorial PyTorch", theirs))
    }
    rates = {name: words[name] / np.array(times) for name, times in taken.items()}
    print("\nthe tutorial as it is, with batches of random sentences")
    for name, rate in rates.items():
        print(f"  {name:<20}{np.median(rate):>8.0f} tokens/s")
    mine, other = rates.values()
    return [
        Figure(
            "bahdanau2014: tokens/s over the tutorial as it is",
            float(np.median(mine / other)),
            target=">= 3.0",
            detail=f"{np.median(mine):.0f} against {np.median(other):.0f} tokens/s",
        )
    ]


def texts(chosen: TranslationSettings):
    """The training and development pairs of a run as ids."""
    corpus = chosen.data.load()
    codecs = make_codecs(chosen, corpus)
    return [encode_pairs(part, *codecs) for part in (corpus.train, corpus.dev)]


def padded(part):
    """A batch of these pairs, each side padded to its longest sentence."""
    longest = [max(len(pair[side]) for pair in part) + 1 for side in (0, 1)]
    batch = in_order(part, len(part), (max(longest),))[0][1]
    source, target = batch.source[:, : longest[0]], batch.target[:, : longest[1]]
    return batch._replace(source=source, target=target)


def random(pairs_ids, batch_size: int, seed: int = 0):
    """An epoch's batches of random sentences, as the tutorial makes them."""
    order = np.random.default_rng(seed).permutation(len(pairs_ids))
    cuts = range(0, len(order), batch_size)
    return [padded([pairs_ids[k] for k in order[c : c + batch_size]]) for c in cuts]


def pooled(pairs_ids, batch_size: int, pool: int = 20, seed: int = 0):
    """An epoch's batches as PyTorch users make them: shuffled, sorted by length within
    pools of `pool` batches, padded to the longest of the batch."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pairs_ids))
    size = batch_size * pool
    batches = []
    for start in range(0, len(order), size):
        members = sorted(
            order[start : start + size],
            key=lambda k: (len(pairs_ids[k][1]), len(pairs_ids[k][0])),
        )
        for first in range(0, len(members), batch_size):
            part = members[first : first + batch_size]
            batches.append(padded([pairs_ids[k] for k in part]))
    return [batches[k] for k in rng.permutation(len(batches))]


def epoch(share: float, chunks: int = 8) -> list[Figure]:
    """An epoch of each side, in turns of an eighth."""
    problem = TrainingProblem.of(
        settings("bahdanau2014", **{"evaluate.dev_sentences": 10_000})
    )
    train, dev = texts(problem.settings)
    task = problem.task
    count = int(len(task.batches) * share)
    theirs = pooled(train, 128)[: int(len(train) / 128 * share)]
    dev_batches = pooled(dev, 128)
    seconds = {"attnlab": 0.0, "good PyTorch": 0.0}
    tokens = {"attnlab": 0, "good PyTorch": 0}
    with Peer("train.py") as peer:
        hand_over(peer, problem, [*theirs, *dev_batches], "good")
        peer.call("update", name="good", which=[0, 1])
        held = [problem.state]
        step = jax.jit(problem.step, donate_argnums=0)
        began = time.perf_counter()
        shapes = {(b.source.shape, b.target.shape): b for b in epoch_of(task)}
        for batch in shapes.values():
            held[0], _ = step(held[0], batch)
        task.validate(held[0].params)
        compiling = time.perf_counter() - began
        for chunk in range(chunks):
            part = range(chunk * count // chunks, (chunk + 1) * count // chunks)
            start = time.perf_counter()
            sums = []
            for number in part:
                held[0], more = step(held[0], task.batches.at(number))
                sums.append(more)
            jax.block_until_ready(held[0].step)
            seconds["attnlab"] += time.perf_counter() - start
            tokens["attnlab"] += sum(int(s.tokens) for s in sums)
            first, last = (k * len(theirs) // chunks for k in (chunk, chunk + 1))
            which = list(range(first, last))
            seconds["good PyTorch"] += peer.call("update", name="good", which=which)
            tokens["good PyTorch"] += sum(
                int(theirs[k].target_lengths.sum()) for k in which
            )
        start = time.perf_counter()
        task.validate(held[0].params)
        seconds["attnlab"] += time.perf_counter() - start
        which = list(range(len(theirs), len(theirs) + len(dev_batches)))
        seconds["good PyTorch"] += peer.call("evaluate", name="good", which=which)
    rates = {name: tokens[name] / seconds[name] for name in seconds}
    print(f"\nan epoch (share {share}): compiling {compiling:.0f} s before it")
    for name, rate in rates.items():
        print(
            f"  {name:<20}{seconds[name]:>8.1f} s{tokens[name]:>10} words{rate:>8.0f}/s"
        )
    return [
        Figure(
            "bahdanau2014: epoch over good PyTorch",
            rates["attnlab"] / rates["good PyTorch"],
            target=">= 1.3",
            detail=" against ".join(f"{rate:.0f}" for rate in rates.values()),
        )
    ]


def joeynmt(steps: int, turns: int = 2) -> list[Figure]:
    """JoeyNMT's own tokens/s, in turns with as many updates of ours."""
    python = joeynmt_python()
    if python is None or not data_folder():
        print(
            "\nJoeyNMT is left out: `make peers` was not run, or there is no Multi30k"
        )
        return []
    problem = TrainingProblem.of(settings("bahdanau2014"))
    batches = epoch_of(problem.task)[:steps]
    tokens = sum(int(batch.target_lengths.sum()) for batch in batches)
    held = [problem.state]
    step = jax.jit(problem.step, donate_argnums=0)

    def ours() -> float:
        start = time.perf_counter()
        for batch in batches:
            held[0], _ = step(held[0], batch)
        jax.block_until_ready(held[0].step)
        return tokens / (time.perf_counter() - start)

    def theirs(folder: Path) -> float:
        speeds = re.findall(r"Tokens per Sec:\s+(\d+)", train(folder, python))
        return statistics.median(map(float, speeds[1:]))

    ours()
    rates = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = problem.settings.data.load()
        prepare(folder, corpus, updates=steps, logging_freq=10)
        for _ in range(turns):
            rates.append((ours(), theirs(folder)))
    print(f"\nJoeyNMT as shipped, {steps} updates a turn")
    for mine, other in rates:
        print(f"  attnlab {mine:.0f}, JoeyNMT {other:.0f} tokens/s")
    return [
        Figure(
            "bahdanau2014: updates over JoeyNMT 2.3.0",
            statistics.median(mine / other for mine, other in rates),
            target=">= 2.5",
        )
    ]


def main():
    made = parser(__doc__, rounds=5)
    made.add_argument("--epoch", type=float, default=0.5, help="share of an epoch")
    made.add_argument("--updates", type=int, default=40, help="of JoeyNMT, a turn")
    options = made.parse_args()
    figures = []
    for shape in SHAPES:
        figures += updates(shape, options.rounds)
    figures += tutorial(options.rounds)
    if options.epoch:
        figures += epoch(options.epoch)
    if options.updates:
        figures += joeynmt(options.updates)
    finish("training", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
