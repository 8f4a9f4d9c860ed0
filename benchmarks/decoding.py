"""Times the parts of decoding that could be written in several ways, side by side.

    python -m benchmarks.decoding [--rows 640] [--vocabulary 10000] [--beams 5]

The ways of one table take turns in one process, so that a busy machine disturbs all of
them alike. A ratio is the first way's time over this one's (median over rounds of two
neighbours in time): below 1 is slower than the first.
"""

import argparse
import platform
import statistics
import time
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from attnlab.decoding import beam, greedy
from attnlab.decoding.largest import largest, top_k


def compare(title, ways, *arguments, rounds):
    """Prints the median and best milliseconds of each way and its ratio."""
    compiled = {name: jax.jit(way) for name, way in ways.items()}
    for way in compiled.values():
        jax.block_until_ready(way(*arguments))
    times = {name: [] for name in compiled}
    names = list(compiled)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            jax.block_until_ready(compiled[name](*arguments))
            times[name].append(1000 * (time.perf_counter() - start))
    print(f"\n{title}\n{'way':<28}{'median ms':>12}{'best ms':>10}{'ratio':>8}")
    for name, taken in times.items():
        pairs = zip(times[names[0]], taken, strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        median = statistics.median(taken)
        print(f"{name:<28}{median:>12.2f}{min(taken):>10.2f}{ratio:>8.2f}")


def model(rng, batch, size, hidden, vocabulary):
    """A random recurrent step with dot attention over [B, S, H], and its start."""
    rng_cell, rng_out, rng_keys = jax.random.split(rng, 3)
    cell = jax.random.normal(rng_cell, (3 * hidden, hidden)) / hidden**0.5
    out = jax.random.normal(rng_out, (vocabulary, hidden)) / hidden**0.5
    keys = jax.random.normal(rng_keys, (batch, size, hidden))

    def step(state, tokens):
        weights = jax.nn.softmax(jnp.einsum("bh,bsh->bs", state, keys))
        context = jnp.einsum("bs,bsh->bh", weights, keys)
        state = jnp.tanh(jnp.concatenate([state, out[tokens], context], -1) @ cell)
        return state, state @ out.T, weights

    return step, jnp.zeros((batch, hidden))


def main():
    parser = argparse.ArgumentParser(description="Times greedy, beam and their parts.")
    parser.add_argument("--rows", type=int, default=640, help="sentences x beams")
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--beams", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    rows, vocabulary, k = arguments.rows, arguments.vocabulary, arguments.beams
    rounds = arguments.rounds
    device = jax.devices()[0]
    print(
        f"jax {jax.__version__} on {device.platform} ({device.device_kind}),", end=" "
    )
    print(f"{platform.machine()}, Python {platform.python_version()}")

    rng_scores, rng_model = jax.random.split(jax.random.key(0))
    scores = jax.random.normal(rng_scores, (rows, vocabulary))
    # k maxima one after the other were tried and dropped: 4.5 times lax.top_k's time.
    ways = {
        "two-level top_k": lambda x: top_k(x, k),
        "lax.top_k": lambda x: lax.top_k(x, k),
    }
    for got, expected in zip(top_k(scores, k), lax.top_k(scores, k), strict=True):
        np.testing.assert_array_equal(got, expected)
    compare(f"top {k} of [{rows}, {vocabulary}]", ways, scores, rounds=rounds)
    ways = {
        "maximum, then its place": largest,
        "max and argmax": lambda x: (jnp.max(x, axis=-1), jnp.argmax(x, axis=-1)),
    }
    compare(f"largest of [{rows}, {vocabulary}]", ways, scores, rounds=rounds)

    batch, steps = rows // k, 10
    step, state = model(rng_model, batch, 24, 256, vocabulary)
    options = {"batch": batch, "max_length": steps, "minimums": steps}

    def with_lax(carry):
        # The compiled program keeps what it was traced with.
        with mock.patch("attnlab.decoding.beam.top_k", lax.top_k):
            return beam(step, carry, beams=k, **options)

    ways = {
        f"beam {k}, two-level top_k": lambda carry: beam(
            step, carry, beams=k, **options
        ),
        f"beam {k}, lax.top_k": with_lax,
        "greedy": lambda carry: greedy(step, carry, **options),
    }
    title = f"{steps} steps of {batch} sentences, width 256, vocabulary {vocabulary}"
    compare(title, ways, state, rounds=rounds)


if __name__ == "__main__":
    main()
