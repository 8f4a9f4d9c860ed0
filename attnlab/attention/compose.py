"""An attention out of its four choices: score, window, normalizer and read."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.attention.base import (
    Attention,
    AttentionOutput,
    Dims,
    Memory,
    Normalizer,
    Params,
    Read,
    Score,
    Window,
)
from attnlab.attention.reads import soft
from attnlab.masking import zero_padding
from attnlab.precision import wide, wide_type

SOFT = soft()


def attention(
    score: Score, window: Window, normalizer: Normalizer, read: Read = SOFT
) -> Attention:
    """The attention that scores, windows, normalizes and reads as told.

    Its cost follows W, the positions looked at: S everywhere, 2 half_width + 1 in a
    local window. In a sentence so short that gathering would not pay, a local window is
    a mask over all S positions instead, with equal results.
    """
    recurrent = score.needs_coverage

    def init(rng: jax.Array, dims: Dims) -> Params:
        rng_score, rng_window = jax.random.split(rng)
        return {
            "score": score.init(rng_score, dims),
            "window": window.init(rng_window, dims),
        }

    def prepare(params, values, mask, length) -> Memory:
        check_memory(values, mask, length)
        values = zero_padding(values, mask)
        keys = score.keys(params["score"], values)
        return Memory(values, keys, mask, jnp.asarray(length))

    def start(memory: Memory):
        if not recurrent:
            return ()
        return jnp.zeros(memory.mask.shape, wide_type(memory.values.dtype))

    def apply(
        params, query, memory: Memory, *, step, carry, draw=None
    ) -> AttentionOutput:
        centre = window.centre(params["window"], query, memory.length, step)
        size = memory.mask.shape[0]
        look_and_read = attend_gathered if gathers(size) else attend
        return look_and_read(params["score"], query, memory, centre, carry, draw)

    def attend(params, query, memory: Memory, centre, carry, draw) -> AttentionOutput:
        seen = look(memory, centre, carry)
        valid = seen.valid
        if score.max_positions is not None:
            valid &= seen.positions < score.max_positions

        found = score.apply(params, query, seen.keys, seen.slots, seen.coverage)
        scores = wide(found)
        prior = window.prior(centre, seen.positions)
        if window.prior_on == "scores":
            weights = normalizer(scores * prior, valid)
        else:
            weights = normalizer(scores, valid) * prior

        reads = read(weights, draw)
        context = jnp.einsum("w,wc->c", reads.astype(seen.values.dtype), seen.values)
        if recurrent:
            carry = seen.add_to(carry, weights)
        return AttentionOutput(
            context, weights, reads, seen.positions, carry, {"centre": centre}
        )

    # Gathering once more for the gradient is up to twice as fast as saving what each
    # step gathered.
    attend_gathered = jax.checkpoint(attend)

    def gathers(size: int) -> bool:
        half_width = window.half_width
        if half_width is None:
            return False
        return size >= score.dense_below and size > 2 * half_width + 1

    def batch_steps(size: int) -> bool:
        return not recurrent and score.is_matmul and not gathers(size)

    def look(memory: Memory, centre, carry) -> "Seen":
        coverage = carry if recurrent else jnp.zeros_like(memory.values[:, 0])
        if window.half_width is None:
            return look_everywhere(memory, coverage)
        last = jnp.maximum(memory.length - 1, 0)
        middle = jnp.clip(jnp.floor(centre).astype(jnp.int32), 0, last)
        if gathers(memory.mask.shape[0]):
            return look_around(memory, coverage, middle, window.half_width)
        seen = look_everywhere(memory, coverage)
        near = jnp.abs(seen.positions - middle) <= window.half_width
        return seen._replace(valid=seen.valid & near)

    return Attention(init, prepare, start, apply, batch_steps)


class Seen(NamedTuple):
    """The part of a memory that one step looks at."""

    values: jax.Array  # [W, C]
    keys: jax.Array  # [W, K]
    coverage: jax.Array  # [W]
    positions: jax.Array  # [W], may lie outside the sentence: then not valid
    slots: jax.Array  # [W], positions moved into [0, S - 1]
    valid: jax.Array  # [W] bool
    gathered: bool  # False: W is S, and slots are 0 to S - 1

    def add_to(self, coverage: jax.Array, weights: jax.Array) -> jax.Array:
        """The whole sentence's coverage [S] after this step's weights [W]."""
        if self.gathered:
            return coverage.at[self.slots].add(weights)
        return coverage + weights


def look_everywhere(memory: Memory, coverage: jax.Array) -> Seen:
    """All S positions, as they are."""
    positions = jnp.arange(memory.mask.shape[0], dtype=jnp.int32)
    return Seen(
        values=memory.values,
        keys=memory.keys,
        coverage=coverage,
        positions=positions,
        slots=positions,
        valid=memory.mask,
        gathered=False,
    )


def look_around(
    memory: Memory, coverage: jax.Array, middle: jax.Array, half_width: int
) -> Seen:
    """The 2 half_width + 1 positions around `middle`, gathered.

    The window is never shifted inward at the ends of the sentence: what falls outside
    is not valid.
    """
    size = memory.mask.shape[0]
    positions = middle + jnp.arange(-half_width, half_width + 1, dtype=jnp.int32)
    slots = jnp.clip(positions, 0, size - 1)

    def at_slots(array):
        return jnp.take(array, slots, axis=0, mode="clip")

    return Seen(
        values=at_slots(memory.values),
        keys=at_slots(memory.keys),
        coverage=at_slots(coverage),
        positions=positions,
        slots=slots,
        valid=at_slots(memory.mask) & (positions == slots),
        gathered=True,
    )


def check_memory(values: jax.Array, mask: jax.Array, length: jax.Array | int) -> None:
    """Raise (while tracing, so for free) if these do not describe one sentence."""
    if values.ndim != 2:
        raise ValueError(
            f"values have shape {values.shape}, must be [S, C]: one sentence "
            "(jax.vmap over a batch)"
        )
    if mask.shape != values.shape[:1]:
        raise ValueError(
            f"mask has shape {mask.shape}, values have {values.shape[0]} positions"
        )
    if mask.dtype != jnp.bool_:
        raise ValueError(f"mask has type {mask.dtype}, must be bool")
    if jnp.shape(length) != ():
        raise ValueError(f"length has shape {jnp.shape(length)}, must be one number")
