"""A teacher-forced pass of a model as the `Steps` that learning rules work on."""

from typing import Any, Protocol, cast

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.alignment import dense
from attnlab.attention.base import Params, SampleSpec
from attnlab.estimators.base import Steps, Transitions
from attnlab.masking import distribution, length_mask, zero_padding
from attnlab.nn.decoder_model import Conditional
from attnlab.nn.decoders import DecoderOutputs
from attnlab.nn.losses import log_likelihoods
from attnlab.nn.summed_readout import position_log_probs
from attnlab.precision import wide_type

Array = jax.Array | np.ndarray


class TargetBatch(Protocol):
    """A batch of B sources and their targets.

    source: [B, ...], words or images. source_lengths: [B], 0 for a filler row.
    target: [B, T] int, words, EOS, padding. target_lengths: [B], EOS counted.
    """

    @property
    def source(self) -> Array: ...
    @property
    def source_lengths(self) -> Array: ...
    @property
    def target(self) -> Array: ...
    @property
    def target_lengths(self) -> Array: ...


def apply(model: Conditional, *arguments: object, **options: object) -> Any:
    """`model.apply` without its type, which says too much to unpack its results.

    Args:
      model: the linen module.
      *arguments: as of `model.apply`, the parameters first.
      **options: as of `model.apply`.

    Returns:
      What the method returns.
    """
    return cast(Any, model.apply)(*arguments, **options)


def forced(
    model: Conditional,
    params: Params,
    batch: TargetBatch,
    *,
    draw: SampleSpec | None = None,
    rng: jax.Array | None = None,
) -> DecoderOutputs:
    """The teacher-forced pass over a batch.

    Args:
      model: the linen module.
      params: its parameters.
      batch: B pairs.
      draw: how reads sample; None reads expected values.
      rng: a key, of dropout; None drops nothing.

    Returns:
      What every step saw and read, [B, T, ...].
    """
    rngs = None if rng is None else {"dropout": rng}
    arguments = (params, batch.source, batch.source_lengths, batch.target)
    return apply(model, *arguments, train=rng is not None, draw=draw, rngs=rngs)


def real_steps(batch: TargetBatch) -> jax.Array:
    """Which target steps are no padding.

    Args:
      batch: B pairs.

    Returns:
      Booleans [B, T].
    """
    return length_mask(jnp.asarray(batch.target_lengths), batch.target.shape[1])


def output_layer(model: Conditional, params: Params) -> tuple[jax.Array, jax.Array]:
    """The layer that makes logits of readouts.

    Args:
      model: the linen module.
      params: its parameters.

    Returns:
      (kernel [R, V], bias [V]).
    """
    return apply(model, params, method="output_layer")


def likelihoods(
    model: Conditional,
    params: Params,
    batch: TargetBatch,
    readouts: jax.Array,
    seen: jax.Array | None = None,
) -> jax.Array:
    """log p(target) of every step.

    Args:
      model: the linen module.
      params: its parameters.
      batch: B pairs.
      readouts: [B, T, R].
      seen: [B, T] bool, the steps that count; None: all but padding.

    Returns:
      Nats [B, T], 0 at the other steps.
    """
    kernel, bias = output_layer(model, params)
    real = real_steps(batch) if seen is None else seen
    logs = log_likelihoods(
        readouts.reshape(-1, readouts.shape[-1]),
        kernel,
        bias,
        batch.target.reshape(-1),
        real.reshape(-1),
    )
    return cast(jax.Array, logs).reshape(batch.target.shape)


def steps_of(
    model: Conditional,
    params: Params,
    batch: TargetBatch,
    unrolled: DecoderOutputs,
    *,
    rng: jax.Array | None = None,
) -> Steps:
    """The target steps of a pass, to be read in other ways than it was.

    The states stay those of the pass. Where there is nothing to look at, all the
    probability is at slot 0, and its value is zero.

    Args:
      model: the linen module.
      params: its parameters.
      batch: B pairs.
      unrolled: the pass over them.
      rng: a key, of the readouts' dropout, alike for everything that a step might
        read; None drops nothing.

    Returns:
      Steps [B, T].
    """
    values, real = unrolled.values, real_steps(batch)
    probabilities = _somewhere(distribution(unrolled.weights))
    at_once = nothing = None
    if model.readout_form != "full":
        at_once, nothing = _at_once(model, params, batch, unrolled, rng)

    def log_prob_at(slots):
        if at_once is not None:
            return jnp.take_along_axis(at_once, slots[..., None], axis=-1)[..., 0]
        contexts, seen = contexts_at(batch, unrolled, probabilities, slots)
        return read(model, params, batch, unrolled, contexts, seen, rng=rng)

    def log_prob_under(reads):
        alignment = dense(reads, unrolled.positions, values.shape[1])
        contexts = jnp.einsum("bts,bsc->btc", alignment.astype(values.dtype), values)
        return read(model, params, batch, unrolled, contexts, real, rng=rng)

    transitions = None
    if model.transition is not None:
        if nothing is None:
            nothing = _read_nothing(model, params, batch, unrolled, rng)
        jumps = apply(model, params, values, method="jumps")
        transitions = Transitions(unrolled.positions, jumps, model.null, nothing)
    return Steps(probabilities, log_prob_at, log_prob_under, at_once, transitions)


def contexts_at(
    batch: TargetBatch,
    unrolled: DecoderOutputs,
    probabilities: jax.Array,
    slots: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """What each step reads where it looks at one position alone.

    Args:
      batch: B pairs.
      unrolled: the pass over them.
      probabilities: of the positions [B, T, W], those of `Steps`.
      slots: which of them [B, T] int.

    Returns:
      Contexts [B, T, C], and [B, T] bool: real steps that may look there.
    """

    def of_slot(array):
        return jnp.take_along_axis(array, slots[..., None], axis=-1)[..., 0]

    values = unrolled.values
    positions = jnp.clip(of_slot(unrolled.positions), 0, values.shape[1] - 1)
    chosen = jnp.take_along_axis(values, positions[..., None], axis=1)
    weighty = of_slot(unrolled.weights) > 0
    contexts = jnp.where(weighty[..., None], chosen, 0)
    return contexts, real_steps(batch) & (of_slot(probabilities) > 0)


def read(
    model: Conditional,
    params: Params,
    batch: TargetBatch,
    unrolled: DecoderOutputs,
    contexts: jax.Array,
    seen: jax.Array,
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    """log p(target) where other contexts are read than in the pass.

    Args:
      model: the linen module.
      params: its parameters.
      batch: B pairs.
      unrolled: the pass over them.
      contexts: [B, T, C].
      seen: [B, T] bool, the steps that count.
      rng: a key, of the readouts' dropout; None drops nothing.

    Returns:
      Nats [B, T], 0 at the other steps.
    """
    readouts = apply(
        model,
        params,
        unrolled.queries,
        unrolled.embedded,
        contexts,
        train=rng is not None,
        rngs=None if rng is None else {"dropout": rng},
        method="readout",
    )
    return likelihoods(model, params, batch, readouts, seen)


def infer(
    model: Conditional, params: Params, batch: TargetBatch, unrolled: DecoderOutputs
) -> jax.Array:
    """The inference network's q(a | x, y) over the positions of a pass.

    Args:
      model: the linen module, with an inference network.
      params: its parameters.
      batch: B pairs.
      unrolled: the pass over them.

    Returns:
      Probabilities [B, T, W], of sum one.
    """
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


def _read_nothing(
    model: Conditional,
    params: Params,
    batch: TargetBatch,
    unrolled: DecoderOutputs,
    rng: jax.Array | None,
) -> jax.Array:
    """log p(target) [B, T] where a step reads nothing; zeros where all steps read."""
    if not model.null:
        return jnp.zeros(batch.target.shape, wide_type(unrolled.readouts.dtype))
    null = apply(model, params, method="null_context")
    contexts = jnp.broadcast_to(null[None, None], unrolled.contexts.shape)
    return read(model, params, batch, unrolled, contexts, real_steps(batch), rng=rng)


def _at_once(
    model: Conditional,
    params: Params,
    batch: TargetBatch,
    unrolled: DecoderOutputs,
    rng: jax.Array | None,
) -> tuple[jax.Array, jax.Array]:
    """log p(target) of every slot [B, T, W], and where nothing is read [B, T]."""
    values = unrolled.values
    # Behind the positions: what a step reads that sees none, and what NULL is read as.
    nowhere = jnp.zeros_like(values[:, :1])
    null = nowhere
    if model.null:
        learned = apply(model, params, method="null_context")
        null = jnp.broadcast_to(learned[None, None], nowhere.shape)
    said, heard = apply(
        model,
        params,
        unrolled.queries,
        unrolled.embedded,
        jnp.concatenate([values, nowhere, null], axis=1),
        train=rng is not None,
        rngs=None if rng is None else {"dropout": rng},
        method="readout_parts",
    )
    kernel, bias = output_layer(model, params)
    target = jnp.asarray(batch.target)
    logs = position_log_probs(said, heard, kernel, bias, target)
    logs = zero_padding(logs, real_steps(batch))
    slots, size = logs[..., :-2], values.shape[1]
    if unrolled.positions.shape[-1] != size:  # a window, gathered
        places = jnp.clip(unrolled.positions, 0, size - 1)
        slots = jnp.take_along_axis(slots, places, axis=-1)
    return jnp.where(unrolled.weights > 0, slots, logs[..., -2:-1]), logs[..., -1]


def _somewhere(p: jax.Array) -> jax.Array:
    """p [B, T, W], but all of it at slot 0 where it is nowhere."""
    nowhere = p.sum(axis=-1, keepdims=True) <= 0
    first = jnp.arange(p.shape[-1]) == 0
    return jnp.where(nowhere & first[None, None], 1, p)
