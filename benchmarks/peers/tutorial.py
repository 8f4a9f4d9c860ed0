"""Bahdanau's model as the widely copied PyTorch tutorial has it.

Rewritten from the structure of bentrevett/pytorch-seq2seq, lesson 3: everything happens
inside the loop over target words, the keys included (one linear layer of the repeated
state beside every annotation), the output layer reads [state; context; word], and
padding is projected onto the vocabulary and then ignored. `maxout` puts the same
readout before the vocabulary as attnlab has, a quarter as wide: the tutorial's own
output layer reads all 4 x width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

BOS, PAD = 1, 0


class Tutorial(nn.Module):
    def __init__(self, sizes: tuple[int, int], width: int, maxout: bool = True):
        super().__init__()
        source, target = sizes
        self.width, self.maxout = width, maxout
        self.source_words = nn.Embedding(source, width)
        self.target_words = nn.Embedding(target, width)
        self.encoder = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.first = nn.Linear(2 * width, width)
        self.attention = nn.Linear(3 * width, width)
        self.energy = nn.Linear(width, 1, bias=False)
        self.decoder = nn.GRU(3 * width, width, batch_first=True)
        self.readout = nn.Linear(4 * width, 2 * width)
        self.vocabulary = nn.Linear(width if maxout else 4 * width, target)

    def step(self, word: Tensor, state: Tensor, values: Tensor, mask: Tensor):
        repeated = state[:, None].expand(-1, values.shape[1], -1)
        joined = torch.cat([repeated, values], -1)
        scores = self.energy(torch.tanh(self.attention(joined)))[..., 0]
        weights = scores.masked_fill(~mask, -1e10).softmax(-1)
        context = torch.bmm(weights[:, None], values)
        embedded = self.target_words(word[:, None])
        inputs = torch.cat([embedded, context], -1)
        _, state = self.decoder(inputs, state[None])
        joined = torch.cat([state[0], context[:, 0], embedded[:, 0]], -1)
        if self.maxout:
            pairs = self.readout(joined).unflatten(-1, (self.width, 2))
            joined = pairs.amax(-1)
        return self.vocabulary(joined), state[0]

    def loss(self, source, source_lengths, target, target_lengths) -> Tensor:
        """Mean cross entropy a real target word."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.source_words(source),
            source_lengths,
            batch_first=True,
            enforce_sorted=False,
        )
        outputs, final = self.encoder(packed)
        values, _ = nn.utils.rnn.pad_packed_sequence(
            outputs, batch_first=True, total_length=source.shape[1]
        )
        mask = source != PAD
        state = torch.tanh(self.first(torch.cat([final[0], final[1]], -1)))
        word, logits = torch.full_like(target[:, 0], BOS), []
        for t in range(target.shape[1]):
            scores, state = self.step(word, state, values, mask)
            logits.append(scores)
            word = target[:, t]
        return functional.cross_entropy(
            torch.stack(logits, 1).flatten(0, 1), target.flatten(), ignore_index=PAD
        )
