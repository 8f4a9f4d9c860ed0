"""The PyTorch side of decoding: greedy and beam search of sentences that attnlab chose.

A folder holds params.npz (attnlab's parameters by path) and sentences.npz (`source`
[N, S], `lengths` [N] and `limits` [N], the most words a translation may take). The
translations go to translations.npz: `tokens` [N, L] and `alignments` [N, L, S].

As a good PyTorch user writes it: sentences sorted by length, keys once, one tensor for
all hypotheses of a batch, memory shared by the hypotheses of a sentence, and a batch
that shrinks when enough of its sentences have ended.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from seq2seq import BOS, Seq2Seq
from serve import seconds, serve
from torch import Tensor

EOS, BANNED = 2, 2  # padding and the start word, 0 and 1, are never chosen
SHRINK = 0.875  # of its rows must be open, or a batch is cut to those

held: dict[str, Any] = {}


def step(model: Seq2Seq, memory, state: Tensor, words: Tensor):
    """State, log-probabilities and weights of K hypotheses a sentence: state [B, K, H].

    log_softmax is three times as fast here as logsumexp.
    """
    values, keys, mask = memory
    batch, beams, width = state.shape
    flat = state.flatten(0, 1)
    hidden = torch.tanh(keys[:, None] + model.query(state)[:, :, None])
    scores = model.energy(hidden)[..., 0]
    weights = scores.masked_fill(~mask[:, None], -torch.inf).softmax(-1)
    context = torch.bmm(weights, values).flatten(0, 1)
    embedded = model.target_words(words.flatten())
    logits = model.vocabulary(model.maxout(torch.cat([flat, embedded, context], -1)))
    state = model.cell(torch.cat([embedded, context], -1), flat)
    logs = logits.log_softmax(-1)
    logs[:, :BANNED] = -torch.inf
    return state.view(batch, beams, width), logs.view(batch, beams, -1), weights


def start(model: Seq2Seq, source: Tensor, lengths: Tensor):
    """Memory, and what the decoder carries from word to word: a row a sentence."""
    memory, state = model.encode(source, lengths)
    if model.kind == "bahdanau":
        return memory, (state,)
    layers, cells = (part.transpose(0, 1) for part in state)  # [B, N, H]
    return memory, (layers, cells, layers.new_zeros(len(source), model.width))


def advance(model: Seq2Seq, memory, carry, words: Tensor):
    """Carry, log-probabilities [B, V] and weights [B, S] after `words` [B]."""
    if model.kind == "bahdanau":
        state, logs, weights = step(model, memory, carry[0][:, None], words[:, None])
        return (state[:, 0],), logs[:, 0], weights[:, 0]
    embedded, (layers, cells, feed) = model.target_words(words), carry
    if model.feeding:
        states = list(zip(layers.unbind(1), cells.unbind(1), strict=True))
        states, feed, weights = model.climb(states, feed, embedded, memory)
        layers, cells = (torch.stack(part, 1) for part in zip(*states, strict=True))
    else:
        state = tuple(part.transpose(0, 1).contiguous() for part in (layers, cells))
        query, state = model.stack(embedded[:, None], state)
        layers, cells = (part.transpose(0, 1) for part in state)
        context, weights = model.attend(query[:, 0], memory)
        feed = torch.tanh(model.combine(torch.cat([context, query[:, 0]], -1)))
    logs = model.vocabulary(feed).log_softmax(-1)
    logs[:, :BANNED] = -torch.inf
    return (layers, cells, feed), logs, weights


def greedy(model: Seq2Seq, source: Tensor, lengths: Tensor, limits: Tensor):
    """Tokens [B, L] and alignments [B, L, S] of a batch."""
    memory, carry = start(model, source, lengths)
    batch, most = len(source), int(limits.max())
    tokens = torch.zeros(batch, most, dtype=torch.long)
    alignments = torch.zeros(batch, most, source.shape[1])
    scores = torch.zeros(batch)
    rows = torch.arange(batch)
    words = torch.full((batch,), BOS)
    is_open = torch.ones(batch, dtype=torch.bool)
    for time in range(most):
        carry, logs, weights = advance(model, memory, carry, words)
        gained, words = logs.max(-1)
        now = rows[is_open]
        tokens[now, time] = words[is_open]
        alignments[now, time] = weights[is_open]
        scores[now] += gained[is_open]
        is_open &= (words != EOS) & (time + 1 < limits[rows])
        left = int(is_open.sum())
        if left == 0:
            break
        if left <= SHRINK * len(rows):
            memory = tuple(part[is_open] for part in memory)
            carry = tuple(part[is_open] for part in carry)
            words, rows = words[is_open], rows[is_open]
            is_open = is_open[is_open]
    return tokens, alignments


def beam(model: Seq2Seq, source: Tensor, lengths: Tensor, limits: Tensor, beams: int):
    """As `greedy`: the hypothesis of the best log-probability a word. A sentence is
    done when none of its open hypotheses can overtake the best one that ended."""
    memory, state = model.encode(source, lengths)
    batch, most = len(source), int(limits.max())
    state = state[:, None].repeat(1, beams, 1)
    shape = (batch, most, beams)
    tokens = torch.zeros(shape, dtype=torch.long)
    parents = torch.arange(beams).repeat(batch, most, 1)
    weights = torch.zeros(*shape, source.shape[1])
    final = torch.zeros(batch, dtype=torch.long)  # the place of the best
    rows = torch.arange(batch)
    words = torch.full((batch, beams), BOS)
    totals = torch.full((batch, beams), -torch.inf)
    totals[:, 0] = 0
    counts = torch.zeros(batch, beams, dtype=torch.long)
    ended = torch.zeros(batch, beams, dtype=torch.bool)
    closed, done = ended.clone(), torch.zeros(batch, dtype=torch.bool)
    for time in range(most):
        state, logs, looked = step(model, memory, state, words)
        best, choices = logs.topk(beams)
        reached = best + totals[..., None]
        reached[closed] = -torch.inf
        reached[..., 0][closed] = torch.inf  # itself, first of all
        reached, places = reached.flatten(1).topk(beams)
        origins = places // beams
        finished = reached == torch.inf
        words = choices.flatten(1).gather(1, places).masked_fill(finished, 0)
        totals = torch.where(finished, totals.gather(1, origins), reached)
        counts = torch.where(finished, counts.gather(1, origins), time + 1)
        ended = torch.where(finished, ended.gather(1, origins), words == EOS)
        limit = limits[rows, None]
        closed = finished | ended | (time + 1 >= limit)
        now = ~done
        at = rows[now]
        tokens[at, time], parents[at, time] = words[now], origins[now]
        weights[at, time] = looked[now]
        scores = totals / counts
        champion = scores.masked_fill(~ended, -torch.inf).amax(1)
        hope = (totals / limit).masked_fill(closed, -torch.inf).amax(1)
        over = ~done & ((champion >= hope) | closed.all(1))
        ranked = torch.where(ended.any(1, keepdim=True) & ~ended, -torch.inf, scores)
        final[rows[over]] = ranked[over].argmax(1)
        done |= over
        left = int((~done).sum())
        if left == 0:
            break
        order = origins[..., None].expand_as(state)
        state = state.gather(1, order)
        if left <= SHRINK * len(rows):
            keep = ~done
            memory = tuple(part[keep] for part in memory)
            state, words, rows = state[keep], words[keep], rows[keep]
            totals, counts, done = totals[keep], counts[keep], done[keep]
            ended, closed = ended[keep], closed[keep]
    return trace(tokens, parents, weights, final)


def trace(tokens: Tensor, parents: Tensor, weights: Tensor, place: Tensor):
    """Tokens [B, L] and weights [B, L, S] that led to `place` [B]."""
    batch = torch.arange(len(place))
    words, looked = torch.zeros_like(tokens[..., 0]), torch.zeros_like(weights[:, :, 0])
    for time in reversed(range(tokens.shape[1])):
        words[:, time] = tokens[batch, time, place]
        place = parents[batch, time, place]
        looked[:, time] = weights[batch, time, place]
    ended = (words == EOS).long().cumsum(1) - (words == EOS).long() > 0
    return words.masked_fill(ended, 0), looked.masked_fill(
        (ended | (words == 0))[..., None], 0
    )


def make(folder: str, threads: int = 2, **shape: Any) -> int:
    """Hold the model and the sentences of a folder; returns its parameter count."""
    torch.set_num_threads(threads)
    model = Seq2Seq(**shape).eval()
    with np.load(Path(folder) / "params.npz") as params:
        model.load(dict(params))
    with np.load(Path(folder) / "sentences.npz") as sentences:
        held.update({name: torch.from_numpy(sentences[name]) for name in sentences})
    held.update(model=model, folder=Path(folder))
    return sum(p.numel() for p in model.parameters())


def translate(beams: int, rows: int, keep: bool = False) -> float:
    """Seconds to translate every sentence, `rows` at a time; `keep` writes them."""
    source, lengths, limits = held["source"], held["lengths"], held["limits"]
    order = torch.argsort(lengths, stable=True)
    results = []

    def work():
        with torch.inference_mode():
            for part in order.split(rows):
                width = int(lengths[part].max())
                batch = source[part, :width], lengths[part], limits[part]
                if beams == 1:
                    results.append((part, *greedy(held["model"], *batch)))
                else:
                    results.append((part, *beam(held["model"], *batch, beams)))

    taken = seconds(work)
    if keep:
        most, size = int(limits.max()), source.shape[1]
        tokens = np.zeros((len(source), most), np.int32)
        alignments = np.zeros((len(source), most, size), np.float32)
        for part, words, weights in results:
            rows_ = part.numpy()
            tokens[rows_, : words.shape[1]] = words.numpy()
            alignments[rows_, : words.shape[1], : weights.shape[2]] = weights.numpy()
        np.savez(
            held["folder"] / "translations.npz", tokens=tokens, alignments=alignments
        )
    return taken


if __name__ == "__main__":
    serve({function.__name__: function for function in (make, translate)})
