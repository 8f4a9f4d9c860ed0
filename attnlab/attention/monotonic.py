"""Monotonic attention: each step goes on from where the last one stopped.

    monotonic   reads the position where it stops          Raffel et al. 2017
    mocha       a softmax over the chunk that ends there   Chiu and Raffel 2018

In place of a normalizer: a step walks along the sentence, and at each position s stops
with probability p_s = sigmoid(g score_s + r). Where a step stops depends on where the
last one did, so weights are expectations over all ways to have walked, and the carry
is the probability to have stopped at each position. Any score and any read will do; the
window is global, as what is not looked at can not be walked over.

The papers put the scale g and the offset r on an additive score whose v has length one.
Here they go on any score as it is: g starts at 1 and r at OFFSET. They add noise to the
scores in training, which drives p to 0 and 1; it is left out, as an attention gets no
random key but for sampled reads.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from attnlab.attention.base import (
    Attention,
    AttentionOutput,
    Dims,
    Memory,
    Params,
    Read,
    Score,
    factory_name,
)
from attnlab.attention.compose import check_memory
from attnlab.attention.normalizers import softmax
from attnlab.masking import zero_padding
from attnlab.precision import wide, wide_type

# By a score of 0 a step passes exp(-r) positions on average: 2.7, of a sentence. The
# papers' r, from -1 to -4, is for sources up to many times longer than their targets.
OFFSET = -1.0

# Less is nothing. Reads other than soft divide by a step's sum, and the gradient of
# that by its square; the sum falls from step to step where the sentence ends.
LEAST = 1e-12

Walk = Callable[[Score, Read], Attention]


def monotonic(online: bool = False) -> Walk:
    """Raffel et al. 2017, eqs. 8-9: the expected position where a step stops.

    alpha_{t,s} = p_{t,s} sum_{k <= s} alpha_{t-1,k} prod_{k <= l < s} (1 - p_{t,l}),
    where alpha_0 is 1 at the first position. A position may be read again. The weights
    sum to at most one: the rest never stopped, in this step or an earlier one.
    https://arxiv.org/abs/1704.00784

    Args:
      online: stop at the first position with p >= 1/2, as the paper does at test time
        (its algorithm 1): weights are one-hot, and have no gradient. A step that stops
        nowhere reads zeros, and so do all after it.

    Returns:
      What makes an Attention of a score and a read.
    """

    def walk(score: Score, read: Read) -> Attention:
        return _walking(score, read, None, online)

    return walk


def mocha(chunk: int = 2, online: bool = False) -> Walk:
    """Chiu and Raffel 2018, eq. 13: a softmax over the chunk up to where it stops.

    beta_{t,s} = sum_{s <= k < s + w} alpha_{t,k} exp(u_s) / sum_{k - w < l <= k}
    exp(u_l), with alpha of `monotonic` and u by a second score of the same kind, whose
    parameters are its own. https://arxiv.org/abs/1712.05382

    Args:
      chunk: positions in a chunk, w; 2 is the paper's for speech. A chunk of 1 is
        `monotonic`.
      online: as of `monotonic`.

    Returns:
      What makes an Attention of a score and a read.

    Raises:
      ValueError: for a chunk below 1.
    """
    if chunk < 1:
        raise ValueError(f"chunk is {chunk}, must be at least 1")

    def walk(score: Score, read: Read) -> Attention:
        return _walking(score, read, chunk, online)

    return walk


def stopping(
    energies: jax.Array, valid: jax.Array, last: jax.Array, online: bool = False
) -> jax.Array:
    """Where a step stops, given where the last one did.

    By the recursion over q_s, the probability to get to s (Raffel et al. 2017, eq. 9):

        q_s = (1 - p_{s-1}) q_{s-1} + last_s,    alpha_s = p_s q_s.

    It adds and multiplies numbers from 0 to 1 alone, where the closed form by a
    cumulative product divides by what underflows. As a scan over pairs (1 - p, last),
    whose depth is log S.

    Args:
      energies: [S], logits of stopping.
      valid: [S] bool; a step passes what is not valid.
      last: [S], not negative, of sum at most one.
      online: stop for certain where p >= 1/2, and nowhere else.

    Returns:
      Probabilities [S] of sum at most one, zero where not valid or below LEAST.
    """
    # both by a sigmoid: 1 - p would lose its digits where p is near 1
    p, passes = jax.nn.sigmoid(energies), jax.nn.sigmoid(-energies)
    if online:
        certain = (energies >= 0).astype(energies.dtype)
        p, passes = certain, 1 - certain
    p, passes = jnp.where(valid, p, 0), jnp.where(valid, passes, 1)
    arriving = jnp.concatenate([jnp.ones_like(passes[:1]), passes[:-1]])

    def join(left, right):
        (passed, reached), (passed_on, more) = left, right
        return passed * passed_on, reached * passed_on + more

    _, reached = jax.lax.associative_scan(join, (arriving, last))
    alpha = p * reached
    return jnp.where(alpha >= LEAST, alpha, 0)


def chunkwise(
    stops: jax.Array, scores: jax.Array, valid: jax.Array, chunk: int
) -> jax.Array:
    """Weights by a softmax over the chunk that ends where a step stops.

    Each chunk has a softmax of its own, W numbers for each position: the paper's moving
    sums of exp(u) are zero where u is far below the sentence's largest.

    Args:
      stops: [S], the probability to stop at each position, zero where not valid.
      scores: [S], u.
      valid: [S] bool.
      chunk: w, positions of a chunk; those before the sentence do not count.

    Returns:
      Weights [S] of the sum of `stops`, zero where not valid.
    """
    size = stops.shape[0]
    width = min(chunk, size)

    def chunks(array):  # [S, w]: row k is positions k - w + 1 to k
        padded = jnp.pad(array, (width - 1, 0))
        return jnp.stack([padded[i : i + size] for i in range(width)], axis=1)

    shares = jax.vmap(softmax)(chunks(scores), chunks(valid))
    moved = jnp.pad(stops[:, None] * shares, ((0, width - 1), (0, 0)))
    behind = range(width - 1, -1, -1)  # from position k to the chunk's i-th
    return sum(
        (moved[back : back + size, i] for i, back in enumerate(behind)),
        start=jnp.zeros_like(stops),
    )


def _walking(score: Score, read: Read, chunk: int | None, online: bool) -> Attention:
    """The attention of a score and a read; without a chunk it reads where it stops."""

    def init(rng: jax.Array, dims: Dims) -> Params:
        rng_stop, rng_chunk = jax.random.split(rng)
        params = {
            "score": score.init(rng_stop, dims),
            "scale": jnp.ones(()),
            "offset": jnp.full((), OFFSET),
        }
        if chunk is None:
            return params
        return params | {"chunk": score.init(rng_chunk, dims)}

    def prepare(params, values, mask, length) -> Memory:
        check_memory(values, mask, length)
        values = zero_padding(values, mask)
        keys = score.keys(params["score"], values)
        if chunk is not None:  # [S, 2 K]: those of both scores side by side
            others = score.keys(params["chunk"], values)
            keys = jnp.concatenate([keys, others], axis=1)
        return Memory(values, keys, mask, jnp.asarray(length))

    def start(memory: Memory):
        nothing = jnp.zeros(memory.mask.shape, wide_type(memory.values.dtype))
        stops = nothing.at[0].set(1)
        return (stops, nothing) if score.needs_coverage else (stops,)

    def apply(
        params, query, memory: Memory, *, step, carry, draw=None
    ) -> AttentionOutput:
        del step
        positions = jnp.arange(memory.mask.shape[0], dtype=jnp.int32)
        valid = memory.mask
        if score.max_positions is not None:
            valid &= positions < score.max_positions
        coverage = carry[1] if score.needs_coverage else jnp.zeros_like(carry[0])

        def scored(part, keys):
            return wide(score.apply(params[part], query, keys, positions, coverage))

        width = memory.keys.shape[1] // (1 if chunk is None else 2)
        energies = scored("score", memory.keys[:, :width])
        energies = wide(params["scale"]) * energies + wide(params["offset"])
        weights = stops = stopping(energies, valid, carry[0], online)
        if chunk is not None:
            scores = scored("chunk", memory.keys[:, width:])
            weights = chunkwise(stops, scores, valid, chunk)

        reads = read(weights, draw)
        values = memory.values
        context = jnp.einsum("s,sc->c", reads.astype(values.dtype), values)
        carry = (stops, coverage + weights) if score.needs_coverage else (stops,)
        aux = {"centre": jnp.zeros((), weights.dtype)}
        return AttentionOutput(context, weights, reads, positions, carry, aux)

    def batch_steps(size: int) -> bool:
        del size  # a step needs to know where the last one stopped
        return False

    options = [] if chunk is None else [f"chunk={chunk}"]
    options += ["online"] * online
    name = "monotonic" if chunk is None else "mocha"
    parts = [
        score.name or factory_name(score.apply),
        "global",
        f"{name}({', '.join(options)})" if options else name,
        factory_name(read),
    ]
    return Attention(init, prepare, start, apply, batch_steps, ", ".join(parts))


MONOTONIC: dict[str, Callable[..., Walk]] = {"monotonic": monotonic, "mocha": mocha}
