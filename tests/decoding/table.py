"""A tiny model whose next word depends on the whole history, and its brute force."""

import itertools
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

BOS, EOS = 1, 2


class Table(NamedTuple):
    """logits = rows[b][history code]; the code folds in every word chosen so far."""

    rows: np.ndarray  # [B, CODES, V]

    def start(self):
        return {"code": jnp.zeros(self.rows.shape[0], jnp.int32)}

    @staticmethod
    def step(rows, carry, tokens):
        batch, codes, _ = rows.shape
        code = fold(carry["code"], tokens, codes)
        logits = jnp.asarray(rows)[jnp.arange(batch), code]
        # The weights tell the history: its code, and the word that was read.
        weights = jnp.stack([code, tokens], axis=-1).astype(jnp.float32)
        return {"code": code}, logits, weights

    def trace(self, words):
        """The codes and words read on the way to `words`, as step's weights [T, 2]."""
        code, rows = 0, []
        for word in (BOS, *words)[: len(words)]:
            code = fold(code, word, self.rows.shape[1])
            rows.append((code, word))
        return np.array(rows, np.float32).reshape(-1, 2)

    def total(self, sentence, words):
        """Summed log-probability of `words`, in float64."""
        total = 0.0
        for (code, _), word in zip(self.trace(words), words, strict=True):
            logits = self.rows[sentence, int(code)].astype(np.float64)
            total += logits[word] - np.log(np.sum(np.exp(logits)))
        return total


def fold(code, token, codes):
    return (code * 7 + token * 3 + 1) % codes


def table(seed, batch=3, vocabulary=5, codes=101, scale=2.0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(batch, codes, vocabulary)) * scale
    return Table(rows.astype(np.float32))


def divisor(length, name, alpha):
    if name == "none":
        return 1.0
    return float(length) if name == "average" else math.pow((5 + length) / 6, alpha)


def brute_force(
    model, sentence, *, limit, minimum=0, banned=(0, 1), name="none", alpha=0.6
):
    """All hypotheses (score, words), ended ones first, best first."""
    words = [w for w in range(model.rows.shape[2]) if w not in (*banned, EOS)]
    result = []
    for length in range(limit + 1):
        for body in itertools.product(words, repeat=length):
            if minimum <= length < limit:
                result.append((True, (*body, EOS)))
            if length == limit:
                result.append((False, body))
    scored = [
        (
            not ended,
            -model.total(sentence, hypothesis) / divisor(len(hypothesis), name, alpha),
            hypothesis,
        )
        for ended, hypothesis in result
    ]
    return [(-score, words) for _, score, words in sorted(scored)]
