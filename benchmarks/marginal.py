"""Memory and time of a training gradient through the exact marginal, by source length.

    python -m benchmarks.marginal [--sizes 32 64 128 256 512] [--chunks 32 64 128 256]

One program works on a slot at a time and on a chunk of target steps at a time, as in
training; the plain one holds the logits of every target step at every position,
[T, S, V]. Memory is the peak of temporary buffers in XLA's own account of the compiled
program: parameters, gradients and inputs are not in it, but the [T, S] tables of
likelihoods and probabilities are. The plain program is only compiled where it would
need more than --limit. Where both run, they take turns in one process, so that a busy
machine disturbs both alike.
"""

import argparse
import os
import platform
import statistics
import time
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.presets import build
from attnlab.estimators import decoder_steps, marginal
from attnlab.nn.cells import cell_named
from attnlab.nn.decoders import DecoderOutputs
from attnlab.nn.losses import log_likelihoods, token_losses
from attnlab.tasks.translation.model import Seq2Seq
from attnlab.text.batching import Batch

MIB = 2**20


def make_model(vocabulary, width):
    """A Luong model; of it only the readout and the vocabulary are used."""
    attention = build("general", "global", "softmax", "hard")
    return Seq2Seq(
        source_size=8,
        target_size=vocabulary,
        attention=attention,
        cell=cell_named("lstm"),
        embedding=width,
        hidden=width,
        readouts=width,
    )


def make_problem(rng, model, sentences, length, size):
    """What is learned: params, values, queries, scores. What is not: the targets."""
    rng_params, rng_values, rng_queries, rng_scores, rng_target = jax.random.split(
        rng, 5
    )
    width = model.hidden
    target = jax.random.randint(rng_target, (sentences, length), 0, model.target_size)
    learned = (
        model.init(rng_params, method="parameters"),
        jax.random.normal(rng_values, (sentences, size, 2 * width)),
        jax.random.normal(rng_queries, (sentences, length, width)),
        jax.random.normal(rng_scores, (sentences, length, size)),
    )
    return learned, target


def by_slots(model, chunk):
    """Minus the marginal of `attnlab.estimators.objective`, `chunk` rows at a time."""

    def in_chunks(*arguments):
        return log_likelihoods(*arguments, chunk)

    def loss(learned, target):
        params, values, queries, scores = learned
        weights = jax.nn.softmax(scores)
        lengths = jnp.full(target.shape[:1], target.shape[1])
        nothing: Any = None  # what a hard readout does not look at
        batch = Batch(nothing, nothing, target, lengths)
        positions = jnp.broadcast_to(jnp.arange(weights.shape[-1]), weights.shape)
        unrolled = DecoderOutputs(
            values=values,
            embedded=nothing,
            queries=queries,
            contexts=nothing,
            readouts=nothing,
            weights=weights,
            reads=weights,
            positions=positions,
            aux={},
        )
        # The compiled program keeps what it was traced with.
        with mock.patch.object(decoder_steps, "log_likelihoods", in_chunks):
            bound = marginal(decoder_steps.steps_of(model, params, batch, unrolled))
        return -bound.sum()

    return loss


def plain(model):
    """The same with all logits [B, T, S, V] at once."""

    def loss(learned, target):
        params, values, queries, scores = learned
        shape = scores.shape
        queries = jnp.broadcast_to(queries[:, :, None], (*shape, queries.shape[-1]))
        values = jnp.broadcast_to(values[:, None], (*shape, values.shape[-1]))
        readouts = model.apply(params, queries, None, values, method="readout")
        kernel, bias = model.apply(params, method="output_layer")
        logits = readouts @ kernel + bias[None, None, None]
        nats = token_losses(logits, jnp.broadcast_to(target[..., None], shape))
        return -jax.nn.logsumexp(-nats, axis=-1, b=jax.nn.softmax(scores)).sum()

    return loss


def compiled(loss, *arguments):
    """The gradient's program, and the bytes of its temporary buffers."""
    program = jax.jit(jax.value_and_grad(loss)).lower(*arguments).compile()
    return program, program.memory_analysis().temp_size_in_bytes


def check_equal(ours, other, *arguments):
    """Both programs must find the same loss and gradients."""
    for got, expected in zip(
        jax.tree.leaves(ours(*arguments)),
        jax.tree.leaves(other(*arguments)),
        strict=True,
    ):
        scale = float(jnp.abs(expected).max())
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * scale)


def seconds(programs, *arguments, rounds):
    """Seconds of each program in every round, [rounds, programs], in turns."""
    taken = []
    for turn in range(rounds):
        row = [0.0] * len(programs)
        for number in range(len(programs)):
            which = (number + turn) % len(programs)
            start = time.perf_counter()
            jax.block_until_ready(programs[which](*arguments))
            row[which] = time.perf_counter() - start
        taken.append(row)
    return taken


def main():
    parser = argparse.ArgumentParser(description="Memory and time of the marginal.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--chunks", type=int, nargs="+", default=[32, 64, 128, 256])
    parser.add_argument("--sentences", type=int, default=8, help="B")
    parser.add_argument("--length", type=int, default=32, help="T")
    parser.add_argument("--vocabulary", type=int, default=6000, help="V")
    parser.add_argument("--width", type=int, default=64, help="R")
    parser.add_argument("--limit", type=float, default=4.0, help="GiB to run plain in")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sentences, length = arguments.sentences, arguments.length
    chunks = arguments.chunks
    device = jax.devices()[0]
    print(
        f"jax {jax.__version__} on {device.platform} ({device.device_kind}),", end=" "
    )
    print(f"{platform.machine()}, {os.cpu_count()} cores,", end=" ")
    print(f"Python {platform.python_version()}")
    print(
        f"\ngradient of the marginal, {sentences} x {length} target steps, "
        f"vocabulary {arguments.vocabulary}, readouts {arguments.width};\n"
        "temporary MiB by chunk, beside those of one [T, S] table; "
        f"seconds a step with chunk {chunks[-1]}"
    )
    head = f"{'S':>4}{'[T, S]':>8}"
    head += "".join(f"{f'chunk {chunk}':>11}" for chunk in chunks)
    head += f"{'plain':>9}{'ratio':>8}{'seconds':>9}{'plain':>8}{'ratio':>7}"
    print(head)
    model = make_model(arguments.vocabulary, arguments.width)
    measured = []
    for size in arguments.sizes:
        problem = make_problem(jax.random.key(0), model, sentences, length, size)
        ours = [compiled(by_slots(model, chunk), *problem) for chunk in chunks]
        other, needed = compiled(plain(model), *problem)
        memory = [used for _, used in ours]
        table = sentences * length * size * 4
        measured.append((table, memory))
        line = f"{size:>4}{table / MIB:>8.2f}"
        line += "".join(f"{used / MIB:>11.1f}" for used in memory)
        line += f"{needed / MIB:>9.0f}{needed / memory[-1]:>8.0f}"
        programs = [ours[-1][0]]
        if needed <= arguments.limit * 2**30:
            programs.append(other)
            check_equal(*programs, *problem)
        taken = seconds(programs, *problem, rounds=arguments.rounds)
        medians = [statistics.median(column) for column in zip(*taken, strict=True)]
        line += f"{medians[0]:>9.2f}"
        if len(medians) == 2:
            ratio = statistics.median(b / a for a, b in taken)
            line += f"{medians[1]:>8.2f}{ratio:>7.2f}"
        else:
            line += f"{'-':>8}{'-':>7}"
        print(line, flush=True)
    (first, least), (last, most) = measured[0], measured[-1]
    if last > first:
        grown = (most[-1] - least[-1]) / (last - first)
        print(f"\nof every [T, S] table that S adds, chunk {chunks[-1]}", end=" ")
        print(f"keeps {grown:.1f}; the rest is the chunk's.")
    print("A memory ratio is plain / ours, a ratio of seconds too: above 1 ours wins.")


if __name__ == "__main__":
    main()
