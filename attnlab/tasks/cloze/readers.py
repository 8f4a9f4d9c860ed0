"""The three readers of Hermann et al. 2015: attentive, impatient, deep LSTM.

    READERS[name]: (passage [B, S, E], length [B], query [B, T, E], length [B])
                   -> g [B, G] to answer by, weights [B, N, S] of N looks at the passage

Lengths count the end mark. N is 1 for the attentive reader, T for the impatient one,
whose rows after the query are zero, and 0 for the deep LSTM, which looks at nothing.
None of them learns which attention it holds, nor which words are entities.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform, zeros

from attnlab.attention.alignment import dense as put
from attnlab.attention.base import Attention, AttentionOutput, Dims, Memory
from attnlab.masking import length_mask
from attnlab.nn.cells import Cell
from attnlab.nn.decoders import attend
from attnlab.nn.embedding import dropout
from attnlab.nn.encoder import Encoder
from attnlab.nn.recurrence import hold, recur, time_major
from attnlab.nn.scan import scan


class _Looking(nn.Module):
    """What the readers with an attention share: two encoders and the readout.

    y_d, y_q: annotations of passage and query, u: where the query's two directions
    ended, [forward at its last word; backward at its first]. `readout` "both":
    g = tanh(W_rg r + W_ug u); else g = r, as Chen et al. 2016.
    """

    attention: Attention
    cell: Cell
    inputs: int
    hidden: int
    attention_hidden: int
    readouts: int
    layers: int
    readout: str
    dropout: float

    @property
    def width(self) -> int:
        """C, of annotations and of u."""
        return 2 * self.hidden

    @property
    def joint(self) -> int:
        """G, of what the answers are scored by."""
        return self.readouts if self.readout == "both" else self.width

    def begin(self, query_width: int) -> None:
        """Set up the parts.

        Args:
          query_width: of what asks the attention.
        """
        self.read_passage, self.read_query = (
            Encoder(
                self.cell,
                self.inputs,
                self.hidden,
                self.layers,
                dropout=self.dropout,
                name=name,
            )
            for name in ("passage", "query")
        )
        dims = Dims(query_width, self.width, self.attention_hidden)
        self.looking = self.param("attention", self.attention.init, dims)
        if self.readout == "both":
            shape, glorot = (self.width, self.readouts), glorot_uniform()
            self.from_context = self.param("readout_context", glorot, shape)
            self.from_query = self.param("readout_query", glorot, shape)

    def parameters(self) -> None:
        """Nothing, but touching the encoders draws their parameters."""
        _ = self.read_passage.params_of, self.read_query.params_of

    def encode(
        self,
        passage: jax.Array,
        length: jax.Array,
        query: jax.Array,
        query_length: jax.Array,
        train: bool,
    ) -> tuple[Memory, jax.Array, jax.Array]:
        """Passage and query as annotations.

        Args:
          passage: embedded [B, S, E].
          length: of the passages, the end mark counted [B].
          query: embedded [B, T, E].
          query_length: as `length`.
          train: with dropout.

        Returns:
          The memory of y_d, which holds the passage's words without the end mark; y_q
          [B, T, C]; and u [B, C].
        """
        mask = length_mask(length, passage.shape[1])
        values = self.read_passage(passage, mask, train=train).values
        mask = length_mask(query_length, query.shape[1])
        encoded = self.read_query(query, mask, train=train)
        # Forward at the end mark of the query, backward at its first word.
        ends = [self.cell.output(final) for final in encoded.finals[-1]]
        # Without the end mark, which the readers must not point at; 0 for fillers.
        words = jnp.maximum(length - 1, 0)
        prepare = jax.vmap(self.attention.prepare, in_axes=(None, 0, 0, 0))
        attendable = length_mask(words, passage.shape[1])
        memory = prepare(self.looking, values, attendable, words)
        return memory, encoded.values, jnp.concatenate(ends, axis=-1)

    def look(
        self, query: jax.Array, memory: Memory, step: jax.Array | int, carry: object
    ) -> AttentionOutput:
        """One look for each row.

        Args:
          query: [B, Q].
          memory: what is looked at.
          step: number of the look [].
          carry: of the look before.

        Returns:
          What was read, at which weights.
        """
        steps = jnp.full(query.shape[:1], step)  # [B]
        return attend(self.attention, self.looking, query, memory, steps, carry, None)

    def read_out(self, context: jax.Array, summary: jax.Array) -> jax.Array:
        """What the answers are scored by.

        Args:
          context: r [B, C].
          summary: u [B, C].

        Returns:
          g [B, G].
        """
        if self.readout == "both":
            return jnp.tanh(context @ self.from_context + summary @ self.from_query)
        return context


class Attentive(_Looking):
    """Hermann et al. 2015, "The Attentive Reader": one look, asked by u.

    m(t) = tanh(W_ym y_d(t) + W_um u), s(t) ~ exp(w_ms . m(t)): the score `additive`;
    r = sum_t s(t) y_d(t). With the score `general` and the readout "context" it is the
    reader of Chen et al. 2016.
    """

    def setup(self):
        self.begin(self.width)

    def __call__(
        self,
        passage: jax.Array,
        length: jax.Array,
        query: jax.Array,
        query_length: jax.Array,
        *,
        train: bool = False,
    ) -> tuple[jax.Array, jax.Array]:
        """See READERS."""
        memory, _, summary = self.encode(passage, length, query, query_length, train)
        seen = self.look(summary, memory, 0, jax.vmap(self.attention.start)(memory))
        weights = put(seen.weights, seen.positions, passage.shape[1])
        return self.read_out(seen.context, summary), weights[:, None]  # [B, 1, S]


class Impatient(_Looking):
    """Hermann et al. 2015, "The Impatient Reader": a look after each query word.

    m(i, t) = tanh(W_dm y_d(t) + W_rm r(i - 1) + W_qm y_q(i)), s(i, t) ~ exp(w_ms . m):
    the score `additive` asked by [r(i - 1); y_q(i)];
    r(i) = sum_t s(i, t) y_d(t) + tanh(W_rr r(i - 1)), r(0) learned; g of r(|q|) and u.
    """

    def setup(self):
        self.begin(2 * self.width)
        shape = (self.width, self.width)
        self.first = self.param("first", zeros, (self.width,))
        self.again = self.param("again", glorot_uniform(), shape)

    def __call__(
        self,
        passage: jax.Array,
        length: jax.Array,
        query: jax.Array,
        query_length: jax.Array,
        *,
        train: bool = False,
    ) -> tuple[jax.Array, jax.Array]:
        """See READERS."""
        memory, words, summary = self.encode(
            passage, length, query, query_length, train
        )
        # Looks are asked by words; a filler has none and keeps the learned first.
        real = length_mask(jnp.maximum(query_length - 1, 0), query.shape[1])
        rows, steps = real.shape
        start = (
            jnp.broadcast_to(self.first, (rows, self.width)),  # [B, C]
            jax.vmap(self.attention.start)(memory),
        )

        def again(state, at):
            word, is_word, step = at
            before, carry = state
            query = jnp.concatenate([before, word], axis=-1)
            seen = self.look(query, memory, step, carry)
            after = seen.context + jnp.tanh(before @ self.again)
            weights = put(seen.weights, seen.positions, passage.shape[1])
            # The end mark and padding ask nothing.
            state = hold(is_word, (after, seen.carry), state)
            return state, jnp.where(is_word[:, None], weights, 0)

        # scan runs over the first axis: [T, B, ...].
        scanned = time_major(words), time_major(real), jnp.arange(steps)
        (last, _), weights = scan(again, start, scanned)
        # [T, B, S] to [B, T, S]
        return self.read_out(last, summary), time_major(weights)


class DeepLSTM(nn.Module):
    """Hermann et al. 2015, "The Deep LSTM Reader": all words one after the other.

    Passage ||| query through `layers` of the cell, the passage's end mark being the
    delimiter; every layer sees the words beside the layer below,
    x'(t, k) = [x(t); y(t, k - 1)], and g is the last output of all layers,
    y(t) = [y(t, 1); ...; y(t, K)].
    """

    cell: Cell
    inputs: int
    hidden: int
    layers: int
    dropout: float

    @property
    def joint(self) -> int:
        """G, of what the answers are scored by."""
        return self.layers * self.hidden

    def setup(self):
        # Skip connections: each layer also sees the words.
        above = [self.inputs + self.hidden] * (self.layers - 1)
        self.params_of = [
            self.param(f"layer{n}", self.cell.init, width, self.hidden)
            for n, width in enumerate([self.inputs, *above])
        ]

    def parameters(self) -> None:
        """Nothing, but touching the layers draws their parameters."""
        _ = self.params_of

    def __call__(
        self,
        passage: jax.Array,
        length: jax.Array,
        query: jax.Array,
        query_length: jax.Array,
        *,
        train: bool = False,
    ) -> tuple[jax.Array, jax.Array]:
        """See READERS."""
        words = jnp.concatenate([passage, query], axis=1)  # [B, S + T, E]
        # The padding between the two holds the state, as padding does everywhere.
        before = length_mask(length, passage.shape[1])
        after = length_mask(query_length, query.shape[1])
        mask = jnp.concatenate([before, after], axis=1)
        below, ends = words, []
        for n, params in enumerate(self.params_of):
            if n > 0:
                if train and self.dropout:
                    below = dropout(self.make_rng("dropout"), below, self.dropout)
                below = jnp.concatenate([words, below], axis=-1)
            below, final = recur(self.cell, params, below, mask, hidden=self.hidden)
            ends.append(self.cell.output(final))
        # No look: N is 0, and pointing is not scored.
        weights = jnp.zeros((passage.shape[0], 0, passage.shape[1]))
        return jnp.concatenate(ends, axis=-1), weights


READERS: dict[str, Callable[..., Attentive | Impatient | DeepLSTM]] = {
    "attentive": Attentive,
    "impatient": Impatient,
    "deep-lstm": DeepLSTM,
}
