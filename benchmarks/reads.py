"""What a hard read costs: the gradient of a batch by learning rule and readout.

    python -m benchmarks.reads [--vocabulary 4000] [--words 15] [--rounds 15]

Every way takes its turn in each round, and is divided by soft attention with the full
readout, the paper's. Sizes are those of the Hansards in docs/hard-attention.md: batches
of 34 pairs of 15 words, 4,000 words a side, widths of 64. Compiled as for users.
"""

import argparse
import statistics

import jax
import numpy as np

from attnlab.compilation import jit
from attnlab.estimators.objective import initial_estimator_state, make_loss
from attnlab.nn.init_params import init_params
from attnlab.tasks import parse_settings
from attnlab.tasks.translation.task import build_model
from attnlab.text.batching import Batch
from benchmarks.turns import in_turns, machine, ratio, spread
from configs.translation import get_config

CHAIN = {"estimator.learning": "chain", "model.transition": "jumps-by-word"}
HARD = {"model.read": "hard"}
MARGINAL = HARD | {"estimator.learning": "marginal"}
WAYS = {
    "soft": {},
    "soft, lexical": {"model.readout": "lexical"},
    "marginal": MARGINAL,
    "marginal, additive": MARGINAL | {"model.readout": "additive"},
    "marginal, lexical": MARGINAL | {"model.readout": "lexical"},
    "chain": HARD | CHAIN | {"model.null": 0.2},
    "chain, additive": HARD | CHAIN | {"model.null": 0.2, "model.readout": "additive"},
    "chain, lexical": HARD | CHAIN | {"model.null": 0.2, "model.readout": "lexical"},
}


def make_batch(vocabulary: int, pairs: int, words: int) -> Batch:
    """Random pairs of `words` words with their end marks, none of them padded."""
    random = np.random.default_rng(0)
    source, target = random.integers(4, vocabulary, (2, pairs, words), np.int32)
    lengths = np.full(pairs, words, np.int32)
    return Batch(source, lengths, target, lengths)


def make_way(changes: dict, vocabulary: int, batch: Batch):
    """The gradient of the batch, compiled."""
    config = get_config()
    config.update_from_flattened_dict({"model.cell": "cho-gru"} | changes)
    settings = parse_settings(config)
    model = build_model(settings, vocabulary, vocabulary)
    params = init_params(model, jax.random.key(0))
    run = jit(jax.grad(make_loss(model, settings), has_aux=True), runs="often")
    rng, state = jax.random.key(1), initial_estimator_state()

    def way():
        return run(params, batch, rng, state)

    jax.block_until_ready(way())
    return way


def main() -> None:
    parser = argparse.ArgumentParser(description="What a hard read costs.")
    parser.add_argument("--vocabulary", type=int, default=4_000)
    parser.add_argument("--pairs", type=int, default=34)
    parser.add_argument("--words", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    batch = make_batch(options.vocabulary, options.pairs, options.words)
    ways = {
        name: make_way(changes, options.vocabulary, batch)
        for name, changes in WAYS.items()
    }
    taken = in_turns(ways, options.rounds)
    print(", ".join(f"{name}: {value}" for name, value in machine().items()))
    print("| gradient of a batch | ms (range) | times soft |\n| --- | ---: | ---: |")
    for name, seconds in taken.items():
        times = ratio(seconds, taken["soft"])
        print(f"| {name} | {spread(seconds)} | {times:.2f} |")
    lexical = ratio(taken["chain, lexical"], taken["soft, lexical"])
    median = statistics.median(taken["soft, lexical"])
    print(f"chain over soft, both lexical ({1e3 * median:.3g} ms): {lexical:.2f}")


if __name__ == "__main__":
    main()
