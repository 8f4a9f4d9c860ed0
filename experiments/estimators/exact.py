"""The objective of sampled feeding, exactly: summed over all paths in a sentence."""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Attention, AttentionOutput, Params
from attnlab.estimators.decoder_steps import apply, real_steps
from attnlab.masking import distribution
from attnlab.nn.decoder_model import BOS
from attnlab.tasks.translation.model import Seq2Seq
from attnlab.text.batching import Batch


def looking_at(attention: Attention, slot: jax.Array | int) -> Attention:
    """An attention that reads the value at one slot of its window at every step.

    Args:
      attention: its weights, and what it remembers, stay as they are.
      slot: in [0, W). A slot without weight reads zeros.

    Returns:
      The attention, which ignores what it is to sample.
    """

    def apply(params, query, memory, *, step, carry, draw=None):
        del draw
        output = attention.apply(params, query, memory, step=step, carry=carry)
        weighty = output.weights[slot] > 0
        reads = jnp.zeros_like(output.weights).at[slot].set(jnp.where(weighty, 1, 0))
        value = jnp.take(memory.values, output.positions[slot], axis=0, mode="clip")
        return output._replace(context=jnp.where(weighty, value, 0), reads=reads)

    return attention._replace(apply=apply)


def expected_over_paths(model: Seq2Seq, params: Params, batch: Batch) -> jax.Array:
    """E_p log p(y | a_1 ... a_T): what hard attention fed by its samples maximizes.

    sum_t sum over a_1 ... a_t of p(a_1) p(a_2 | a_1) ... log p(y_t | a_1 ... a_t).
    Every step multiplies the rows by W, so only toys can afford it.

    Args:
      model: a translation model.
      params: its parameters.
      batch: B pairs; every source must have something to look at.

    Returns:
      [B], in nats a sentence.
    """
    memory, state = apply(
        model, params, batch.source, batch.source_lengths, method="start"
    )
    real, sentences = real_steps(batch), batch.target.shape[0]
    reached = jnp.ones((sentences,))  # probability of the path to each row
    total = jnp.zeros((sentences,))
    output = jax.eval_shape(lambda: _step(model, params, memory, state, BOS, 0))[2]
    slots = jnp.arange(output.weights.shape[-1])
    before = jnp.full((sentences,), BOS)
    for step in range(batch.target.shape[1]):
        paths = reached.shape[0] // sentences
        words = jnp.repeat(batch.target[:, step], paths)
        inputs = jnp.repeat(before, paths)

        def branch(slot, memory=memory, state=state, inputs=inputs, words=words):
            after, logits, output = _step(model, params, memory, state, inputs, slot)
            logs = jax.nn.log_softmax(logits)
            nats = jnp.take_along_axis(logs, words[:, None], axis=-1)[:, 0]
            return after, nats, distribution(output.weights)[:, slot]

        # [rows, W, ...]
        after, rewards, chances = jax.vmap(branch, out_axes=1)(slots)
        reached = reached[:, None] * chances
        sums = (reached * rewards).reshape(sentences, -1).sum(axis=1)
        total += jnp.where(real[:, step], sums, 0)
        # The W branches of a row become rows, beside those of the other paths.
        state, reached = jax.tree.map(
            lambda a: a.reshape(a.shape[0] * a.shape[1], *a.shape[2:]),
            (after, reached),
        )
        memory = jax.tree.map(lambda a: jnp.repeat(a, len(slots), axis=0), memory)
        before = batch.target[:, step]
    return total


def _step(
    model: Seq2Seq, params: Params, memory, state, tokens, slot
) -> tuple[object, jax.Array, AttentionOutput]:
    """Next state, logits [rows, V] and attention of a step that reads `slot`."""
    tokens = jnp.broadcast_to(tokens, state.step.shape)
    looking = model.clone(attention=looking_at(model.attention, slot))
    return apply(looking, params, memory, state, tokens, method="step")
