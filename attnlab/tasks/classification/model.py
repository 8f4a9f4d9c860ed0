"""A sentence classifier: a bidirectional RNN, pooled by one look of an attention."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform, zeros

from attnlab.attention.alignment import dense
from attnlab.attention.base import Attention, Dims
from attnlab.masking import length_mask
from attnlab.nn.cells import Cell
from attnlab.nn.cells import dense as product
from attnlab.nn.embedding import dropout, embed, embedding_init
from attnlab.nn.encoder import Encoder


class Pooled(NamedTuple):
    """What was read of B sentences, and from where.

    values [B, P, C] and weights [B, P], zero where not attendable; contexts [B, C];
    centres [B] of local windows. P is S, or `padded_to` where padding shares the
    weights.
    """

    values: jax.Array
    weights: jax.Array
    contexts: jax.Array
    centres: jax.Array


class Classifier(nn.Module):
    """Yang et al. 2016, eqs. 5-7, of one level, around any attention.

    The query is one learned vector, so an additive score v . tanh(W q + U h) is their
    u . tanh(W h + b): W q, which no sentence changes, is the bias. `asks` False: the
    attention has no use for a query.

    `padded_to`: sentences are padded up to this many positions, and their weights are
    shared with the padding, whose states are zero (ilivans/tf-rnn-attention, 4.30): the
    context shrinks with the number of words that are missing. 0 masks padding, and EOS.
    """

    size: int
    classes: int
    attention: Attention
    cell: Cell
    embedding: int = 64
    hidden: int = 64
    attention_hidden: int = 64
    layers: int = 1
    dropout: float = 0.0
    asks: bool = True
    padded_to: int = 0

    def setup(self):
        if self.classes < 2:
            raise ValueError(f"classes is {self.classes}; it must be at least 2")
        width = 2 * self.hidden
        self.encode = Encoder(
            self.cell,
            self.embedding,
            self.hidden,
            self.layers,
            dropout=self.dropout,
            name="encoder",
        )
        size = (self.size, self.embedding)
        self.words = self.param("embedding", embedding_init, size)
        dims = Dims(width, width, self.attention_hidden)
        self.looking = self.param("attention", self.attention.init, dims)
        self.query = jnp.zeros((1, width))
        if self.asks:
            self.query = self.param("query", embedding_init, (1, width))
        # Two classes need one logit, the other is 0: the logistic function.
        outputs = 1 if self.classes == 2 else self.classes
        self.kernel = self.param("output", glorot_uniform(), (width, outputs))
        self.bias = self.param("output_bias", zeros, (outputs,))

    def parameters(self) -> None:
        """Nothing, but `init(rng, method="parameters")` draws all parameters by it."""
        _ = self.encode.params_of, self.looking

    def __call__(self, words, lengths, *, train: bool = False) -> Pooled:
        """Read words [B, S] of lengths [B], EOS counted; a row of length 0 reads 0."""
        size = words.shape[1]
        if self.padded_to and size > self.padded_to:
            raise ValueError(
                f"sentences of {size} positions, but padded_to is {self.padded_to}"
            )
        mask = length_mask(lengths, size)
        values = self.encode(embed(self.words, words), mask, train=train).values
        counts = jnp.maximum(lengths - 1, 0)  # EOS is no word
        if self.padded_to:
            missing = self.padded_to - size
            values = jnp.pad(values, ((0, 0), (0, missing), (0, 0)))
            mask = jnp.ones(values.shape[:2], bool)
        else:
            mask = length_mask(counts, size)
        query = jnp.asarray(self.query)[0].astype(values.dtype)

        def pool(values, mask, length):
            look = self.attention
            memory = look.prepare(self.looking, values, mask, length)
            step = jnp.zeros((), jnp.int32)
            carry = look.start(memory)
            found = look.apply(self.looking, query, memory, step=step, carry=carry)
            weights = dense(found.weights[None], found.positions[None], len(mask))[0]
            centre = found.aux["centre"]
            return Pooled(memory.values, weights, found.context, centre)

        return jax.vmap(pool)(values, mask, counts)

    def logits(self, contexts, *, train: bool = False) -> jax.Array:
        """Of contexts [B, N, C], [B, N, classes]; dropout is the same for all N."""
        if train and self.dropout:
            ones = jnp.ones_like(contexts[:, :1])
            kept = dropout(self.make_rng("dropout"), ones, self.dropout)
            contexts = contexts * jnp.broadcast_to(kept, contexts.shape)
        found = product(contexts, self.kernel, self.bias)
        if self.classes == 2:
            found = jnp.concatenate([jnp.zeros_like(found), found], axis=-1)
        return found
