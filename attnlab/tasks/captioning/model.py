"""Show, Attend and Tell (Xu et al. 2015): an image encoder and an attending LSTM."""

from collections.abc import Sequence

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
from attnlab.masking import zero_padding
from attnlab.nn.cells import Cell, dense
from attnlab.nn.decoder_model import Conditional
from attnlab.nn.decoders import (
    DecoderOutputs,
    State,
    attend,
    step_keys,
    unrolled,
    with_key,
)
from attnlab.nn.encoder import Encoded
from attnlab.nn.inference_network import Inference
from attnlab.nn.recurrence import time_major
from attnlab.nn.scan import scan
from attnlab.tasks.captioning.image_encoder import ImageGrid


class XuDecoder(nn.Module):
    """The decoder of Xu et al. 2015, sections 3.1.2 and 4: attend, gate, LSTM.

    z_t = beta_t sum_i alpha_ti a_i with scores of h_{t-1};
    beta_t = sigmoid(w . h_{t-1} + b), one scalar for all of z_t, 1 without `gate`;
    h_t = cell(h_{t-1}, [E y_{t-1}; z_t]);
    readout = tanh(E y_{t-1} + L_h h_t + L_z z_t), of the embedding's width (deep
    output; the paper's equation 7 has no tanh, the released code has);
    c_0 and h_0 are tanh of two projections of the mean annotation.

    A step's own read enters h_t, not only the readout. So `queries` hold all of the
    carry before the step, and `readout` for another context takes the step with it.

    Attributes:
      inputs: width E of embeddings and readouts.
      hidden: width H of the state.
      values: width C of annotations.
      attention_hidden: width inside the score.
    """

    cell: Cell
    attention: Attention
    inputs: int
    hidden: int
    values: int
    attention_hidden: int
    gate: bool = True

    def setup(self):
        width = self.inputs + self.values  # [E y; z]
        self.recurrent = self.param("cell", self.cell.init, width, self.hidden)
        dims = Dims(query=self.hidden, value=self.values, hidden=self.attention_hidden)
        self.looking = self.param("attention", self.attention.init, dims)
        glorot = glorot_uniform()
        # A start for each array of the cell's carry: c and h of an LSTM, h of a GRU.
        example = self.cell.start(jnp.zeros((1, self.hidden)))
        leaves, self.carry = jax.tree.flatten(example)
        self.first = [
            (
                self.param(f"start{n}", glorot, (self.values, self.hidden)),
                self.param(f"start{n}_bias", zeros, (self.hidden,)),
            )
            for n in range(len(leaves))
        ]
        self.from_state = self.param(
            "readout_state", glorot, (self.hidden, self.inputs)
        )
        size = (self.values, self.inputs)
        self.from_context = self.param("readout_context", glorot, size)
        self.readout_bias = self.param("readout_bias", zeros, (self.inputs,))
        if self.gate:
            self.opening = self.param("gate", glorot, (self.hidden, 1))
            self.opening_bias = self.param("gate_bias", zeros, (1,))

    def prepare(self, values: jax.Array, mask: jax.Array, length: jax.Array) -> Memory:
        """What is attended to, with its keys.

        Args:
          values: annotations [B, L, C].
          mask: cells that may be attended to [B, L].
          length: their number [B].

        Returns:
          The memory of the batch.
        """
        prepare = jax.vmap(self.attention.prepare, in_axes=(None, 0, 0, 0))
        return prepare(self.looking, values, mask, length)

    def start(self, encoded: Encoded, memory: Memory) -> State:
        """The state before the first word.

        Args:
          encoded: of a batch; `summary` [B, C] is the mean annotation.
          memory: of the same batch.

        Returns:
          The state.
        """
        starts = [jnp.tanh(dense(encoded.summary, *params)) for params in self.first]
        # Nothing is fed back beside the word: the width of `feed` is 0.
        return State(
            cells=(jax.tree.unflatten(self.carry, starts),),
            feed=jnp.zeros((len(encoded.summary), 0), encoded.summary.dtype),
            attention=jax.vmap(self.attention.start)(memory),
            step=jnp.zeros((len(encoded.summary),), jnp.int32),
        )

    def _seen(self, output, context):
        """z_t [..., C]: the context as far as the gate lets it through."""
        if not self.gate:
            return context
        # [..., 1] * [..., C]
        return jax.nn.sigmoid(dense(output, self.opening, self.opening_bias)) * context

    def _project(self, embedded):
        # The cell's input is [E y; z]: the part of words is multiplied for all steps
        # at once, that of z in `_move`.
        words = {**self.recurrent, "input": self.recurrent["input"][: self.inputs]}
        return self.cell.project(words, embedded)

    def _move(self, carry, projected, seen):
        gates = projected + dense(seen, self.recurrent["input"][self.inputs :])
        return self.cell.step(self.recurrent, carry, gates)

    def _deep_output(self, output, embedded, seen):
        return jnp.tanh(
            embedded
            + dense(output, self.from_state, self.readout_bias)
            + dense(seen, self.from_context)
        )

    def _advance(self, memory, state: State, projected, draw):
        """One step: the state after it, the carry before it, z_t and the alignment."""
        # Xu et al. ask with h_{t-1}; the context then enters the step to h_t.
        carry = state.cells[0]
        output = self.cell.output(carry)
        aligned = attend(
            self.attention,
            self.looking,
            output,
            memory,
            state.step,
            state.attention,
            draw,
        )
        seen = self._seen(output, aligned.context)
        after = self._move(carry, projected, seen)
        state = State((after,), state.feed, aligned.carry, state.step + 1)
        return state, jnp.concatenate(jax.tree.leaves(carry), axis=-1), seen, aligned

    def unroll(
        self,
        memory: Memory,
        state: State,
        embedded: jax.Array,
        *,
        draw: SampleSpec | None = None,
        train: bool = False,
    ) -> DecoderOutputs:
        """A teacher-forced pass.

        Args:
          memory: of the batch.
          state: the first.
          embedded: inputs of all steps [B, T, E].
          draw: how a step's read is drawn; None: the expected value.
          train: ignored, as one layer has nothing between layers to drop.

        Returns:
          What each step read and put out.
        """
        del train

        def advance(state, at):
            projected, rng = at
            state, query, seen, aligned = self._advance(
                memory, state, projected, with_key(draw, rng)
            )
            output = self.cell.output(state.cells[0])
            # The carry goes on in the state; kept for all steps it would fill memory.
            return state, (output, query, seen, aligned._replace(carry=()))

        rngs = step_keys(draw, embedded.shape[1])
        # scan runs over the first axis: [T, B, E].
        words = time_major(embedded)
        _, scanned = scan(advance, state, (self._project(words), rngs))
        outputs, queries, seen, aligned = scanned
        # Outside the scan: one product over all steps instead of T small ones.
        readouts = self._deep_output(outputs, words, seen)
        return unrolled(memory, words, queries, readouts, aligned)

    def step(
        self,
        memory: Memory,
        state: State,
        embedded: jax.Array,
        *,
        draw: SampleSpec | None = None,
    ) -> tuple[State, jax.Array, jax.Array, AttentionOutput]:
        """One decoding step.

        Args:
          memory: of the batch.
          state: before the step.
          embedded: its input [B, E].
          draw: how its read is drawn; None: the expected value.

        Returns:
          The state after it, its query, its readout [B, E] and its alignment.
        """
        projected = self._project(embedded)
        state, query, seen, aligned = self._advance(memory, state, projected, draw)
        output = self.cell.output(state.cells[0])
        return state, query, self._deep_output(output, embedded, seen), aligned

    def readout(
        self, queries: jax.Array, embedded: jax.Array, contexts: jax.Array
    ) -> jax.Array:
        """What the steps would put out if they had read other contexts.

        Args:
          queries: the carry before each step, as `unroll` gives it.
          embedded: inputs [..., E].
          contexts: what they read instead [..., C].

        Returns:
          Readouts [..., E].
        """
        # Undo the concatenation in `_advance`: equal widths, in the order of the tree.
        leaves = jnp.split(queries, len(self.first), axis=-1)
        carry = jax.tree.unflatten(self.carry, leaves)
        seen = self._seen(self.cell.output(carry), contexts)
        after = self._move(carry, self._project(embedded), seen)
        return self._deep_output(self.cell.output(after), embedded, seen)


class CaptionModel(Conditional, kw_only=True):
    """p(caption | picture), around any attention.

    The source are pictures [B, H, W, colors] in [0, 1] that a small convolutional
    network (`ImageGrid`) reads, trained along; or, without `channels`, given features
    [B, rows, columns, C], which are the annotations as they are (the paper's are 14 x
    14 x 512). Its lengths are 1, and 0 for a filler row. Positions are cells in reading
    order.

    Attributes:
      shape: of one source, without its batch axis.
      channels: widths of the convolutions; empty for given features.
      inference: whether there is an inference network, for the ELBO.
    """

    shape: tuple[int, int, int]
    channels: Sequence[int]
    attention: Attention
    cell: Cell
    hidden: int = 64
    attention_hidden: int = 64
    gate: bool = True
    inference: bool = False

    def setup(self):
        features = self.shape[-1]
        if self.channels:
            self.look = ImageGrid(self.shape, tuple(self.channels), name="grid")
            features = self.channels[-1]
        decode = XuDecoder(
            cell=self.cell,
            attention=self.attention,
            inputs=self.embedding,
            hidden=self.hidden,
            values=features,
            attention_hidden=self.attention_hidden,
            gate=self.gate,
            name="decoder",
        )
        inferring = None
        if self.inference:
            inferring = Inference(
                self.cell, self.embedding, self.hidden, features, name="inference"
            )
        self.complete(decode, self.embedding, inferring)

    def parameters(self) -> None:
        """See `Conditional.parameters`."""
        if self.channels:
            _ = self.look.places
        _ = self.decode.looking
        if self.inferring is not None:
            _ = self.inferring.bilinear, self.inferring.encode.params_of

    def encode(
        self, source: jax.Array, source_lengths: jax.Array, *, train: bool = False
    ) -> Encoded:
        """The annotations of pictures or features.

        Args:
          source: pictures [B, H, W, colors], or features [B, rows, columns, C].
          source_lengths: [B], 0 for a filler row.
          train: with dropout.

        Returns:
          Annotations [B, L, C], and their mean as the summary [B, C].
        """
        if self.channels:
            values = self.look(source)
        else:
            flat = source.reshape(source.shape[0], -1, source.shape[-1])  # [B, L, C]
            values = flat.astype(self.bias.dtype)
        # Fillers are zeroed before the mean, or what stands in them would reach the
        # parameters' gradients (NaN times zero).
        values = self._drop(zero_padding(values, source_lengths > 0), train)
        return Encoded(values, (), values.mean(axis=1))  # no recurrent states

    def start(
        self, source: jax.Array, source_lengths: jax.Array, *, train: bool = False
    ) -> tuple[Memory, State]:
        """What the decoder starts with.

        Args:
          source: pictures [B, H, W, colors], or features [B, rows, columns, C].
          source_lengths: [B], 0 for a filler row.
          train: with dropout.

        Returns:
          The decoder's memory and its first state, a row a picture.
        """
        encoded = self.encode(source, source_lengths, train=train)
        batch, cells = encoded.values.shape[:2]
        real = source_lengths > 0
        mask = jnp.broadcast_to(real[:, None], (batch, cells))  # [B, L]
        # A picture has all of its cells, a filler none.
        length = jnp.where(real, cells, 0).astype(jnp.int32)
        memory = self.decode.prepare(encoded.values, mask, length)
        return memory, self.decode.start(encoded, memory)
