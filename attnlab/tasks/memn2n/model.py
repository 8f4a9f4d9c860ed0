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
from attnlab.attention.base import Attention, AttentionOutput, Dims, Memory
from attnlab.masking import length_mask, zero_padding
from attnlab.nn.cells import lstm
from attnlab.nn.embedding import embed
from attnlab.nn.recurrence import recur

PAD = 0  # attnlab.text.vocabulary.PAD; models do not import data
normal = jax.nn.initializers.normal(0.1)  # the paper's, of all parameters


class Answered(NamedTuple):
    """Logits [B, V] of the answer; weights and reads [B, K, S] of every hop."""

    logits: jax.Array
    weights: jax.Array
    reads: jax.Array


class Tables(NamedTuple):
    """Which of `count` word tables embeds the question (B), the memories and outputs of
    hop k (A^k, C^k) and the answer (W)."""

    count: int
    question: int
    keys: tuple[int, ...]
    values: tuple[int, ...]
    answer: int
    carries: bool  # u^{k+1} = H u^k + o, instead of u^k + o


def adjacent(hops: int) -> Tables:
    """Section 2.2, 1: A^{k+1} = C^k, B = A^1, W^T = C^K."""
    places = tuple(range(hops + 1))
    return Tables(hops + 1, 0, places[:-1], places[1:], hops, False)


def layer_wise(hops: int) -> Tables:
    """Section 2.2, 2: one A and one C for all hops, and a linear map H between them."""
    return Tables(4, 2, (0,) * hops, (1,) * hops, 3, True)


TYINGS: dict[str, Callable[[int], Tables]] = {
    "adjacent": adjacent,
    "layer-wise": layer_wise,
}


def bag(real: jax.Array, width: int) -> jax.Array:
    """Bag of words: every word of `real` [..., L] alike, [..., L, E]."""
    return zero_padding(jnp.ones((*real.shape, width)), real)


def position(real: jax.Array, width: int) -> jax.Array:
    """Position encoding as printed (section 4.1): word j of J in dimension k of E has

    l_kj = (1 - j / J) - (k / E) (1 - 2 j / J), counted from 1. [..., L, E].
    """
    words = jnp.maximum(real.sum(axis=-1), 1)[..., None, None]
    order = jnp.arange(1, real.shape[-1] + 1)[:, None]
    place = jnp.broadcast_to(order, (*real.shape, 1)) / words  # j / J
    depth = jnp.arange(1, width + 1) / width
    depth = jnp.broadcast_to(depth, (*real.shape, width))
    return zero_padding((1 - place) - depth * (1 - 2 * place), real)


def released(real: jax.Array, width: int) -> jax.Array:
    """Position encoding of the released code, twice as large and centred:

    l_kj = 1 + 4 (k - (E + 1) / 2) (j - (J + 1) / 2) / (E J), where J is L, the longest
    sentence's length, for every sentence. [..., L, E].
    """
    longest = real.shape[-1]
    order = jnp.arange(longest) - (longest - 1) / 2
    depth = jnp.arange(width) - (width - 1) / 2
    shares = 1 + 4 * jnp.outer(order, depth) / (longest * width)
    return zero_padding(jnp.broadcast_to(shares, (*real.shape, width)), real)


ENCODINGS: dict[str, Callable[[jax.Array, int], jax.Array]] = {
    "bag": bag,
    "position": position,
    "released": released,
}


class MemN2N(nn.Module):
    """The network; `attention` looks and reads in every hop, with parameters it shares.

    words: size of the vocabulary. memory: rows of the table T of times, which is added
      to memories where `temporal` (T_A and T_C, tied as the words are). encoding: how a
      sentence adds up its words, by name (`ENCODINGS`).
    linear: the attention in its place while the start is linear (section 4.1), or None.
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

    def setup(self):
        if self.tying not in TYINGS:
            choices = ", ".join(TYINGS)
            raise ValueError(f"unknown tying {self.tying!r}; choose {choices}")
        if self.encoding not in ENCODINGS:
            choices = ", ".join(ENCODINGS)
            raise ValueError(f"unknown encoding {self.encoding!r}; choose {choices}")
        if self.hops < 1:
            raise ValueError(f"hops is {self.hops}, must be at least 1")
        self.tables = TYINGS[self.tying](self.hops)
        count, width = self.tables.count, self.width
        self.embeddings = self.param("words", normal, (count, self.words, width))
        if self.temporal:
            self.times = self.param("times", normal, (count, self.memory, width))
        if self.tables.carries:
            self.carrying = self.param("carrying", normal, (width, width))
        dims = Dims(width, width, width)
        self.looking = self.param("attention", self.attention.init, dims)

    def parameters(self) -> None:
        """Nothing, but `init(rng, method="parameters")` draws all parameters by it."""
        _ = self.looking

    def __call__(
        self, texts, stories, lengths, questions, times, *, linear=False, draw=None
    ) -> Answered:
        """Answers to questions [B] about stories [B, S] of `lengths` [B] sentences.

        texts [U, L]: word ids of the sentences that the two number. times [B, S]: when
        each sentence was, 0 the last (see `recency`). linear: bool, the start is still
        linear; needs the attention of that name. draw: what reads may draw with, [K, B]
        a leaf, or None for expected values.
        """
        table = self.tables
        embedded = self.embedded(texts)  # [U, tables, E]
        query = embed(embedded[:, table.question], questions)  # [B, E]
        story = embed(embedded.reshape(len(texts), -1), stories)
        if self.temporal:
            story = story + embed(wide_rows(self.times), times)
        mask = length_mask(lengths, stories.shape[1])
        story = zero_padding(story, mask)
        story = story.reshape(*stories.shape, table.count, self.width)
        if self.empty_slots:
            mask = jnp.ones_like(mask)

        hops, carry = [], None
        for hop in range(self.hops):
            keys, values = (story[:, :, at[hop]] for at in (table.keys, table.values))
            memory = jax.vmap(self.remember)(keys, values, mask, lengths)
            if carry is None:
                carry = jax.vmap(self.attention.start)(memory)
            found = self.look(query, memory, hop, carry, linear, draw)
            carry = found.carry
            passed = query @ self.carrying if table.carries else query
            query = passed + found.context
            hops.append((found.weights, found.reads, found.positions))
        weights, reads, positions = (
            jnp.stack(part, 1) for part in zip(*hops, strict=True)
        )
        size = stories.shape[1]
        logits = query @ self.embeddings[table.answer].T
        return Answered(
            logits, dense(weights, positions, size), dense(reads, positions, size)
        )

    def embedded(self, texts: jax.Array) -> jax.Array:
        """Texts [U, L] by every table, [U, tables, E]."""
        rows = embed(wide_rows(self.embeddings), texts)  # [U, L, tables * E]
        real = texts != PAD
        rows = zero_padding(rows, real)  # the embedding of nil is zero (4.33)
        rows = rows.reshape(*texts.shape, self.tables.count, self.width)
        shares = ENCODINGS[self.encoding](real, self.width)
        return jnp.einsum("ule,ulte->ute", shares, rows)

    def remember(self, keys, values, mask, length) -> Memory:
        """A memory whose keys are those of `keys` [S, E], and which reads `values`."""
        memory = self.attention.prepare(self.looking, keys, mask, length)
        return memory._replace(values=values)

    def look(self, query, memory, hop: int, carry, linear, draw) -> AttentionOutput:
        """What the queries [B, E] read in a hop."""
        of_hop = jax.tree.map(lambda leaf: leaf[hop], draw)

        def by(attention: Attention) -> AttentionOutput:
            def one(query, memory, carry, draw):
                return attention.apply(
                    self.looking, query, memory, step=hop, carry=carry, draw=draw
                )

            return jax.vmap(one)(query, memory, carry, of_hop)

        found = by(self.attention)
        if linear is False:
            return found
        if self.linear is None:
            raise ValueError("a linear start needs an attention that is linear")
        return jax.tree.map(
            lambda start, usual: jnp.where(linear, start, usual), by(self.linear), found
        )


class StoryLSTM(nn.Module):
    """The baseline without a memory: an LSTM reads the story, then the question, and
    its last state is scored against the words. Called as `MemN2N` is."""

    words: int
    hidden: int = 64
    embedding: int = 20

    def setup(self):
        self.embeddings = self.param("words", normal, (self.words, self.embedding))
        self.recurrent = self.param("lstm", lstm().init, self.embedding, self.hidden)
        size = (self.hidden, self.words)
        self.answers = self.param("answers", jax.nn.initializers.glorot_uniform(), size)

    def parameters(self) -> None:
        """Nothing, but `init(rng, method="parameters")` draws all parameters by it."""
        _ = self.answers

    def __call__(
        self, texts, stories, lengths, questions, times, *, linear=False, draw=None
    ) -> Answered:
        """As `MemN2N`, without weights: K is 0."""
        del times, linear, draw
        told = zero_padding(texts[stories], length_mask(lengths, stories.shape[1]))
        told = told.reshape(len(stories), -1)
        read = jnp.concatenate([told, texts[questions]], axis=1)
        cell, inputs = lstm(), embed(self.embeddings, read)
        mask = read != PAD  # within the story too: a step of padding changes nothing
        _, final = recur(cell, self.recurrent, inputs, mask, hidden=self.hidden)
        nothing = jnp.zeros((len(stories), 0, stories.shape[1]))
        return Answered(cell.output(final) @ self.answers, nothing, nothing)


def recency(
    lengths: jax.Array, size: int, memory: int, rng=None, noise: float = 0.1
) -> jax.Array:
    """When each of `size` sentences was, [B, S]: 0 the last, 1 the one before.

    With an `rng`, random noise (section 4.1): up to `noise` of a story's length, at
    least 1 and rounded up, of empty memories come in between at random, so that times
    have gaps. How many is drawn uniformly from none on, as in the released code. Times
    end at the table's last, `memory` - 1.
    """
    place = jnp.broadcast_to(jnp.arange(size), (lengths.shape[0], size))
    times = jnp.maximum(lengths[:, None] - 1 - place, 0)
    most = max(1, -int(-size * noise // 1))
    if rng is not None and noise:
        rng_count, rng_gap = jax.random.split(rng)
        limits = jnp.ceil(lengths * noise).astype(jnp.int32)  # of each story
        drawn = jax.random.uniform(rng_count, lengths.shape)
        counts = jnp.floor(drawn * (limits + 1)).astype(jnp.int32)
        gaps = jax.random.uniform(rng_gap, (lengths.shape[0], most))
        gaps = jnp.floor(gaps * (lengths + 1)[:, None]).astype(jnp.int32)
        before = length_mask(counts, most)[:, None] & (
            gaps[:, None] <= times[..., None]
        )
        times = times + before.sum(axis=-1)
    return jnp.minimum(times, memory - 1)


def wide_rows(tables: jax.Array) -> jax.Array:
    """[tables, N, E] -> [N, tables * E]: one lookup serves all tables."""
    return jnp.swapaxes(tables, 0, 1).reshape(tables.shape[1], -1)
