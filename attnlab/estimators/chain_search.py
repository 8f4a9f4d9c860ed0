"""Decoding by a chain: each hypothesis carries the forward variables of its words.

    p(y_t | y_<t) = sum_s p(a_t = s | y_<t) p(y_t | s) + null p(y_t | nothing is read)

What a word says of where it was read is known when it has been chosen, so that a step
first takes the word before it into p(last position | words so far). Exact, as the
states are fed expected values and do not depend on the path.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from attnlab.attention.alignment import dense
from attnlab.attention.base import Memory, Params
from attnlab.estimators.chain import Chain, advance, land, ways_of
from attnlab.estimators.decoder_steps import apply
from attnlab.masking import distribution
from attnlab.nn.decoder_model import Conditional
from attnlab.nn.decoders import State
from attnlab.precision import wide

NEVER = -1e30  # log-probability of a word where a step did not look


class ChainMemory(NamedTuple):
    """What does not change from word to word. ways: [B, S + 1, S]."""

    memory: Memory
    ways: jax.Array


class ChainCarry(NamedTuple):
    """What a hypothesis carries; every leaf has a leading axis B.

    state: of the decoder. position: [B, S + 1], p(last position) before its last word.
    Of the last step: weights [B, S] of the attention, places [B, K] that it looked at,
    norms [B, K + 1], log normalizers of the words there and, last, where nothing is
    read, query [B, Q] and embedded [B, E].
    """

    state: State
    position: jax.Array
    weights: jax.Array
    places: jax.Array
    norms: jax.Array
    query: jax.Array
    embedded: jax.Array


Step = Callable[[Any, Any, jax.Array], tuple[Any, jax.Array, jax.Array]]


def chain_step(
    model: Conditional, params: Params, memory: Memory, state: State, positions: int
) -> tuple[Step, ChainMemory, ChainCarry]:
    """What `attnlab.decoding` searches with.

    Args:
      model: the linen module, with a transition.
      params: its parameters.
      memory: of B sources.
      state: of the decoder, before the first word.
      positions: K, that the sum of a step is over: the most probable, renormalized.

    Returns:
      (step, memory, carry): the step's weights [B, S] are p(a_t = s | y_<t).
    """
    batch, size = memory.mask.shape
    count = min(positions, size)
    ways = jax.vmap(ways_of)(apply(model, params, memory.values, method="jumps"))
    tokens = jnp.zeros((batch,), jnp.int32)
    # Shapes alone: the first step takes no word in.
    _, query, embedded, _ = jax.eval_shape(
        lambda: apply(model, params, memory, state, tokens, method="step_query")
    )
    carry = ChainCarry(
        state,
        jnp.zeros((batch, size + 1), ways.dtype).at[:, 0].set(1),
        jnp.zeros((batch, size), ways.dtype),
        jnp.zeros((batch, count), jnp.int32),
        jnp.zeros((batch, count + 1), ways.dtype),
        jnp.zeros(query.shape, query.dtype),
        jnp.zeros(embedded.shape, embedded.dtype),
    )

    def step(given: ChainMemory, carry: ChainCarry, tokens: jax.Array):
        memory, ways = given
        position = _take_in(model, params, given, carry, tokens)
        state, query, embedded, aligned = apply(
            model, params, memory, carry.state, tokens, method="step_query"
        )
        weights = dense(wide(aligned.weights), aligned.positions, size)
        prior = (1 - model.null) * jax.vmap(land)(ways, position, weights)
        shares, places = jax.lax.top_k(prior, count)
        # Where nothing can be read, the first place stands for all, and reads zeros.
        nowhere = (shares[:, :1] <= 0) & (model.null == 0)
        first = (jnp.arange(count) == 0)[None].astype(ways.dtype)
        chosen = jnp.where(nowhere, first, shares)
        null = jnp.full_like(chosen[:, :1], model.null)
        chosen = jnp.concatenate([chosen, null], axis=1)
        chosen = distribution(chosen)
        contexts = _contexts(model, params, memory, places, shares)

        def add(total, at):
            context, share = at
            logits = _logits(model, params, query, embedded, context)
            norm = jax.nn.logsumexp(logits, axis=-1)
            more = logits - norm[:, None] + jnp.log(share)[:, None]
            return jnp.logaddexp(total, more), norm

        nothing = jnp.full((len(tokens), model.target_size), -jnp.inf, ways.dtype)
        each = (jnp.moveaxis(contexts, 1, 0), chosen.T)
        total, norms = jax.lax.scan(add, nothing, each)
        after = ChainCarry(state, position, weights, places, norms.T, query, embedded)
        return after, total, prior

    return step, ChainMemory(memory, ways), carry


def _take_in(
    model: Conditional,
    params: Params,
    given: ChainMemory,
    carry: ChainCarry,
    tokens: jax.Array,
) -> jax.Array:
    """p(last position | all words) [B, S + 1], with the word that was chosen last."""
    memory, ways = given
    seen = jnp.take_along_axis(carry.weights, carry.places, axis=1)
    contexts = _contexts(model, params, memory, carry.places, seen)
    kernel, bias = apply(model, params, method="output_layer")
    wanted = wide(kernel.T[tokens])  # [B, R]

    def spread(array):  # [B, X] -> [B, K + 1, X]
        shape = (len(array), contexts.shape[1], array.shape[1])
        return jnp.broadcast_to(array[:, None], shape)

    readouts = apply(
        model,
        params,
        spread(carry.query),
        spread(carry.embedded),
        contexts,
        method="readout",
    )
    logs = jnp.einsum("bkr,br->bk", wide(readouts), wanted)
    logs = logs + wide(bias)[tokens][:, None] - carry.norms
    rows = jnp.arange(len(tokens), dtype=jnp.int32)[:, None]
    emissions = jnp.full(carry.weights.shape, NEVER, logs.dtype)
    emissions = emissions.at[rows, carry.places].set(logs[:, :-1])
    real = carry.state.step > 0  # the first step is after no word
    null = jnp.full(real.shape, model.null, logs.dtype)
    at = Chain(carry.weights, ways, emissions, real, null, logs[:, -1])
    return jax.vmap(lambda ways, state, at: advance(ways, state, at)[0])(
        ways, carry.position, at
    )


def _contexts(
    model: Conditional,
    params: Params,
    memory: Memory,
    places: jax.Array,
    shares: jax.Array,
) -> jax.Array:
    """What is read at places [B, K] of some share, and by NULL: [B, K + 1, C]."""
    values = jnp.take_along_axis(memory.values, places[..., None], axis=1)
    values = jnp.where(shares[..., None] > 0, values, 0)
    null = jnp.zeros_like(values[:, :1])
    if model.null:
        learned = apply(model, params, method="null_context")
        null = jnp.broadcast_to(learned[None, None], null.shape)
    return jnp.concatenate([values, null], axis=1)


def _logits(model, params, query, embedded, context):
    readout = apply(model, params, query, embedded, context, method="readout")
    return wide(apply(model, params, readout, method="logits"))
