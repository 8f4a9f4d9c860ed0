"""The decoder of Luong et al. 2015: the context enters an attentional vector."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform

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
from attnlab.nn.embedding import dropout
from attnlab.nn.encoder import Encoded
from attnlab.nn.recurrence import time_major
from attnlab.nn.scan import scan


class LuongDecoder(nn.Module):
    """Luong et al. 2015, section 3: attend with h_t, then the attentional vector.

    h_t = stack([E y_{t-1}; h~_{t-1}]) (input feeding; the first h~ is zero);
    h~_t = tanh(W_c [c_t; h_t]), which the vocabulary reads. Without feeding the
    attention of all target steps comes after the scan, in one batched call where that
    is faster. Dropout on h~ reaches the vocabulary only: what is fed is not dropped.

    See `Decoder` for the methods. inputs: E. hidden: H. values: C. readouts: R.
    attention_hidden: of the score. bridge: whether the first state is a projection of
    the encoder's last ones, as it must be where their widths differ. readout_form:
    "full", h~_t as above; "additive", without the tanh; "lexical", without h_t, too.
    """

    cell: Cell
    attention: Attention
    inputs: int
    hidden: int
    values: int
    readouts: int
    attention_hidden: int
    layers: int = 1
    input_feeding: bool = True
    bridge: bool = False
    dropout: float = 0.0
    readout_form: str = "full"

    def setup(self):
        # Without feeding, the first layer has no rows for the attentional vector.
        fed = self.readouts if self.input_feeding else 0
        widths = [self.inputs + fed] + [self.hidden] * (self.layers - 1)
        self.stack = [
            self.param(f"layer{n}", self.cell.init, width, self.hidden)
            for n, width in enumerate(widths)
        ]
        dims = Dims(query=self.hidden, value=self.values, hidden=self.attention_hidden)
        self.looking = self.param("attention", self.attention.init, dims)
        glorot = glorot_uniform()
        heard = 0 if self.readout_form == "lexical" else self.hidden
        combined = (self.values + heard, self.readouts)
        self.combine = self.param("combine", glorot, combined)
        if self.bridge:
            size = (self.values, self.hidden)
            self.bridges = [
                self.param(f"bridge{n}", glorot, size) for n in range(self.layers)
            ]

    def prepare(self, values: jax.Array, mask: jax.Array, length: jax.Array) -> Memory:
        """See `Decoder.prepare`."""
        prepare = jax.vmap(self.attention.prepare, in_axes=(None, 0, 0, 0))
        return prepare(self.looking, values, mask, length)

    def start(self, encoded: Encoded, memory: Memory) -> State:
        """See `Decoder.start`."""
        if self.bridge:  # both directions' final outputs, projected, layer by layer
            cells = []
            for kernel, finals in zip(self.bridges, encoded.finals, strict=True):
                ends = [self.cell.output(final) for final in finals]
                state = jnp.tanh(dense(jnp.concatenate(ends, axis=-1), kernel))
                cells.append(self.cell.start(state))
        else:  # the encoder's own carries, as in the paper
            cells = [final[0] for final in encoded.finals]
        batch, dtype = encoded.values.shape[0], encoded.values.dtype
        fed = self.readouts if self.input_feeding else 0
        return State(
            cells=tuple(cells),
            feed=jnp.zeros((batch, fed), dtype),
            attention=jax.vmap(self.attention.start)(memory),
            step=jnp.zeros((batch,), jnp.int32),
        )

    def _project(self, embedded):
        # As in BahdanauDecoder: the rows of the matrix that the word meets.
        words = {**self.stack[0], "input": self.stack[0]["input"][: self.inputs]}
        return self.cell.project(words, embedded)

    def _climb(self, cells, feed, projected, masks):
        """New carries of all layers and the top output h_t [B, H]."""
        if self.input_feeding:
            projected = projected + feed @ self.stack[0]["input"][self.inputs :]
        carries = [self.cell.step(self.stack[0], cells[0], projected)]
        layers = zip(self.stack[1:], cells[1:], masks, strict=True)
        for params, carry, mask in layers:
            below = self.cell.output(carries[-1]) * mask  # dropout, the same each step
            projected = self.cell.project(params, below)
            carries.append(self.cell.step(params, carry, projected))
        return tuple(carries), self.cell.output(carries[-1])

    def _masks(self, batch: int, dtype, train: bool):
        """Dropout between layers, one mask a sentence (Gal and Ghahramani 2016)."""
        # Made once, outside the scan over time, as masks of ones where none is dropped.
        ones = jnp.ones((batch, self.hidden), dtype)
        between = range(self.layers - 1)
        if not (train and self.dropout):
            return [ones for _ in between]
        return [dropout(self.make_rng("dropout"), ones, self.dropout) for _ in between]

    def _advance(self, memory, state: State, projected, masks, draw):
        cells, query = self._climb(state.cells, state.feed, projected, masks)
        aligned = attend(
            self.attention,
            self.looking,
            query,
            memory,
            state.step,
            state.attention,
            draw,
        )
        attended = self.readout(query, None, aligned.context)  # h~_t
        feed = attended if self.input_feeding else state.feed
        state = State(cells, feed, aligned.carry, state.step + 1)
        return state, query, aligned, attended

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
        batch, steps = embedded.shape[:2]
        masks = self._masks(batch, embedded.dtype, train)
        words = time_major(embedded)
        projected = self._project(words)
        rngs = step_keys(draw, steps)

        if self.input_feeding:

            def advance(state, at):
                state, query, aligned, attended = self._advance(
                    memory, state, at[0], masks, with_key(draw, at[1])
                )
                return state, (query, aligned._replace(carry=()), attended)

            _, scanned = scan(advance, state, (projected, rngs))
            queries, aligned, readouts = scanned
            return unrolled(memory, words, queries, readouts, aligned)

        def climb(cells, projected):
            return self._climb(cells, state.feed, projected, masks)

        _, queries = scan(climb, state.cells, projected)  # [T, B, H]
        aligned = self._attend_all(memory, state, queries, draw, rngs)
        readouts = self.readout(queries, words, aligned.context)
        return unrolled(memory, words, queries, readouts, aligned)

    def _attend_all(self, memory, state: State, queries, draw, rngs) -> AttentionOutput:
        """Alignments of all target steps [T, B, ...].

        In one call where that is a matrix product; step by step where a step depends on
        the attention of the last, or where all at once would only take more memory.
        """

        def look(carry, at):
            query, step, rng = at
            aligned = attend(
                self.attention,
                self.looking,
                query,
                memory,
                step,
                carry,
                with_key(draw, rng),
            )
            return aligned.carry, aligned._replace(carry=())

        batch = queries.shape[1]
        indices = jnp.arange(queries.shape[0], dtype=jnp.int32)
        # The index of the step, for each row: [T] -> [T, 1] -> [T, B].
        each = (queries, jnp.repeat(indices[:, None], batch, axis=1), rngs)
        if self.attention.batch_steps(memory.mask.shape[-1]):
            return jax.vmap(lambda at: look(state.attention, at)[1])(each)
        return scan(look, state.attention, each)[1]

    def step(
        self,
        memory: Memory,
        state: State,
        embedded: jax.Array,
        *,
        draw: SampleSpec | None = None,
    ) -> tuple[State, jax.Array, jax.Array, AttentionOutput]:
        """See `Decoder.step`."""
        masks = self._masks(embedded.shape[0], embedded.dtype, train=False)
        state, query, aligned, attended = self._advance(
            memory, state, self._project(embedded), masks, draw
        )
        return state, query, attended, aligned

    def readout(
        self, queries: jax.Array, embedded: jax.Array | None, contexts: jax.Array
    ) -> jax.Array:
        """See `Decoder.readout`."""
        if self.readout_form == "lexical":
            return self.value_part(contexts)
        if self.readout_form == "additive":
            return self.value_part(contexts) + self.state_part(queries, embedded)
        joined = jnp.concatenate([contexts, queries], axis=-1)
        return jnp.tanh(dense(joined, self.combine))

    def value_part(self, contexts: jax.Array) -> jax.Array:
        """See `Decoder.value_part`."""
        return dense(contexts, self.combine[: self.values])

    def state_part(self, queries: jax.Array, embedded: jax.Array | None) -> jax.Array:
        """See `Decoder.state_part`."""
        del embedded  # Luong's readout sees the last word through h_t alone
        return dense(queries, self.combine[self.values :])
