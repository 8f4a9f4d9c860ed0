"""A model that predicts a target word by word, but for its encoder."""

from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform, zeros

from attnlab.attention.base import AttentionOutput, Dims, Memory, SampleSpec
from attnlab.attention.transitions import Transition
from attnlab.masking import distribution, length_mask
from attnlab.nn.cells import dense
from attnlab.nn.decoders import Decoder, DecoderOutputs, State, SummedReadout
from attnlab.nn.embedding import dropout, embed, embedding_init
from attnlab.nn.inference_network import Inference

BOS = 1  # as attnlab.text.vocabulary.BOS, which models do not import


class Conditional(nn.Module, kw_only=True):
    """p(target | source) around a decoder, whatever the source is.

    Targets are [B, T] token ids, words then EOS then padding; lengths count EOS. A
    source is an array whose first axis is B, beside its lengths [B]: 0 for a filler
    row. What else they are is the affair of the subclass, whose `setup` ends with
    `complete(decode, ...)`, an `attnlab.nn.decoders.Decoder`, and which defines
    `start` and `parameters`.

    target_size: V. embedding: E. tied: the vocabulary reads out with the embeddings.
    dropout: share that is dropped of embeddings and readouts.
    readout_form: "full", "additive" or "lexical": what the decoder's readout is.
    transition: between the positions of hard reads, where they follow one another.
    null: the probability that such a step reads nothing; what it sees then is learned.
    heads: of the attention, see `attnlab.attention.heads`.
    """

    target_size: int
    embedding: int = 64
    tied: bool = False
    dropout: float = 0.0
    readout_form: str = "full"
    transition: Transition | None = None
    null: float = 0.0
    heads: int = 1

    def complete(
        self,
        decode: Decoder,
        readouts: int,
        inferring: Inference | None = None,
        values: int = 0,
    ) -> None:
        """Set up the rest of the model: its embeddings and its vocabulary.

        Args:
          decode: the decoder.
          readouts: width of what the vocabulary reads, R.
          inferring: the inference network, where the model learns by the ELBO.
          values: C, width of what is read, where the model has a transition.
        """
        self.decode, self.inferring = decode, inferring
        size = (self.target_size, self.embedding)
        self.target_words = self.param("target_embedding", embedding_init, size)
        if not self.tied:
            size = (readouts, self.target_size)
            self.kernel = self.param("vocabulary", glorot_uniform(), size)
        self.bias = self.param("vocabulary_bias", zeros, (self.target_size,))
        if self.transition is not None:
            dims = Dims(query=values, value=values, hidden=values)
            self.moves = self.param("transition", self.transition.init, dims)
            if self.null:
                self.nothing = self.param("null", zeros, (values,))

    def start(
        self, source: jax.Array, source_lengths: jax.Array, *, train: bool = False
    ) -> tuple[Memory, State]:
        """Encode a batch.

        Args:
          source: the first axis is B.
          source_lengths: [B].
          train: whether there is dropout.

        Returns:
          What the decoder attends to, and its first state.
        """
        raise NotImplementedError

    def parameters(self) -> None:
        """Touch every part, so that `init(rng, method="parameters")` draws all of them.

        flax sets a part up when it is looked at; to run the model for that would
        compile it.
        """
        raise NotImplementedError

    def __call__(
        self,
        source: jax.Array,
        source_lengths: jax.Array,
        target: jax.Array,
        *,
        train: bool = False,
        draw: SampleSpec | None = None,
    ) -> DecoderOutputs:
        """A teacher-forced pass.

        Args:
          source: the first axis is B.
          source_lengths: [B].
          target: [B, T].
          train: whether there is dropout.
          draw: what each step's read draws; None: its expected value.

        Returns:
          The DecoderOutputs, whose readouts [B, T, R] predict the target.
        """
        memory, state = self.start(source, source_lengths, train=train)
        embedded = self.embed_inputs(target, train=train)
        unrolled = self.decode.unroll(memory, state, embedded, draw=draw, train=train)
        # After the scan: what is fed to the next step is not dropped.
        readouts = self._drop(unrolled.readouts, train)
        return unrolled._replace(readouts=readouts)

    def step(
        self,
        memory: Memory,
        state: State,
        tokens: jax.Array,
        *,
        draw: SampleSpec | None = None,
    ) -> tuple[State, jax.Array, AttentionOutput]:
        """One decoding step.

        Args:
          memory: from `start`.
          state: of the step before, or from `start`.
          tokens: the words before [B].
          draw: what the read draws; None: its expected value.

        Returns:
          The next state, logits [B, V], and the attention's output.
        """
        embedded = embed(self.target_words, tokens)
        state, _, readout, aligned = self.decode.step(
            memory, state, embedded, draw=draw
        )
        return state, self.logits(readout), aligned

    def step_query(
        self, memory: Memory, state: State, tokens: jax.Array
    ) -> tuple[State, jax.Array, jax.Array, AttentionOutput]:
        """One decoding step, without its words.

        Args:
          memory: from `start`.
          state: of the step before, or from `start`.
          tokens: the words before [B].

        Returns:
          The next state, query [B, Q], embedded words before [B, E], and the
          attention's output.
        """
        embedded = embed(self.target_words, tokens)
        state, query, _, aligned = self.decode.step(memory, state, embedded)
        return state, query, embedded, aligned

    def jumps(self, values: jax.Array) -> jax.Array:
        """What the transition says of every two positions.

        Args:
          values: annotations of the source [B, S, C].

        Returns:
          Log potentials [B, S + 1, S], see `Transition`.

        Raises:
          ValueError: for a model without a transition.
        """
        if self.transition is None:
            raise ValueError("this model was built without a transition")
        each = jax.vmap(self.transition.log_potentials, in_axes=(None, 0))
        return each(self.moves, values)

    def null_context(self) -> jax.Array:
        """What a step sees that reads nothing.

        Returns:
          The context [C].

        Raises:
          ValueError: for a model whose steps always read.
        """
        if not self.null:
            raise ValueError("this model reads at every step: its null is 0")
        return self.nothing

    def readout_parts(
        self,
        queries: jax.Array,
        embedded: jax.Array,
        contexts: jax.Array,
        *,
        train: bool = False,
    ) -> tuple[jax.Array, jax.Array | None]:
        """The two parts of readouts that are sums.

        Args:
          queries: [B, T, Q].
          embedded: [B, T, E].
          contexts: what may be read [B, N, C].
          train: whether there is dropout, of each part by itself.

        Returns:
          Of contexts [B, N, R], and of states [B, T, R]; None for lexical readouts.
        """
        decode = cast(SummedReadout, self.decode)
        read = self._drop(decode.value_part(contexts), train)
        if self.readout_form == "lexical":
            return read, None
        return read, self._drop(decode.state_part(queries, embedded), train)

    def step_marginal(
        self, memory: Memory, state: State, tokens: jax.Array, *, positions: int
    ) -> tuple[State, jax.Array, AttentionOutput]:
        """One decoding step by the marginal, log sum_a p(a) p(word | a).

        The state is fed the expected value.

        Args:
          memory: from `start`.
          state: of the step before, or from `start`.
          tokens: the words before [B].
          positions: how many the sum is over: the most probable, renormalized.

        Returns:
          The next state, log-probabilities [B, V], and the attention's output.
        """
        embedded = embed(self.target_words, tokens)
        state, query, _, aligned = self.decode.step(memory, state, embedded)
        count = min(positions, aligned.weights.shape[-1])
        largest, slots = jax.lax.top_k(aligned.weights, count)
        places = jnp.take_along_axis(aligned.positions, slots, axis=-1)
        places = jnp.clip(places, 0, memory.values.shape[1] - 1)
        # Where nothing can be attended, the first position stands for all; it reads
        # zeros.
        first = jnp.arange(count) == 0
        shares = jnp.where(
            largest[:, :1] > 0, distribution(largest), first[None].astype(largest.dtype)
        )

        # Position by position: the logits of all at once would be [B, positions, V].
        def add(total, at):
            place, weight, share = at
            value = jnp.take_along_axis(memory.values, place[:, None, None], axis=1)
            # A position without weight may be padding, whose value must not count.
            context = jnp.where(weight[:, None] > 0, value[:, 0], 0)
            logits = self.logits(self.decode.readout(query, embedded, context))
            # A log-sum-exp over positions: a likelihood may be too small for float32.
            more = jax.nn.log_softmax(logits) + jnp.log(share)[:, None]
            return jnp.logaddexp(total, more), None

        nothing = jnp.full((tokens.shape[0], self.target_size), -jnp.inf)
        each = (places.T, largest.T, shares.T)
        total, _ = jax.lax.scan(add, nothing, each)
        return state, total, aligned

    def infer(
        self,
        target: jax.Array,
        target_lengths: jax.Array,
        values: jax.Array,
        weights: jax.Array,
        positions: jax.Array,
    ) -> jax.Array:
        """q(a | x, y) of the inference network.

        Args:
          target: [B, T].
          target_lengths: [B].
          values: annotations of the source [B, S, C].
          weights: of the attention [B, T, W].
          positions: [B, T, W], which source positions those are of.

        Returns:
          q [B, T, W]; see `Inference`.
        """
        embedded = embed(self.target_words, target)
        mask = length_mask(target_lengths, target.shape[1])
        if self.inferring is None:
            raise ValueError("this model was built without an inference network")
        return self.inferring(embedded, mask, values, weights, positions)

    def embed_inputs(self, target: jax.Array, *, train: bool = False) -> jax.Array:
        """Decoder inputs: BOS, then the target without its last word.

        Args:
          target: [B, T].
          train: whether there is dropout.

        Returns:
          Embedded words [B, T, E].
        """
        # Step t sees word t - 1, and the first BOS.
        before = jnp.full_like(target[:, :1], BOS)
        inputs = jnp.concatenate([before, target[:, :-1]], axis=1)
        return self._drop(embed(self.target_words, inputs), train)

    def readout(
        self,
        queries: jax.Array,
        embedded: jax.Array,
        contexts: jax.Array,
        *,
        train: bool = False,
    ) -> jax.Array:
        """Readouts for contexts other than the attention's own.

        Args:
          queries: [..., Q].
          embedded: [..., E].
          contexts: [..., C].
          train: whether there is dropout.

        Returns:
          Readouts [..., R].
        """
        return self._drop(self.decode.readout(queries, embedded, contexts), train)

    def output_layer(self) -> tuple[jax.Array, jax.Array]:
        """The vocabulary's parameters.

        Returns:
          Kernel [R, V] and bias [V].
        """
        return (self.target_words.T if self.tied else self.kernel), self.bias

    def logits(self, readouts: jax.Array) -> jax.Array:
        """Scores of all words.

        Args:
          readouts: [..., R].

        Returns:
          Logits [..., V].
        """
        kernel, bias = self.output_layer()
        return dense(readouts, kernel, bias)

    def _drop(self, array: jax.Array, train: bool) -> jax.Array:
        if not (train and self.dropout):  # then no random key is asked for, either
            return array
        return dropout(self.make_rng("dropout"), array, self.dropout)
