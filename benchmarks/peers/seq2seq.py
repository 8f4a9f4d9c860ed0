"""attnlab's translation models as a good PyTorch user writes them.

Keys once a sentence, cuDNN-style GRU and LSTM modules wherever the whole input is
known (packed, so that padding costs nothing), a loop of cells where it is not, readout
and vocabulary after the loop, and only real target words in the softmax.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

BOS = 1
SLICES = {"gru": (0, 1, 2), "lstm": (0, 1, 3, 2)}  # our gates in torch's order


class Seq2Seq(nn.Module):
    """Bahdanau's model (bidirectional GRU, additive score, maxout readout) or Luong's
    (stacked LSTM over the reversed source, general score)."""

    def __init__(
        self,
        decoder: str,
        sizes: tuple[int, int],
        width: int,
        layers: int = 1,
        feeding: bool = True,
    ):
        super().__init__()
        self.kind, self.width, self.layers = decoder, width, layers
        self.feeding = feeding and decoder == "luong"
        source, target = sizes
        self.source_words = nn.Embedding(source, width)
        self.target_words = nn.Embedding(target, width)
        self.vocabulary = nn.Linear(width, target)
        if decoder == "bahdanau":
            self.encoder = nn.GRU(width, width, batch_first=True, bidirectional=True)
            self.first = nn.Linear(width, width)
            self.keys = nn.Linear(2 * width, width, bias=False)
            self.query = nn.Linear(width, width, bias=False)
            self.energy = nn.Linear(width, 1, bias=False)
            self.cell = nn.GRUCell(3 * width, width)
            self.readout = nn.Linear(width + width + 2 * width, 2 * width)
        else:
            self.encoder = nn.LSTM(width, width, layers, batch_first=True)
            self.keys = nn.Linear(width, width, bias=False)
            self.combine = nn.Linear(2 * width, width, bias=False)
            if self.feeding:
                widths = [2 * width] + [width] * (layers - 1)
                self.cells = nn.ModuleList(nn.LSTMCell(w, width) for w in widths)
            else:
                self.stack = nn.LSTM(width, width, layers, batch_first=True)

    # ---- encoder ------------------------------------------------------------------

    def encode(self, source: Tensor, lengths: Tensor):
        """Memory (values, keys, mask) and the decoder's first state."""
        if self.kind == "luong":  # the sentence from its end, the end mark first
            columns = torch.arange(source.shape[1])
            turned = (lengths[:, None] - 1 - columns).clamp(min=0)
            source = source.gather(1, turned)
        packed = pack_padded_sequence(
            self.source_words(source), lengths, batch_first=True, enforce_sorted=False
        )
        outputs, final = self.encoder(packed)
        values, _ = pad_packed_sequence(
            outputs, batch_first=True, total_length=source.shape[1]
        )
        mask = torch.arange(source.shape[1]) < lengths[:, None]
        if self.kind == "bahdanau":
            state = torch.tanh(self.first(final[1]))
        else:
            mask[:, 0] = False  # Luong's decoder does not look at the end mark
            state = final
        return (values, self.keys(values), mask), state

    # ---- attention ----------------------------------------------------------------

    def attend(self, query: Tensor, memory):
        """Context [B, C] and weights [B, S] of one step: query [B, H]."""
        values, keys, mask = memory
        if self.kind == "bahdanau":
            hidden = torch.tanh(keys + self.query(query)[:, None])
            scores = self.energy(hidden)[..., 0]
        else:
            scores = torch.bmm(keys, query[..., None])[..., 0]
        weights = scores.masked_fill(~mask, -torch.inf).softmax(-1)
        return torch.bmm(weights[:, None], values)[:, 0], weights

    # ---- decoders -----------------------------------------------------------------

    def readouts(self, memory, state, embedded: Tensor) -> Tensor:
        """What the vocabulary reads, [B, T, R], of inputs [B, T, E]."""
        if self.kind == "bahdanau":
            queries, contexts = [], []
            for word in embedded.unbind(1):
                context, _ = self.attend(state, memory)
                queries.append(state)
                contexts.append(context)
                state = self.cell(torch.cat([word, context], -1), state)
            joined = (torch.stack(queries, 1), embedded, torch.stack(contexts, 1))
            return self.maxout(torch.cat(joined, -1))
        if self.feeding:
            feed = embedded.new_zeros(len(embedded), self.width)
            states = list(zip(*(part.unbind(0) for part in state), strict=True))
            fed = []
            for word in embedded.unbind(1):
                states, feed, _ = self.climb(states, feed, word, memory)
                fed.append(feed)
            return torch.stack(fed, 1)
        values, keys, mask = memory
        queries, _ = self.stack(embedded, state)
        scores = torch.bmm(queries, keys.transpose(1, 2))
        weights = scores.masked_fill(~mask[:, None], -torch.inf).softmax(-1)
        contexts = torch.bmm(weights, values)
        return torch.tanh(self.combine(torch.cat([contexts, queries], -1)))

    def climb(self, states, feed: Tensor, word: Tensor, memory):
        """One step of Luong's decoder with input feeding."""
        below, above = torch.cat([word, feed], -1), []
        for cell, old in zip(self.cells, states, strict=True):
            below, memory_cell = cell(below, old)
            above.append((below, memory_cell))
        context, weights = self.attend(below, memory)
        return above, torch.tanh(self.combine(torch.cat([context, below], -1))), weights

    def maxout(self, joined: Tensor) -> Tensor:
        return self.readout(joined).unflatten(-1, (self.width, 2)).amax(-1)

    # ---- loss ---------------------------------------------------------------------

    def loss(self, source, source_lengths, target, target_lengths) -> Tensor:
        """Mean cross entropy a real target word."""
        memory, state = self.encode(source, source_lengths)
        inputs = torch.cat([torch.full_like(target[:, :1], BOS), target[:, :-1]], 1)
        readouts = self.readouts(memory, state, self.target_words(inputs))
        real = torch.arange(target.shape[1]) < target_lengths[:, None]
        return functional.cross_entropy(self.vocabulary(readouts[real]), target[real])

    # ---- attnlab's parameters -----------------------------------------------------

    @torch.no_grad()
    def load(self, params: Mapping[str, np.ndarray]) -> None:
        """Take attnlab's parameters, arrays by their path ("decoder/cell/input")."""

        def put(where: Tensor | nn.Linear, name: str, *more: str):
            kernel = np.concatenate([params[name], *(params[m] for m in more)])
            weight = where.weight if isinstance(where, nn.Linear) else where
            weight.copy_(torch.from_numpy(kernel.T.copy()))

        def recurrent(module: nn.Module, ends: str, name: str, kind: str):
            def gates(array):  # [..., G * H] in torch's order of gates
                parts = np.split(array, len(SLICES[kind]), axis=-1)
                return np.concatenate([parts[n] for n in SLICES[kind]], axis=-1)

            for torch_name, ours in (("ih", "input"), ("hh", "state")):
                weight = torch.from_numpy(gates(params[f"{name}/{ours}"]).T.copy())
                getattr(module, f"weight_{torch_name}{ends}").copy_(weight)
            bias = torch.from_numpy(gates(params[f"{name}/bias"]))
            getattr(module, f"bias_ih{ends}").copy_(bias)
            hidden = getattr(module, f"bias_hh{ends}").zero_()
            # two biases where we have one: their sum would learn twice as fast
            if kind == "lstm":
                hidden.requires_grad_(False)
            if kind == "gru":
                candidate = torch.from_numpy(params[f"{name}/candidate_bias"])
                hidden[-len(candidate) :].copy_(candidate)
                learned = torch.zeros_like(hidden)
                learned[-len(candidate) :] = 1
                hidden.register_hook(learned.mul)

        self.source_words.weight.copy_(torch.from_numpy(params["source_embedding"]))
        self.target_words.weight.copy_(torch.from_numpy(params["target_embedding"]))
        put(self.vocabulary, "vocabulary")
        self.vocabulary.bias.copy_(torch.from_numpy(params["vocabulary_bias"]))
        score = "decoder/attention/score"
        if self.kind == "bahdanau":
            recurrent(self.encoder, "_l0", "encoder/layer0_forward", "gru")
            recurrent(self.encoder, "_l0_reverse", "encoder/layer0_backward", "gru")
            recurrent(self.cell, "", "decoder/cell", "gru")
            put(self.first, "decoder/start")
            self.first.bias.copy_(torch.from_numpy(params["decoder/start_bias"]))
            put(self.keys, f"{score}/u")
            put(self.query, f"{score}/w")
            put(self.energy, f"{score}/v")
            parts = [f"decoder/readout_{part}" for part in ("state", "word", "context")]
            put(self.readout, *parts)
            self.readout.bias.copy_(torch.from_numpy(params["decoder/readout_bias"]))
            return
        put(self.keys, f"{score}/w")
        put(self.combine, "decoder/combine")
        for n in range(self.layers):
            recurrent(self.encoder, f"_l{n}", f"encoder/layer{n}_forward", "lstm")
            if self.feeding:
                recurrent(self.cells[n], "", f"decoder/layer{n}", "lstm")
            else:
                recurrent(self.stack, f"_l{n}", f"decoder/layer{n}", "lstm")
