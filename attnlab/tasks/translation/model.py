"""Encoder-decoder translation: RNNencdec, RNNsearch and Luong's models, by parts."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from attnlab.attention.base import Attention, Memory
from attnlab.masking import length_mask
from attnlab.nn.bahdanau_decoder import BahdanauDecoder
from attnlab.nn.cells import Cell
from attnlab.nn.decoder_model import Conditional
from attnlab.nn.decoders import Decoder, State
from attnlab.nn.embedding import embed, embedding_init
from attnlab.nn.encoder import Encoded, Encoder
from attnlab.nn.inference_network import Inference
from attnlab.nn.luong_decoder import LuongDecoder

DECODERS: dict[str, Callable[..., Decoder]] = {
    "bahdanau": BahdanauDecoder,
    "luong": LuongDecoder,
}


class Seq2Seq(Conditional, kw_only=True):
    """A translation model around any attention.

    The source is [B, S] token ids, words then EOS then padding, and its lengths count
    EOS, as the target's do. `eos_in_memory` lets the decoder attend to the source EOS;
    the windows' length is the number of words either way. `encoder_hidden` is the
    encoder's width a direction, `hidden` where it is 0. `inference` adds the network
    that the variational bound (ELBO) learns with. The others are as in
    `attnlab.tasks.translation.settings.TranslationModel`.
    """

    source_size: int
    attention: Attention
    cell: Cell
    decoder: str = "luong"
    hidden: int = 64
    encoder_hidden: int = 0
    attention_hidden: int = 64
    readouts: int = 64
    layers: int = 1
    bidirectional: bool = True
    reverse_source: bool = False
    input_feeding: bool = True
    eos_in_memory: bool = False
    inference: bool = False

    def setup(self):
        width = self.encoder_hidden or self.hidden
        self.encode_layers = Encoder(
            self.cell,
            self.embedding,
            width,
            self.layers,
            self.bidirectional,
            self.reverse_source,
            self.dropout,
            name="encoder",
        )
        annotations = width * (2 if self.bidirectional else 1)  # C
        shared = dict(
            cell=self.cell,
            attention=self.attention,
            inputs=self.embedding,
            hidden=self.hidden,
            values=annotations,
            readouts=self.readouts,
            attention_hidden=self.attention_hidden,
            readout_form=self.readout_form,
            name="decoder",
        )
        if self.decoder == "luong":
            shared |= dict(
                layers=self.layers,
                input_feeding=self.input_feeding,
                # The encoder's last state is the decoder's first where it can be.
                bridge=self.bidirectional or width != self.hidden,
                dropout=self.dropout,
            )
        else:
            shared |= dict(summary=width)
        decode = DECODERS[self.decoder](**shared)
        inferring = None
        if self.inference:
            inferring = Inference(
                self.cell,
                self.embedding,
                self.hidden,
                annotations,
                name="inference",
            )
        size = (self.source_size, self.embedding)
        self.source_words = self.param("source_embedding", embedding_init, size)
        self.complete(decode, self.readouts, inferring, annotations)

    def parameters(self) -> None:
        """See `Conditional.parameters`."""
        _ = self.encode_layers.params_of, self.decode.looking
        if self.inferring is not None:
            _ = self.inferring.bilinear, self.inferring.encode.params_of

    def encode(
        self, source: jax.Array, source_lengths: jax.Array, *, train: bool = False
    ) -> Encoded:
        """Annotate the source.

        Args:
          source: token ids [B, S].
          source_lengths: [B], EOS counted.
          train: whether there is dropout.

        Returns:
          The Encoded.
        """
        embedded = self._drop(embed(self.source_words, source), train)
        mask = length_mask(source_lengths, source.shape[1])
        return self.encode_layers(embedded, mask, train=train)

    def start(
        self, source: jax.Array, source_lengths: jax.Array, *, train: bool = False
    ) -> tuple[Memory, State]:
        """See `Conditional.start`."""
        encoded = self.encode(source, source_lengths, train=train)
        words = jnp.maximum(source_lengths - 1, 0)  # a filler row has length 0
        attended = source_lengths if self.eos_in_memory else words
        mask = length_mask(attended, source.shape[1])
        memory = self.decode.prepare(encoded.values, mask, words)
        return memory, self.decode.start(encoded, memory)
