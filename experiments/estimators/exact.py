"""The objective of sampled feeding, exactly: summed over all paths in a sentence."""

from typing import Any

import jax
import jax.numpy as jnp

from attnlab.attention.base import Attention
from attnlab.estimators.decoder_steps import apply, real_steps
from attnlab.masking import distribution
from attnlab.nn.decoder_model import BOS
from attnlab.tasks.translation.model import Seq2Seq


def looking_at(attention: Attention, slot: jax.Array | int) -> Attention:
    """`attention`, but every step reads the value at `slot` of its window [W].

    Weights and what is recalled stay its own; a slot without weight reads zeros.
    """

    def apply(params, query, memory, *, step, carry, draw=None):
        del draw
        found = attention.apply(params, query, memory, step=step, carry=carry)
        weighty = found.weights[slot] > 0
        reads = jnp.zeros_like(found.weights).at[slot].set(jnp.where(weighty, 1, 0))
        value = jnp.take(memory.values, found.positions[slot], axis=0, mode="clip")
        return found._replace(context=jnp.where(weighty, value, 0), reads=reads)

    return attention._replace(apply=apply)


def expected_over_paths(model: Seq2Seq, params, batch: Any) -> jax.Array:
    """E_p log p(y | a_1 ... a_T) [B]: what hard attention fed by its samples maximizes.

    sum_t sum over a_1 ... a_t of p(a_1) p(a_2 | a_1) ... log p(y_t | a_1 ... a_t).
    Every step multiplies the rows by W, so only toys can afford it. Sentences must have
    something to look at.
    """
    memory, state = apply(
        model, params, batch.source, batch.source_lengths, method="start"
    )
    real, sentences = real_steps(batch), batch.target.shape[0]
    reached = jnp.ones((sentences,))  # probability of the path to each row
    total = jnp.zeros((sentences,))
    width = jax.eval_shape(lambda: _step(model, params, memory, state, BOS, 0))[2]
    slots = jnp.arange(width.weights.shape[-1])
    before = jnp.full((sentences,), BOS)
    for step in range(batch.target.shape[1]):
        paths = reached.shape[0] // sentences
        words = jnp.repeat(batch.target[:, step], paths)
        given = jnp.repeat(before, paths)

        def branch(slot, memory=memory, state=state, given=given, words=words):
            after, logits, aligned = _step(model, params, memory, state, given, slot)
            logs = jax.nn.log_softmax(logits)
            nats = jnp.take_along_axis(logs, words[:, None], axis=-1)[:, 0]
            return after, nats, distribution(aligned.weights)[:, slot]

        found = jax.vmap(branch, out_axes=1)(slots)  # [rows, W, ...]
        rewards, chances = found[1:]
        reached = reached[:, None] * chances
        sums = (reached * rewards).reshape(sentences, -1).sum(axis=1)
        total += jnp.where(real[:, step], sums, 0)
        state, reached = jax.tree.map(
            lambda a: a.reshape(a.shape[0] * a.shape[1], *a.shape[2:]),
            (found[0], reached),
        )
        memory = jax.tree.map(lambda a: jnp.repeat(a, len(slots), axis=0), memory)
        before = batch.target[:, step]
    return total


def _step(model: Seq2Seq, params, memory, state, tokens, slot) -> Any:
    tokens = jnp.broadcast_to(tokens, state.step.shape)
    looking = model.clone(attention=looking_at(model.attention, slot))
    return apply(looking, params, memory, state, tokens, method="step")
