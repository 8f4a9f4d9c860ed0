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
    factory_name,
)
from attnlab.attention.reads import soft
from attnlab.masking import zero_padding
from attnlab.precision import wide, wide_type

SOFT = soft()


def attention(
    score: Score, window: Window, normalizer: Normalizer, read: Read = SOFT
) -> Attention:
    """The attention of a score, a window, a normalizer and a read.

    Its cost follows W, the positions looked at: S everywhere, 2 half_width + 1 in a
    local window. In a sentence so short that gathering would not pay, a local window is
    a mask over all S positions instead, with equal results.

    Args:
      score: how well a query matches each key, `attnlab.attention.scores`.
      window: which positions may be looked at, `attnlab.attention.windows`.
      normalizer: scores [W] and valid [W] -> weights [W].
      read: weights [W] -> the weights [W] that values are read with.

    Returns:
      The Attention. Make it once, outside jitted code: every one is a new static
      argument, and so compiles anew.
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

        # wide: a softmax over bfloat16 scores would be 3 digits exact at most
        scores = wide(score.apply(params, query, seen.keys, seen.slots, seen.coverage))
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

    parts = [
        score.name or factory_name(score.apply),
        window.name or factory_name(window.centre),
        factory_name(normalizer),
        factory_name(read),
    ]
    return Attention(init, prepare, start, apply, batch_steps, ", ".join(parts))


class Seen(NamedTuple):
    """The part of a memory that one step looks at.

    values: [W, C].
    keys: [W, K].
    coverage: [W], weight received in earlier steps.
    positions: [W], may lie outside the sentence: then not valid.
    slots: [W], positions moved into [0, S - 1].
    valid: [W] bool.
    gathered: False where W is S, and slots are 0 to S - 1.
    """

    values: jax.Array
    keys: jax.Array
    coverage: jax.Array
    positions: jax.Array
    slots: jax.Array
    valid: jax.Array
    gathered: bool

    def add_to(self, coverage: jax.Array, weights: jax.Array) -> jax.Array:
        """The whole sentence's coverage after this step.

        Args:
          coverage: [S], before it.
          weights: [W], of the step.

        Returns:
          The coverage [S].
        """
        if self.gathered:
            return coverage.at[self.slots].add(weights)
        return coverage + weights


def look_everywhere(memory: Memory, coverage: jax.Array) -> Seen:
    """All S positions, as they are.

    Args:
      memory: of the sentence.
      coverage: [S], weight received in earlier steps.

    Returns:
      What a step sees, W = S.
    """
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

    Args:
      memory: of the sentence.
      coverage: [S], weight received in earlier steps.
      middle: [] int, in [0, S - 1].
      half_width: D.

    Returns:
      What a step sees, W = 2 D + 1.
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
    """Checks that these describe one sentence (while tracing, so for free).

    Args:
      values: [S, C].
      mask: [S] bool.
      length: [] int.

    Raises:
      ValueError: for another shape, or a mask that is not boolean.
    """
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
