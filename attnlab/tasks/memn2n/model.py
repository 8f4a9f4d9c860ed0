"""End-to-end memory networks (Sukhbaatar et al. 2015) around any attention.

In hop k the question u^k looks at memories m_i and reads their outputs c_i:

    p_i = softmax(u . m_i),  o = sum_i p_i c_i,  u^{k+1} = u^k + o   (eqs. 1, 2, 4)

where m_i and c_i embed sentence i by two tables of words, A^k and C^k. An attention's
keys come from m and what it reads is c, so every score, normalizer and read will do.
"""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from attnlab.attention.alignment import dense
from attnlab.attention.base import (
    Attention,
    AttentionOutput,
    Dims,
    Memory,
    SampleSpec,
)
from attnlab.masking import length_mask, zero_padding
from attnlab.nn.cells import lstm
from attnlab.nn.embedding import embed
from attnlab.nn.recurrence import recur
from attnlab.tasks.memn2n.encodings import ENCODINGS

PAD = 0  # attnlab.text.vocabulary.PAD; models do not import data
normal = jax.nn.initializers.normal(0.1)  # the paper's, of all parameters


class MemN2NOutputs(NamedTuple):
    """Logits [B, V] of the answer; weights and reads [B, K, S] of every hop."""

    logits: jax.Array
    weights: jax.Array
    reads: jax.Array


class Tables(NamedTuple):
    """Which word table embeds what.

    Attributes:
      count: number of tables.
      question: the table of the question (B).
      keys: the table of the memories of each hop (A^k).
      values: the table of the outputs of each hop (C^k).
      answer: the table that scores the answer (W).
      carries: u^{k+1} = H u^k + o with a linear map H, instead of u^k + o.
    """

    count: int
    question: int
    keys: tuple[int, ...]
    values: tuple[int, ...]
    answer: int
    carries: bool


def adjacent(hops: int) -> Tables:
    """Adjacent tying (section 2.2, 1): A^{k+1} = C^k, B = A^1, W^T = C^K.

    Args:
      hops: reads of the memory, K.

    Returns:
      K + 1 tables.
    """
    places = tuple(range(hops + 1))
    return Tables(hops + 1, 0, places[:-1], places[1:], hops, False)


def layer_wise(hops: int) -> Tables:
    """Layer-wise tying (section 2.2, 2): one A and one C for all hops.

    Args:
      hops: reads of the memory, K.

    Returns:
      Four tables, and a linear map H between hops.
    """
    return Tables(4, 2, (0,) * hops, (1,) * hops, 3, True)


TYINGS: dict[str, Callable[[int], Tables]] = {
    "adjacent": adjacent,
    "layer-wise": layer_wise,
}


class MemN2N(nn.Module):
    """The network; every hop looks and reads by one attention, with shared parameters.

    Attributes:
      words: size of the vocabulary, V.
      attention: what looks and reads in every hop.
      linear: the attention in its place while the start is linear (section 4.1); None
        where it never is.
      hops: reads of the memory, K.
      width: numbers of an embedded word, E.
      memory: rows of the table T of times.
      tying: which word tables hops share, one of TYINGS.
      encoding: how a sentence adds up its words and its time, one of ENCODINGS.
      temporal: T is added to the memories (T_A and T_C, tied as the words are), with
        the share that the encoding gives it.
      empty_slots: places of the memory without a sentence take part as zero vectors, as
        in the released code, so that a hop can read next to nothing; else masked.
    """

    words: int
    attention: Attention
    linear: Attention | None = None
    hops: int = 3
    width: int = 20
    memory: int = 50
    tying: str = "adjacent"
    encoding: str = "released"
    temporal: bool = True
    empty_slots: bool = True

    def setup(self) -> None:
        self.tables = TYINGS[self.tying](self.hops)
        count, width = self.tables.count, self.width
        self.embeddings = self.param("words", normal, (count, self.words, width))
        if self.temporal:
            self.times = self.param("times", normal, (count, self.memory, width))
        if self.tables.carries:
            self.carrying = self.param("carrying", normal, (width, width))
        dims = Dims(width, width, width)
        self.attention_params = self.param("attention", self.attention.init, dims)

    def parameters(self) -> None:
        """Draws all parameters, by `init(rng, method="parameters")`, without a pass."""
        _ = self.attention_params

    def __call__(
        self,
        texts: jax.Array,
        stories: jax.Array,
        lengths: jax.Array,
        questions: jax.Array,
        times: jax.Array,
        *,
        linear: jax.Array | bool = False,
        draw: SampleSpec | None = None,
    ) -> MemN2NOutputs:
        """Answers to questions about stories.

        Args:
          texts: [U, L] int, word ids of the sentences that the next two number.
          stories: [B, S] int, the sentences of each story.
          lengths: [B] int, how many those are.
          questions: [B] int, which text each question is.
          times: [B, S] int, when each sentence was, 0 the last (see `recency`).
          linear: [] bool, the start is still linear; needs the attention of that name.
          draw: what reads may draw with, each leaf [K, B]; None for expected values.

        Returns:
          The logits, with the weights and reads of every hop.

        Raises:
          ValueError: for a linear start without its attention.
        """
        table = self.tables
        query, story = self.encoded(texts, stories, lengths, questions, times)
        mask = length_mask(lengths, stories.shape[1])
        if self.empty_slots:
            mask = jnp.ones_like(mask)

        hops, carry = [], None
        for hop in range(self.hops):
            keys, values = (story[:, :, at[hop]] for at in (table.keys, table.values))
            memory = jax.vmap(self.remember)(keys, values, mask, lengths)
            if carry is None:
                carry = jax.vmap(self.attention.start)(memory)
            read = self.look(query, memory, hop, carry, linear, draw)
            carry = read.carry
            passed = query @ self.carrying if table.carries else query
            query = passed + read.context
            hops.append((read.weights, read.reads, read.positions))
        weights, reads, positions = (
            jnp.stack(part, 1) for part in zip(*hops, strict=True)
        )
        size = stories.shape[1]
        logits = query @ self.embeddings[table.answer].T
        return MemN2NOutputs(
            logits, dense(weights, positions, size), dense(reads, positions, size)
        )

    def encoded(
        self,
        texts: jax.Array,
        stories: jax.Array,
        lengths: jax.Array,
        questions: jax.Array,
        times: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        """Questions and memories as vectors.

        Args:
          texts: as in `__call__`, and so are the others.
          stories: see `texts`.
          lengths: see `texts`.
          questions: see `texts`.
          times: see `texts`.

        Returns:
          The questions [B, E], u of the first hop; and the memories [B, S, tables, E],
          by every table, 0 in empty slots.
        """
        rows = embed(wide_rows(self.embeddings), texts)  # [U, L, tables * E]
        real = texts != PAD
        # The embedding of padding is held at zero (section 4.2).
        rows = zero_padding(rows, real)
        rows = rows.reshape(*texts.shape, self.tables.count, self.width)
        shares = ENCODINGS[self.encoding](real, self.width, self.temporal)
        sentences = jnp.einsum("ule,ulte->ute", shares.words, rows)
        query = embed(sentences[:, self.tables.question], questions)
        memories = embed(sentences.reshape(len(texts), -1), stories)
        if self.temporal:
            weighted = self.times * shares.time[None, None]
            memories = memories + embed(wide_rows(weighted), times)
        memories = zero_padding(memories, length_mask(lengths, stories.shape[1]))
        return query, memories.reshape(*stories.shape, self.tables.count, self.width)

    def remember(
        self, keys: jax.Array, values: jax.Array, mask: jax.Array, length: jax.Array
    ) -> Memory:
        """A story's memory in a hop, looked at by one embedding and read by another.

        Args:
          keys: [S, E], m of the paper.
          values: [S, E], c of the paper.
          mask: [S] bool, which places take part.
          length: [] int, sentences of the story.

        Returns:
          The memory, its keys those of `keys`.
        """
        memory = self.attention.prepare(self.attention_params, keys, mask, length)
        return memory._replace(values=values)

    def look(
        self,
        query: jax.Array,
        memory: Memory,
        hop: int,
        carry: object,
        linear: jax.Array | bool,
        draw: SampleSpec | None,
    ) -> AttentionOutput:
        """What a batch of questions reads in a hop.

        Args:
          query: [B, E], u of the paper.
          memory: of B stories.
          hop: the hop, from 0.
          carry: what the hop before left to the attention.
          linear: as in `__call__`.
          draw: as in `__call__`.

        Returns:
          The attention's output, with an axis B before the others.

        Raises:
          ValueError: for a linear start without its attention.
        """
        draw_of_hop = jax.tree.map(lambda leaf: leaf[hop], draw)
        params = self.attention_params

        def read_by(attention: Attention) -> AttentionOutput:
            def read(query, memory, carry, draw):
                return attention.apply(
                    params, query, memory, step=hop, carry=carry, draw=draw
                )

            return jax.vmap(read)(query, memory, carry, draw_of_hop)

        normalized = read_by(self.attention)
        if linear is False:
            return normalized
        if self.linear is None:
            raise ValueError("a linear start needs an attention that is linear")
        # Both are computed: whether the start is linear is known on the device alone.
        return jax.tree.map(
            lambda start, usual: jnp.where(linear, start, usual),
            read_by(self.linear),
            normalized,
        )


class StoryLSTM(nn.Module):
    """The baseline without a memory: an LSTM reads the story, then the question.

    Its last state is scored against the words. Called as `MemN2N` is.

    Attributes:
      words: size of the vocabulary, V.
      hidden: units, H.
      embedding: numbers of an embedded word, E.
    """

    words: int
    hidden: int = 64
    embedding: int = 20

    def setup(self) -> None:
        self.embeddings = self.param("words", normal, (self.words, self.embedding))
        self.recurrent = self.param("lstm", lstm().init, self.embedding, self.hidden)
        size = (self.hidden, self.words)
        self.answers = self.param("answers", jax.nn.initializers.glorot_uniform(), size)

    def parameters(self) -> None:
        """Draws all parameters, by `init(rng, method="parameters")`, without a pass."""
        _ = self.answers

    def __call__(
        self,
        texts: jax.Array,
        stories: jax.Array,
        lengths: jax.Array,
        questions: jax.Array,
        times: jax.Array,
        *,
        linear: jax.Array | bool = False,
        draw: SampleSpec | None = None,
    ) -> MemN2NOutputs:
        """Answers to questions about stories.

        Args:
          texts: [U, L] int, word ids of the sentences that the next two number.
          stories: [B, S] int, the sentences of each story.
          lengths: [B] int, how many those are.
          questions: [B] int, which text each question is.
          times: of no use here, as are the other two.
          linear: see `times`.
          draw: see `times`.

        Returns:
          The logits, without weights and reads: K is 0.
        """
        del times, linear, draw
        words = zero_padding(texts[stories], length_mask(lengths, stories.shape[1]))
        words = words.reshape(len(stories), -1)  # [B, S * L], padding in between
        words = jnp.concatenate([words, texts[questions]], axis=1)
        cell, inputs = lstm(), embed(self.embeddings, words)
        mask = words != PAD  # within the story too: a step of padding changes nothing
        _, final = recur(cell, self.recurrent, inputs, mask, hidden=self.hidden)
        nothing = jnp.zeros((len(stories), 0, stories.shape[1]))
        return MemN2NOutputs(cell.output(final) @ self.answers, nothing, nothing)


def recency(
    lengths: jax.Array,
    size: int,
    memory: int,
    rng: jax.Array | None = None,
    noise: float = 0.1,
    gaps: str = "released",
) -> jax.Array:
    """When each sentence of a story was: 0 the last, 1 the one before.

    With an `rng`, random noise (section 4.1): some empty memories come in between at
    random, so that times have gaps. How many is drawn uniformly from none on, as in the
    released code.

    Args:
      lengths: [B] int, sentences of each story.
      size: places of a story, S.
      memory: rows of the table of times, at which they end.
      rng: a key; None for no noise.
      noise: empty memories at most, as a share of a story's length, in [0, 1): at least
        1, and rounded up.
      gaps: released, as in the code: the times are any so many of those that there are
        then, all choices alike, and none is beyond S - 1, the first of the longest
        story. independent: each empty memory is put somewhere for itself, so that
        fewer lie together (what attnlab did up to version 3 of its settings).

    Returns:
      [B, S] int in [0, memory - 1].
    """
    place = jnp.broadcast_to(jnp.arange(size), (lengths.shape[0], size))
    times = jnp.maximum(lengths[:, None] - 1 - place, 0)
    most = max(1, -int(-size * noise // 1))
    if rng is not None and noise:
        rng_count, rng_gap = jax.random.split(rng)
        limits = jnp.ceil(lengths * noise).astype(jnp.int32)  # of each story
        drawn = jax.random.uniform(rng_count, lengths.shape)
        counts = jnp.floor(drawn * (limits + 1)).astype(jnp.int32)
        drawn = jax.random.uniform(rng_gap, (lengths.shape[0], most))
        if gaps == "released":
            for blank in range(most):
                # Before any of the sentences and of the blanks so far, or after all:
                # Polya's urn, which makes every spread of the blanks equally likely.
                at = jnp.floor(drawn[:, blank] * (lengths + blank + 1))
                behind = times >= at.astype(jnp.int32)[:, None]
                times = times + (behind & (blank < counts)[:, None])
            memory = min(memory, size)
        else:
            # A gap at g moves all sentences at least g before the last one back.
            before = jnp.floor(drawn * (lengths + 1)[:, None]).astype(jnp.int32)
            passed = before[:, None] <= times[..., None]  # [B, S, most]
            counted = length_mask(counts, most)[:, None] & passed
            times = times + counted.sum(axis=-1)
    return jnp.minimum(times, memory - 1)


def wide_rows(tables: jax.Array) -> jax.Array:
    """Tables side by side, so that one lookup serves all of them.

    Args:
      tables: [tables, N, E].

    Returns:
      [N, tables * E].
    """
    return jnp.swapaxes(tables, 0, 1).reshape(tables.shape[1], -1)
