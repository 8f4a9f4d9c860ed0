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

    P is S, or `padded_to` where padding shares the weights.

    Attributes:
      values: [B, P, C], the states; zero where they may not be attended to.
      weights: [B, P], likewise.
      contexts: [B, C], what was read.
      centres: [B], of local windows.
    """

    values: jax.Array
    weights: jax.Array
    contexts: jax.Array
    centres: jax.Array


class Classifier(nn.Module):
    """Yang et al. 2016, eqs. 5-7, of one level, around any attention.

    The query is one learned vector, so an additive score v . tanh(W q + U h) is their
    u . tanh(W h + b): W q, which no sentence changes, is the bias.

    Attributes:
      size: of the vocabulary.
      classes: how many, at least 2.
      attention: what pools the states.
      cell: of the encoder.
      embedding: width of the word embeddings, E.
      hidden: width of the encoder, a direction; C is twice that.
      attention_hidden: width of the hidden layer of the scores that have one.
      layers: of the encoder.
      dropout: share of entries dropped, of the context and between layers, in [0, 1).
      asks: the attention has use for a query.
      padded_to: sentences are padded up to this many positions, and their weights are
        shared with the padding, whose states are zero, as in ilivans/tf-rnn-attention:
        the context shrinks with the number of words that are missing. 0 masks padding,
        and EOS.
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

    def setup(self) -> None:
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
        self.attention_params = self.param("attention", self.attention.init, dims)
        # Without a use for it there is no parameter that nothing moves.
        self.query = jnp.zeros((1, width))
        if self.asks:
            self.query = self.param("query", embedding_init, (1, width))
        # Two classes need one logit, the other is 0: the logistic function.
        outputs = 1 if self.classes == 2 else self.classes
        self.kernel = self.param("output", glorot_uniform(), (width, outputs))
        self.bias = self.param("output_bias", zeros, (outputs,))

    def parameters(self) -> None:
        """Draws all parameters, by `init(rng, method="parameters")`, without a pass."""
        _ = self.encode.params_of, self.attention_params

    def __call__(
        self, words: jax.Array, lengths: jax.Array, *, train: bool = False
    ) -> Pooled:
        """Reads sentences, each by one look.

        Args:
          words: [B, S] int.
          lengths: [B] int, EOS counted; a row of length 0 reads zeros.
          train: whether to drop entries.

        Returns:
          What was read.

        Raises:
          ValueError: for more positions than `padded_to`.
        """
        size = words.shape[1]
        if self.padded_to and size > self.padded_to:
            raise ValueError(
                f"sentences of {size} positions, but padded_to is {self.padded_to}"
            )
        mask = length_mask(lengths, size)
        values = self.encode(embed(self.words, words), mask, train=train).values
        counts = jnp.maximum(lengths - 1, 0)  # EOS is no word
        if self.padded_to:
            # Padding has to reach as far in every batch, or weights would depend on it.
            missing = self.padded_to - size
            values = jnp.pad(values, ((0, 0), (0, missing), (0, 0)))
            mask = jnp.ones(values.shape[:2], bool)
        else:
            mask = length_mask(counts, size)
        query = jnp.asarray(self.query)[0].astype(values.dtype)

        def pool(values, mask, length):
            attention, params = self.attention, self.attention_params
            memory = attention.prepare(params, values, mask, length)
            step = jnp.zeros((), jnp.int32)
            carry = attention.start(memory)
            read = attention.apply(params, query, memory, step=step, carry=carry)
            weights = dense(read.weights[None], read.positions[None], len(mask))[0]
            return Pooled(memory.values, weights, read.context, read.aux["centre"])

        return jax.vmap(pool)(values, mask, counts)

    def logits(self, contexts: jax.Array, *, train: bool = False) -> jax.Array:
        """Scores of the classes.

        Args:
          contexts: [B, N, C].
          train: whether to drop entries, the same for all N.

        Returns:
          [B, N, classes].
        """
        if train and self.dropout:
            ones = jnp.ones_like(contexts[:, :1])
            factors = dropout(self.make_rng("dropout"), ones, self.dropout)
            contexts = contexts * jnp.broadcast_to(factors, contexts.shape)
        logits = product(contexts, self.kernel, self.bias)
        if self.classes == 2:
            logits = jnp.concatenate([jnp.zeros_like(logits), logits], axis=-1)
        return logits
