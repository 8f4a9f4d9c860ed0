"""A forced pass of a model as the steps that estimators work on."""

from typing import Any

import jax
import jax.numpy as jnp

from attnlab.attention.alignment import dense
from attnlab.estimators import Steps
from attnlab.masking import distribution, length_mask
from attnlab.nn.decoder_model import Conditional
from attnlab.nn.decoders import DecoderOutputs
from attnlab.nn.losses import log_likelihoods


def apply(model: Conditional, *arguments, **options) -> Any:
    """`model.apply`, whose type says too much for its results to be unpacked."""
    return model.apply(*arguments, **options)


def forced(
    model: Conditional, params, batch: Any, *, draw=None, rng=None
) -> DecoderOutputs:
    """The teacher-forced pass over a batch, with dropout if there is an `rng`."""
    rngs = None if rng is None else {"dropout": rng}
    arguments = (params, batch.source, batch.source_lengths, batch.target)
    found: Any = model.apply(*arguments, train=rng is not None, draw=draw, rngs=rngs)
    return found


def real_steps(batch: Any) -> jax.Array:
    """Which target steps [B, T] are no padding."""
    return length_mask(batch.target_lengths, batch.target.shape[1])


def likelihoods(
    model: Conditional, params, batch: Any, readouts, seen=None
) -> jax.Array:
    """log p(target) [B, T] of readouts [B, T, R]; 0 where not `seen`, or padding."""
    kernel, bias = apply(model, params, method="output_layer")
    real = real_steps(batch) if seen is None else seen
    found: Any = log_likelihoods(
        readouts.reshape(-1, readouts.shape[-1]),
        kernel,
        bias,
        batch.target.reshape(-1),
        real.reshape(-1),
    )
    return found.reshape(batch.target.shape)


def steps_of(
    model: Conditional, params, batch: Any, unrolled: DecoderOutputs, *, rng=None
) -> Steps:
    """The target steps [B, T] of a pass, to be read in other ways than it was.

    The states stay those of the pass. Readouts are dropped out if there is an `rng`,
    alike for everything that a step might read. Where there is nothing to look at, all
    the probability is at slot 0, and its value is zero.
    """
    values, weights = unrolled.values, unrolled.weights
    size = values.shape[1]
    real = real_steps(batch)
    probabilities = _somewhere(distribution(weights))
    rngs = None if rng is None else {"dropout": rng}

    def read(contexts, seen):
        readouts = apply(
            model,
            params,
            unrolled.queries,
            unrolled.embedded,
            contexts,
            train=rng is not None,
            rngs=rngs,
            method="readout",
        )
        return likelihoods(model, params, batch, readouts, seen)

    def of_slot(array, slots):
        return jnp.take_along_axis(array, slots[..., None], axis=-1)[..., 0]

    def log_prob_at(slots):
        positions = jnp.clip(of_slot(unrolled.positions, slots), 0, size - 1)
        found = jnp.take_along_axis(values, positions[..., None], axis=1)
        weighty = of_slot(weights, slots) > 0
        contexts = jnp.where(weighty[..., None], found, 0)
        return read(contexts, real & (of_slot(probabilities, slots) > 0))

    def log_prob_under(reads):
        alignment = dense(reads, unrolled.positions, size).astype(values.dtype)
        return read(jnp.einsum("bts,bsc->btc", alignment, values), real)

    return Steps(probabilities, log_prob_at, log_prob_under)


def infer(
    model: Conditional, params, batch: Any, unrolled: DecoderOutputs
) -> jax.Array:
    """The inference network's q(a | x, y) [B, T, W] over the positions of a pass."""
    q = apply(
        model,
        params,
        batch.target,
        batch.target_lengths,
        unrolled.values,
        unrolled.weights,
        unrolled.positions,
        method="infer",
    )
    return _somewhere(q)


def _somewhere(p: jax.Array) -> jax.Array:
    """p [B, T, W], but all of it at slot 0 where it is nowhere."""
    nowhere = p.sum(axis=-1, keepdims=True) <= 0
    first = jnp.arange(p.shape[-1]) == 0
    return jnp.where(nowhere & first[None, None], 1, p)
