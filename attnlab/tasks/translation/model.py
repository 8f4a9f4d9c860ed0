"""Encoder-decoder translation models: RNNencdec, RNNsearch and Luong's, by parts."""

from typing import Any

import jax.numpy as jnp

from attnlab.attention.base import Attention, Memory
from attnlab.masking import length_mask
from attnlab.nn.cells import Cell
from attnlab.nn.decoder_model import Conditional
from attnlab.nn.decoders import BahdanauDecoder, LuongDecoder, State
from attnlab.nn.embedding import embed, embedding_init
from attnlab.nn.encoder import Encoded, Encoder
from attnlab.nn.inference_network import Inference

DECODERS: dict[str, Any] = {"bahdanau": BahdanauDecoder, "luong": LuongDecoder}


class Seq2Seq(Conditional, kw_only=True):
    """A translation model around any attention.

    The source is [B, S] token ids, words then EOS then padding, and its lengths count
    EOS, as the target's do. `eos_in_memory` lets the decoder attend to the source EOS
    (4.9); the windows' length is the number of words either way (4.3). `encoder_hidden`
    is the encoder's width a direction, `hidden` where it is 0. `inference` adds the
    network that the variational bound learns with.
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
        if self.decoder not in DECODERS:
            choices = ", ".join(DECODERS)
            raise ValueError(f"unknown decoder {self.decoder!r}; choose {choices}")
        if self.decoder == "bahdanau" and self.layers != 1:
            raise ValueError(f"the bahdanau decoder has one layer, not {self.layers}")
        if self.tied and self.readouts != self.embedding:
            raise ValueError(
                "tied embeddings need readouts as wide as embeddings: "
                f"readouts {self.readouts}, embedding {self.embedding}"
            )
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
        annotations = width * (2 if self.bidirectional else 1)
        shared = dict(
            cell=self.cell,
            attention=self.attention,
            inputs=self.embedding,
            hidden=self.hidden,
            values=annotations,
            readouts=self.readouts,
            attention_hidden=self.attention_hidden,
            name="decoder",
        )
        if self.decoder == "luong":
            shared |= dict(
                layers=self.layers,
                input_feeding=self.input_feeding,
                bridge=self.bidirectional or width != self.hidden,
                dropout=self.dropout,
            )
        if self.decoder == "bahdanau":
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
        self.complete(decode, self.readouts, inferring)

    def parameters(self) -> None:
        """See `Conditional.parameters`."""
        _ = self.encode_layers.params_of, self.decode.looking
        if self.inference:
            _ = self.inferring.bilinear, self.inferring.encode.params_of

    def encode(self, source, source_lengths, *, train: bool = False) -> Encoded:
        """Annotations of source [B, S]."""
        embedded = self._drop(embed(self.source_words, source), train)
        mask = length_mask(source_lengths, source.shape[1])
        return self.encode_layers(embedded, mask, train=train)

    def start(
        self, source, source_lengths, *, train: bool = False
    ) -> tuple[Memory, State]:
        """The decoder's memory and its first state, a row a sentence."""
        encoded = self.encode(source, source_lengths, train=train)
        words = jnp.maximum(source_lengths - 1, 0)
        seen = source_lengths if self.eos_in_memory else words
        mask = length_mask(seen, source.shape[1])
        memory = self.decode.prepare(encoded.values, mask, words)
        return memory, self.decode.start(encoded, memory)
