"""Two decoders behind one step interface: Bahdanau's and Luong's.

They differ in who asks (s_{i-1} or h_t), in where the context goes (into the cell or
into an attentional vector) and in the readout. Neither knows which attention it holds.

    start(encoded) -> State
    unroll(memory, state, embedded [B, T, E]) -> Unrolled     teacher forcing
    step(memory, state, embedded [B, E]) -> State, query [B, Q], readout [B, R], Aligned
    readout(queries, embedded, contexts) -> [..., R]          any leading axes

What a read draws (`draw`, of a key for all steps and rows) is what the next step is
fed; without one that is the expected value, whatever the read.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform, zeros

from attnlab.attention.base import Attention, AttentionOutput, Dims, Memory, SampleSpec
from attnlab.nn.cells import Cell, dense
from attnlab.nn.embedding import dropout
from attnlab.nn.encoder import Encoded
from attnlab.nn.recurrence import time_major


class State(NamedTuple):
    """What a decoder carries from step to step; every leaf has a leading axis B.

    cells: one carry a layer. feed [B, R]: the last attentional vector, [B, 0] where
    none is fed. attention: what the attention recalls. step [B]: index of the next
    target word.
    """

    cells: tuple[Any, ...]
    feed: jax.Array
    attention: Any
    step: jax.Array


class DecoderOutputs(NamedTuple):
    """All steps of a teacher-forced pass, batch-major.

    values [B, S, C] that were attended to, embedded [B, T, E] inputs, queries
    [B, T, Q] as `readout` takes them, contexts [B, T, C], readouts [B, T, R], weights,
    reads and positions [B, T, W], aux: dict of [B, T, ...].
    """

    values: jax.Array
    embedded: jax.Array
    queries: jax.Array
    contexts: jax.Array
    readouts: jax.Array
    weights: jax.Array
    reads: jax.Array
    positions: jax.Array
    aux: dict[str, jax.Array]


def attend(
    attention: Attention, params, query, memory, step, carry, draw
) -> AttentionOutput:
    """`attention.apply` for a batch: query [B, Q], memory, step [B] and carry of B.

    The fields of `draw` may be [B] or, but for the key, one for all.
    """
    rows = query.shape[0]
    if draw is not None:
        rngs = None if draw.rng is None else jax.random.split(draw.rng, rows)
        spread = [jnp.broadcast_to(jnp.asarray(field), (rows,)) for field in draw[1:]]
        draw = SampleSpec(rngs, *spread)

    def one(query, memory, step, carry, draw):
        return attention.apply(params, query, memory, step=step, carry=carry, draw=draw)

    return jax.vmap(one)(query, memory, step, carry, draw)


def step_keys(draw: SampleSpec | None, steps: int):
    """A key for each step, [T]; None where nothing is drawn."""
    if draw is None or draw.rng is None:
        return None
    return jax.random.split(draw.rng, steps)


def with_key(draw: SampleSpec | None, rng) -> SampleSpec | None:
    """The draw of one step, by its own key."""
    return None if draw is None else draw._replace(rng=rng)


class BahdanauDecoder(nn.Module):
    """Bahdanau et al. 2014, appendix A.2.2: attend with s_{i-1}, context into the cell.

    c_i = sum_j alpha_ij h_j with scores of s_{i-1};
    s_i = cell(s_{i-1}, [E y_{i-1}; c_i]);
    readout = maxout(U_o s_{i-1} + V_o E y_{i-1} + C_o c_i), pairs of units (4.12);
    s_0 = tanh(W_s * first backward annotation) (4.11).
    """

    cell: Cell
    attention: Attention
    inputs: int
    hidden: int
    values: int
    readouts: int
    attention_hidden: int
    summary: int

    def setup(self):
        width = self.inputs + self.values
        self.recurrent = self.param("cell", self.cell.init, width, self.hidden)
        dims = Dims(query=self.hidden, value=self.values, hidden=self.attention_hidden)
        self.looking = self.param("attention", self.attention.init, dims)
        glorot = glorot_uniform()
        self.first = self.param("start", glorot, (self.summary, self.hidden))
        self.first_bias = self.param("start_bias", zeros, (self.hidden,))
        out = 2 * self.readouts
        self.from_state = self.param("readout_state", glorot, (self.hidden, out))
        self.from_word = self.param("readout_word", glorot, (self.inputs, out))
        self.from_context = self.param("readout_context", glorot, (self.values, out))
        self.readout_bias = self.param("readout_bias", zeros, (out,))

    def prepare(self, values, mask, length) -> Memory:
        """Memory of a batch: values [B, S, C], mask [B, S], length [B] in words."""
        prepare = jax.vmap(self.attention.prepare, in_axes=(None, 0, 0, 0))
        return prepare(self.looking, values, mask, length)

    def start(self, encoded: Encoded, memory: Memory) -> State:
        state = jnp.tanh(dense(encoded.summary, self.first, self.first_bias))
        batch = state.shape[0]
        return State(
            cells=(self.cell.start(state),),
            feed=jnp.zeros((batch, 0), state.dtype),
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
        gates = projected + aligned.context @ self.recurrent["input"][self.inputs :]
        carry = self.cell.step(self.recurrent, state.cells[0], gates)
        state = State((carry,), state.feed, aligned.carry, state.step + 1)
        return state, query, aligned

    def _project(self, embedded):
        words = {**self.recurrent, "input": self.recurrent["input"][: self.inputs]}
        return self.cell.project(words, embedded)

    def unroll(self, memory, state: State, embedded, *, draw=None, train=False):
        del train  # one layer: nothing between layers to drop

        def advance(state, at):
            projected, rng = at
            state, query, aligned = self._advance(
                memory, state, projected, with_key(draw, rng)
            )
            return state, (query, aligned._replace(carry=()))

        rngs = step_keys(draw, embedded.shape[1])
        words = time_major(embedded)
        _, scanned = jax.lax.scan(advance, state, (self._project(words), rngs))
        queries, aligned = scanned
        readouts = self.readout(queries, words, aligned.context)
        return unrolled(memory, words, queries, readouts, aligned)

    def step(self, memory, state: State, embedded, *, draw=None):
        projected = self._project(embedded)
        state, query, aligned = self._advance(memory, state, projected, draw)
        return state, query, self.readout(query, embedded, aligned.context), aligned

    def readout(self, queries, embedded, contexts):
        pairs = (
            dense(queries, self.from_state, self.readout_bias)
            + dense(embedded, self.from_word)
            + dense(contexts, self.from_context)
        )
        return pairs.reshape(*pairs.shape[:-1], self.readouts, 2).max(axis=-1)


class LuongDecoder(nn.Module):
    """Luong et al. 2015, section 3: attend with h_t, then the attentional vector.

    h_t = stack([E y_{t-1}; h~_{t-1}]) (input feeding; the first h~ is zero, 4.17);
    h~_t = tanh(W_c [c_t; h_t]), which the vocabulary reads. Without feeding the
    attention of all target steps comes after the scan, in one batched call where that
    is faster. Dropout on h~ reaches the vocabulary only: what is fed is not dropped.
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

    def setup(self):
        fed = self.readouts if self.input_feeding else 0
        widths = [self.inputs + fed] + [self.hidden] * (self.layers - 1)
        self.stack = [
            self.param(f"layer{n}", self.cell.init, width, self.hidden)
            for n, width in enumerate(widths)
        ]
        dims = Dims(query=self.hidden, value=self.values, hidden=self.attention_hidden)
        self.looking = self.param("attention", self.attention.init, dims)
        glorot = glorot_uniform()
        combined = (self.values + self.hidden, self.readouts)
        self.combine = self.param("combine", glorot, combined)
        if self.bridge:
            size = (self.values, self.hidden)
            self.bridges = [
                self.param(f"bridge{n}", glorot, size) for n in range(self.layers)
            ]

    def prepare(self, values, mask, length) -> Memory:
        """Memory of a batch: values [B, S, C], mask [B, S], length [B] in words."""
        prepare = jax.vmap(self.attention.prepare, in_axes=(None, 0, 0, 0))
        return prepare(self.looking, values, mask, length)

    def start(self, encoded: Encoded, memory: Memory) -> State:
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
        words = {**self.stack[0], "input": self.stack[0]["input"][: self.inputs]}
        return self.cell.project(words, embedded)

    def _climb(self, cells, feed, projected, masks):
        """New carries of all layers and the top output h_t [B, H]."""
        if self.input_feeding:
            projected = projected + feed @ self.stack[0]["input"][self.inputs :]
        carries = [self.cell.step(self.stack[0], cells[0], projected)]
        layers = zip(self.stack[1:], cells[1:], masks, strict=True)
        for params, carry, mask in layers:
            below = self.cell.output(carries[-1]) * mask
            projected = self.cell.project(params, below)
            carries.append(self.cell.step(params, carry, projected))
        return tuple(carries), self.cell.output(carries[-1])

    def _masks(self, batch: int, dtype, train: bool):
        """Dropout between layers, one mask a sentence (Gal and Ghahramani 2016)."""
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
        attended = self.readout(query, None, aligned.context)
        feed = attended if self.input_feeding else state.feed
        state = State(cells, feed, aligned.carry, state.step + 1)
        return state, query, aligned, attended

    def unroll(self, memory, state: State, embedded, *, draw=None, train=False):
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

            _, scanned = jax.lax.scan(advance, state, (projected, rngs))
            queries, aligned, readouts = scanned
            return unrolled(memory, words, queries, readouts, aligned)

        def climb(cells, projected):
            return self._climb(cells, state.feed, projected, masks)

        _, queries = jax.lax.scan(climb, state.cells, projected)  # [T, B, H]
        aligned = self._attend_all(memory, state, queries, draw, rngs)
        readouts = self.readout(queries, words, aligned.context)
        return unrolled(memory, words, queries, readouts, aligned)

    def _attend_all(self, memory, state: State, queries, draw, rngs) -> AttentionOutput:
        """Alignments of all target steps [T, B, ...].

        In one call where that is a matrix product; step by step where the attention
        recalls, or where all steps at once would only hold more.
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
        each = (queries, jnp.repeat(indices[:, None], batch, axis=1), rngs)
        if self.attention.batch_steps(memory.mask.shape[-1]):
            return jax.vmap(lambda at: look(state.attention, at)[1])(each)
        return jax.lax.scan(look, state.attention, each)[1]

    def step(self, memory, state: State, embedded, *, draw=None):
        masks = self._masks(embedded.shape[0], embedded.dtype, train=False)
        state, query, aligned, attended = self._advance(
            memory, state, self._project(embedded), masks, draw
        )
        return state, query, attended, aligned

    def readout(self, queries, embedded, contexts):
        del embedded  # Luong's readout sees the last word through h_t alone
        joined = jnp.concatenate([contexts, queries], axis=-1)
        return jnp.tanh(dense(joined, self.combine))


def unrolled(memory: Memory, *scanned) -> DecoderOutputs:
    """All steps from time-major words, queries, readouts and alignments."""
    embedded, queries, readouts, aligned = jax.tree.map(time_major, scanned)
    return DecoderOutputs(
        values=memory.values,
        embedded=embedded,
        queries=queries,
        contexts=aligned.context,
        readouts=readouts,
        weights=aligned.weights,
        reads=aligned.reads,
        positions=aligned.positions,
        aux=aligned.aux,
    )
