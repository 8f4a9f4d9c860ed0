"""The decoder of Bahdanau et al. 2014 (RNNsearch): the context enters the cell."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform, zeros

from attnlab.attention.base import (
    Attention,
    AttentionOutput,
    Dims,
    Memory,
    SampleSpec,
)
from attnlab.nn.cells import Cell, dense
from attnlab.nn.decoders import (
    DecoderOutputs,
    State,
    attend,
    step_keys,
    unrolled,
    with_key,
)
from attnlab.nn.encoder import Encoded
from attnlab.nn.recurrence import time_major
from attnlab.nn.scan import scan


class BahdanauDecoder(nn.Module):
    """Bahdanau et al. 2014, appendix A.2.2: attend with s_{i-1}, context into the cell.

    c_i = sum_j alpha_ij h_j with scores of s_{i-1};
    s_i = cell(s_{i-1}, [E y_{i-1}; c_i]);
    readout = maxout(U_o s_{i-1} + V_o E y_{i-1} + C_o c_i), pairs of units, of the
    state before the word and not after it, as their appendix writes it;
    s_0 = tanh(W_s * first backward annotation).

    See `Decoder` for the methods. inputs: E. hidden: H. values: C. readouts: R.
    attention_hidden: of the score. summary: width of `Encoded.summary`. readout_form:
    "full", as above; "additive", a sum without maxout; "lexical", C_o c_i alone.
    """

    cell: Cell
    attention: Attention
    inputs: int
    hidden: int
    values: int
    readouts: int
    attention_hidden: int
    summary: int
    readout_form: str = "full"

    def setup(self):
        width = self.inputs + self.values
        self.recurrent = self.param("cell", self.cell.init, width, self.hidden)
        dims = Dims(query=self.hidden, value=self.values, hidden=self.attention_hidden)
        self.looking = self.param("attention", self.attention.init, dims)
        glorot = glorot_uniform()
        self.first = self.param("start", glorot, (self.summary, self.hidden))
        self.first_bias = self.param("start_bias", zeros, (self.hidden,))
        # Maxout takes the larger of each two.
        out = (2 if self.readout_form == "full" else 1) * self.readouts
        if self.readout_form != "lexical":
            self.from_state = self.param("readout_state", glorot, (self.hidden, out))
            self.from_word = self.param("readout_word", glorot, (self.inputs, out))
        self.from_context = self.param("readout_context", glorot, (self.values, out))
        self.readout_bias = self.param("readout_bias", zeros, (out,))

    def prepare(self, values: jax.Array, mask: jax.Array, length: jax.Array) -> Memory:
        """See `Decoder.prepare`."""
        prepare = jax.vmap(self.attention.prepare, in_axes=(None, 0, 0, 0))
        return prepare(self.looking, values, mask, length)

    def start(self, encoded: Encoded, memory: Memory) -> State:
        """See `Decoder.start`."""
        state = jnp.tanh(dense(encoded.summary, self.first, self.first_bias))
        batch = state.shape[0]
        return State(
            cells=(self.cell.start(state),),
            feed=jnp.zeros((batch, 0), state.dtype),  # the context enters the cell
            attention=jax.vmap(self.attention.start)(memory),
            step=jnp.zeros((batch,), jnp.int32),
        )

    def _advance(self, memory, state: State, projected, draw):
        """One step from a projected word [B, G * H]; the query is the old output."""
        query = self.cell.output(state.cells[0])
        aligned = attend(
            self.attention,
            self.looking,
            query,
            memory,
            state.step,
            state.attention,
            draw,
        )
        # The lower rows of the input matrix are the context's; see `_project`.
        gates = projected + aligned.context @ self.recurrent["input"][self.inputs :]
        carry = self.cell.step(self.recurrent, state.cells[0], gates)
        state = State((carry,), state.feed, aligned.carry, state.step + 1)
        return state, query, aligned

    def _project(self, embedded):
        # W [word; context] = W_word word + W_context context: words of all steps are
        # projected in one product before the scan, contexts within it.
        words = {**self.recurrent, "input": self.recurrent["input"][: self.inputs]}
        return self.cell.project(words, embedded)

    def unroll(
        self,
        memory: Memory,
        state: State,
        embedded: jax.Array,
        *,
        draw: SampleSpec | None = None,
        train: bool = False,
    ) -> DecoderOutputs:
        """See `Decoder.unroll`."""
        del train  # one layer: nothing between layers to drop

        def advance(state, at):
            projected, rng = at
            state, query, aligned = self._advance(
                memory, state, projected, with_key(draw, rng)
            )
            # Nobody asks for the carries of past steps: do not stack them.
            return state, (query, aligned._replace(carry=()))

        rngs = step_keys(draw, embedded.shape[1])
        words = time_major(embedded)
        _, scanned = scan(advance, state, (self._project(words), rngs))
        queries, aligned = scanned
        # Nothing of the readout is fed back, so that all steps are one product.
        readouts = self.readout(queries, words, aligned.context)
        return unrolled(memory, words, queries, readouts, aligned)

    def step(
        self,
        memory: Memory,
        state: State,
        embedded: jax.Array,
        *,
        draw: SampleSpec | None = None,
    ) -> tuple[State, jax.Array, jax.Array, AttentionOutput]:
        """See `Decoder.step`."""
        projected = self._project(embedded)
        state, query, aligned = self._advance(memory, state, projected, draw)
        return state, query, self.readout(query, embedded, aligned.context), aligned

    def readout(
        self, queries: jax.Array, embedded: jax.Array, contexts: jax.Array
    ) -> jax.Array:
        """See `Decoder.readout`."""
        if self.readout_form == "lexical":
            return self.value_part(contexts)
        pairs = self.state_part(queries, embedded) + dense(contexts, self.from_context)
        if self.readout_form == "additive":
            return pairs
        return pairs.reshape(*pairs.shape[:-1], self.readouts, 2).max(axis=-1)

    def value_part(self, contexts: jax.Array) -> jax.Array:
        """See `Decoder.value_part`."""
        bias = self.readout_bias if self.readout_form == "lexical" else None
        return dense(contexts, self.from_context, bias)

    def state_part(self, queries: jax.Array, embedded: jax.Array) -> jax.Array:
        """See `Decoder.state_part`."""
        heard = dense(queries, self.from_state, self.readout_bias)
        return heard + dense(embedded, self.from_word)
