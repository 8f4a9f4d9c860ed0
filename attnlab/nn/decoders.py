"""What decoders with attention have in common: their interface, and what they share.

Bahdanau's (`bahdanau_decoder`) and Luong's (`luong_decoder`) differ in the query
(s_{i-1} or h_t), in where the context goes (into the cell or into an attentional
vector) and in the readout. Neither knows which attention it holds.
"""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from attnlab.attention.base import (
    Attention,
    AttentionOutput,
    Memory,
    Params,
    SampleSpec,
)
from attnlab.nn.cells import Carry
from attnlab.nn.encoder import Encoded
from attnlab.nn.recurrence import time_major


class State(NamedTuple):
    """What a decoder carries from step to step; every leaf has a leading axis B.

    cells: one carry a layer. feed [B, R]: the last attentional vector, [B, 0] where
    none is fed. attention: what the attention carries from step to step, such as its
    coverage. step [B]: index of the next target word.
    """

    cells: tuple[Carry, ...]
    feed: jax.Array
    attention: Any
    step: jax.Array


class DecoderOutputs(NamedTuple):
    """All steps of a teacher-forced pass, with the batch axis first.

    values [B, S, C] that were attended to. embedded [B, T, E]: inputs. queries
    [B, T, Q], as `readout` takes them. contexts [B, T, C]: what was read. readouts
    [B, T, R], for the vocabulary. weights, reads [B, T, W]: of attention, and of what
    was taken (one-hot for a sample). positions [B, T, W]: which source positions those
    are of. aux: dict of [B, T, ...], such as the centre of a local window.
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


class Decoder(Protocol):
    """What a model needs of a decoder.

    Attributes:
      looking: parameters of the attention.
    """

    looking: Params

    def prepare(self, values: jax.Array, mask: jax.Array, length: jax.Array) -> Memory:
        """What is attended to.

        Args:
          values: annotations [B, S, C].
          mask: [B, S], True where the decoder may attend.
          length: [B], words of each source: what local windows go by.

        Returns:
          The Memory of a batch, with the keys that need no query.
        """
        ...

    def start(self, encoded: Encoded, memory: Memory) -> State:
        """The state before the first target word.

        Args:
          encoded: the source.
          memory: from `prepare`.

        Returns:
          The State.
        """
        ...

    def unroll(
        self,
        memory: Memory,
        state: State,
        embedded: jax.Array,
        *,
        draw: SampleSpec | None = None,
        train: bool = False,
    ) -> DecoderOutputs:
        """All steps at once, with the words before each given (teacher forcing).

        Args:
          memory: from `prepare`.
          state: from `start`.
          embedded: decoder inputs [B, T, E].
          draw: what a hard read draws, by one key for all steps and rows, and the next
            step is fed; None: the expected value, whatever the read.
          train: whether there is dropout.

        Returns:
          The DecoderOutputs.
        """
        ...

    def step(
        self,
        memory: Memory,
        state: State,
        embedded: jax.Array,
        *,
        draw: SampleSpec | None = None,
    ) -> tuple[State, jax.Array, jax.Array, AttentionOutput]:
        """One step, as decoding makes it.

        Args:
          memory: from `prepare`.
          state: of the step before, or from `start`.
          embedded: the word before [B, E].
          draw: as in `unroll`, by a key of this step.

        Returns:
          The next state, query [B, Q], readout [B, R], and the attention's output.
        """
        ...

    def readout(
        self, queries: jax.Array, embedded: jax.Array, contexts: jax.Array
    ) -> jax.Array:
        """What the vocabulary reads, for any contexts.

        Args:
          queries: [..., Q].
          embedded: the words before [..., E].
          contexts: [..., C], the attention's own or others.

        Returns:
          Readouts [..., R].
        """
        ...


class SummedReadout(Protocol):
    """What a decoder has whose readout may be a sum of two parts."""

    def value_part(self, contexts: jax.Array) -> jax.Array:
        """What the contexts add to a readout that is a sum.

        Args:
          contexts: [..., C].

        Returns:
          A part of readouts [..., R]; with readout_form "lexical" all of them.
        """
        ...

    def state_part(self, queries: jax.Array, embedded: jax.Array) -> jax.Array:
        """What the state and the word before add to a readout that is a sum.

        Args:
          queries: [..., Q].
          embedded: [..., E].

        Returns:
          A part of readouts [..., R]; there is none with readout_form "lexical".
        """
        ...


def attend(
    attention: Attention,
    params: Params,
    query: jax.Array,
    memory: Memory,
    step: jax.Array,
    carry: Any,
    draw: SampleSpec | None,
) -> AttentionOutput:
    """`attention.apply` for a batch.

    Args:
      attention: the attention.
      params: its parameters.
      query: [B, Q].
      memory: of a batch, each leaf with a leading axis B.
      step: index of the target word [B].
      carry: what the attention gave at the step before, with a leading axis B.
      draw: what a hard read draws; its fields are of shape [B], or scalars for all
        rows. The key is one for all, and is split.

    Returns:
      The AttentionOutput, each leaf with a leading axis B.
    """
    rows = query.shape[0]
    if draw is not None:
        # A key of its own for each row: rows must not draw alike.
        rngs = None if draw.rng is None else jax.random.split(draw.rng, rows)
        spread = [jnp.broadcast_to(jnp.asarray(field), (rows,)) for field in draw[1:]]
        draw = SampleSpec(rngs, *spread)

    def one(query, memory, step, carry, draw):
        return attention.apply(params, query, memory, step=step, carry=carry, draw=draw)

    return jax.vmap(one)(query, memory, step, carry, draw)


def step_keys(draw: SampleSpec | None, steps: int) -> jax.Array | None:
    """A random key for each step.

    Args:
      draw: with a key for all of them.
      steps: T.

    Returns:
      Keys [T]; None where nothing is drawn.
    """
    if draw is None or draw.rng is None:
        return None
    return jax.random.split(draw.rng, steps)


def with_key(draw: SampleSpec | None, rng: jax.Array | None) -> SampleSpec | None:
    """The draw of one step.

    Args:
      draw: that of all steps.
      rng: the step's key, from `step_keys`.

    Returns:
      The same with that key; None where nothing is drawn.
    """
    return None if draw is None else draw._replace(rng=rng)


def unrolled(
    memory: Memory,
    embedded: jax.Array,
    queries: jax.Array,
    readouts: jax.Array,
    aligned: AttentionOutput,
) -> DecoderOutputs:
    """The outputs of a scan over time with the batch axis first.

    Args:
      memory: what was attended to.
      embedded: [T, B, E].
      queries: [T, B, Q].
      readouts: [T, B, R].
      aligned: the attention of all steps, each leaf [T, B, ...].

    Returns:
      The DecoderOutputs.
    """
    scanned = (embedded, queries, readouts, aligned)
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
