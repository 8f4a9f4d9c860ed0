"""The addressing of the Neural Turing Machine: by content, then by location."""

import jax
import jax.numpy as jnp

from attnlab.attention.base import (
    Attention,
    AttentionOutput,
    Dims,
    Memory,
    Normalizer,
    Params,
    factory_name,
)
from attnlab.attention.compose import check_memory
from attnlab.attention.normalizers import softmax
from attnlab.attention.scores import glorot
from attnlab.masking import safe_log, zero_padding
from attnlab.precision import wide

CLIP = 20.0  # of what a head emits, before any of it is squashed (Collier & Beel 2018)


def addressing(normalizer: Normalizer = softmax, max_shift: int = 1) -> Attention:
    """Graves et al. 2014, section 3.3: one head, its last weights being the carry.

    The query is what the controller puts out. From it the head emits a key [C], a
    strength, a gate, a shift of 2 max_shift + 1 logits and a sharpness, and weighs the
    S slots in four stages (eqs. 5-9): content, interpolation with the last weights,
    circular shift, sharpening. The first weights lie on slot 0 alone (the paper does
    not say; Collier & Beel learn them). https://arxiv.org/abs/1410.5401

    The memory of an NTM is full. Where slots are masked, weight that a shift moves onto
    one of them is lost, and sharpening divides by the rest.

    Args:
      normalizer: of the scores by content; the paper's is softmax.
      max_shift: slots that weights may move in a step, in either direction.

    Returns:
      The Attention, whose carry are the weights [S].

    Raises:
      ValueError: for a negative max_shift.
    """
    if max_shift < 0:
        raise ValueError(f"max_shift is {max_shift}; it must not be negative")
    shifts = 2 * max_shift + 1

    def init(rng: jax.Array, dims: Dims) -> Params:
        width = dims.value + 3 + shifts
        return {"emit": glorot(rng, (dims.query, width)), "bias": jnp.zeros(width)}

    def prepare(params, values, mask, length) -> Memory:
        del params
        check_memory(values, mask, length)
        values = zero_padding(values, mask)
        return Memory(values, values, mask, jnp.asarray(length))

    def start(memory: Memory):
        return jnp.zeros(memory.mask.shape).at[0].set(1.0) * memory.mask

    def apply(
        params, query, memory: Memory, *, step, carry, draw=None
    ) -> AttentionOutput:
        del step, draw
        emitted = jnp.clip(wide(query @ params["emit"] + params["bias"]), -CLIP, CLIP)
        width = memory.keys.shape[-1]
        key, scalars, shift = jnp.split(emitted, [width, width + 3])
        strength, gate, sharpness = scalars
        match = jax.nn.softplus(strength) * cosines(key, memory.keys)
        weights = normalizer(match, memory.mask)
        weights = interpolate(jax.nn.sigmoid(gate), weights, carry)
        weights = rotate(weights, jax.nn.softmax(shift))
        weights = sharpen(weights, 1 + jax.nn.softplus(sharpness), memory.mask)
        context = jnp.einsum("s,sc->c", weights, memory.values)
        positions = jnp.arange(memory.mask.shape[0], dtype=jnp.int32)
        aux = {"centre": jnp.zeros((), weights.dtype)}
        return AttentionOutput(context, weights, weights, positions, weights, aux)

    def batch_steps(size: int) -> bool:
        del size  # a step needs the weights of the step before
        return False

    name = f"addressing({factory_name(normalizer)}, max_shift={max_shift})"
    return Attention(init, prepare, start, apply, batch_steps, name)


def cosines(key: jax.Array, slots: jax.Array) -> jax.Array:
    """Eq. 6: the cosine of a key and each slot, as the score `cosine`.

    Written for slots that change with every step: products are divided by lengths, as
    forming the slots at length one takes twice as long. The 1e-6 under the roots keeps
    the gradient of a zero vector finite.

    Args:
      key: [C].
      slots: [S, C].

    Returns:
      Cosines [S], in [-1, 1].
    """
    lengths = jnp.sqrt(jnp.sum(slots**2, axis=1) + 1e-6)
    return slots @ (key / jnp.sqrt(jnp.sum(key**2) + 1e-6)) / lengths


def interpolate(gate: jax.Array, content: jax.Array, last: jax.Array) -> jax.Array:
    """Eq. 7: a mixture of the weights by content and the last ones.

    Args:
      gate: [] in [0, 1], the share of `content`.
      content: [S].
      last: [S].

    Returns:
      Weights [S].
    """
    return gate * content + (1 - gate) * last


def rotate(weights: jax.Array, shift: jax.Array) -> jax.Array:
    """Eq. 8: weights moved on by -K to K slots, in a circle.

    What leaves at one end comes in at the other.

    Args:
      weights: [S].
      shift: [2 K + 1], the share of each move, of sum one.

    Returns:
      Weights [S].
    """
    most = shift.shape[0] // 2
    moved = jnp.stack([jnp.roll(weights, by) for by in range(-most, most + 1)])
    return shift @ moved


def sharpen(weights: jax.Array, sharpness: jax.Array, mask: jax.Array) -> jax.Array:
    """Eq. 9: w^sharpness / sum w^sharpness.

    By logarithms, as a power of 21 of 1/128 is no longer a float32.

    Args:
      weights: [S].
      sharpness: [], at least 1.
      mask: [S] bool.

    Returns:
      Weights [S], zero where masked.
    """
    return softmax(sharpness * safe_log(weights), mask)
