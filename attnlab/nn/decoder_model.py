"""What predicts a target word by word: all of a model but its encoder."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform, zeros

from attnlab.attention.base import AttentionOutput, Memory
from attnlab.masking import distribution, length_mask
from attnlab.nn.cells import dense
from attnlab.nn.decoders import DecoderOutputs, State
from attnlab.nn.embedding import dropout, embed, embedding_init

BOS = 1  # attnlab.text.vocabulary.BOS; models do not import data


class Conditional(nn.Module, kw_only=True):
    """p(target | source) around a decoder, whatever the source is.

    Targets are [B, T] token ids, words then EOS then padding; lengths count EOS. A
    source is an array whose first axis is B, beside its lengths [B]: 0 for a filler
    row. What else they are is the affair of the subclass, whose `setup` ends with
    `complete(decode, ...)`, a decoder of `attnlab.nn.decoders`, and which defines
    `start` and `parameters`.
    """

    target_size: int
    embedding: int = 64
    tied: bool = False
    dropout: float = 0.0

    def complete(self, decode: Any, readouts: int, inferring: Any = None) -> None:
        """Set up the rest: embeddings, and the vocabulary that readouts [R] meet."""
        self.decode, self.inferring = decode, inferring
        size = (self.target_size, self.embedding)
        self.target_words = self.param("target_embedding", embedding_init, size)
        if not self.tied:
            size = (readouts, self.target_size)
            self.kernel = self.param("vocabulary", glorot_uniform(), size)
        self.bias = self.param("vocabulary_bias", zeros, (self.target_size,))

    def start(
        self, source, source_lengths, *, train: bool = False
    ) -> tuple[Memory, State]:
        """The decoder's memory and its first state, a row a source."""
        raise NotImplementedError

    def parameters(self) -> None:
        """Nothing, but `init(rng, method="parameters")` draws all parameters by it.

        Looking at a part sets it up; running the model for that would be compiled.
        """
        raise NotImplementedError

    def __call__(
        self, source, source_lengths, target, *, train: bool = False, draw=None
    ) -> DecoderOutputs:
        """Teacher-forced pass; readouts [B, T, R] predict `target` [B, T].

        Each step sees what its read draws with `draw`, or the expected value.
        """
        memory, state = self.start(source, source_lengths, train=train)
        embedded = self.embed_inputs(target, train=train)
        unrolled = self.decode.unroll(memory, state, embedded, draw=draw, train=train)
        readouts = self._drop(unrolled.readouts, train)
        return unrolled._replace(readouts=readouts)

    def step(
        self, memory: Memory, state: State, tokens, *, draw=None
    ) -> tuple[State, jax.Array, AttentionOutput]:
        """One decoding step after `tokens` [B]: the state, logits [B, V], alignment."""
        embedded = embed(self.target_words, tokens)
        state, _, readout, aligned = self.decode.step(
            memory, state, embedded, draw=draw
        )
        return state, self.logits(readout), aligned

    def step_marginal(
        self, memory: Memory, state: State, tokens, *, positions: int
    ) -> tuple[State, jax.Array, AttentionOutput]:
        """As `step`, with the log-probabilities [B, V] of the marginal.

        log sum_a p(a) p(word | a) over the `positions` likeliest, renormalized; the
        state is fed the expected value.
        """
        embedded = embed(self.target_words, tokens)
        state, query, _, aligned = self.decode.step(memory, state, embedded)
        kept = min(positions, aligned.weights.shape[-1])
        largest, slots = jax.lax.top_k(aligned.weights, kept)
        places = jnp.take_along_axis(aligned.positions, slots, axis=-1)
        places = jnp.clip(places, 0, memory.values.shape[1] - 1)
        first = jnp.arange(kept) == 0  # all there is where nothing can be looked at
        shares = jnp.where(
            largest[:, :1] > 0, distribution(largest), first[None].astype(largest.dtype)
        )

        def add(total, at):
            place, weight, share = at
            value = jnp.take_along_axis(memory.values, place[:, None, None], axis=1)
            context = jnp.where(weight[:, None] > 0, value[:, 0], 0)
            logits = self.logits(self.decode.readout(query, embedded, context))
            more = jax.nn.log_softmax(logits) + jnp.log(share)[:, None]
            return jnp.logaddexp(total, more), None

        nothing = jnp.full((tokens.shape[0], self.target_size), -jnp.inf)
        each = (places.T, largest.T, shares.T)
        total, _ = jax.lax.scan(add, nothing, each)
        return state, total, aligned

    def infer(self, target, target_lengths, values, weights, positions) -> jax.Array:
        """q(a | x, y) [B, T, W] of the inference network (see `Inference`)."""
        embedded = embed(self.target_words, target)
        mask = length_mask(target_lengths, target.shape[1])
        return self.inferring(embedded, mask, values, weights, positions)

    def embed_inputs(self, target, *, train: bool = False) -> jax.Array:
        """Embedded decoder inputs [B, T, E]: BOS, then target without its last."""
        before = jnp.full_like(target[:, :1], BOS)
        inputs = jnp.concatenate([before, target[:, :-1]], axis=1)
        return self._drop(embed(self.target_words, inputs), train)

    def readout(self, queries, embedded, contexts, *, train: bool = False) -> jax.Array:
        """Readouts [..., R] for contexts [..., C] other than the attention's own."""
        return self._drop(self.decode.readout(queries, embedded, contexts), train)

    def output_layer(self) -> tuple[jax.Array, jax.Array]:
        """Kernel [R, V] and bias [V] of the vocabulary."""
        return (self.target_words.T if self.tied else self.kernel), self.bias

    def logits(self, readouts) -> jax.Array:
        """Vocabulary logits [..., V] of readouts [..., R]."""
        kernel, bias = self.output_layer()
        return dense(readouts, kernel, bias)

    def _drop(self, array, train: bool):
        if not (train and self.dropout):
            return array
        return dropout(self.make_rng("dropout"), array, self.dropout)
