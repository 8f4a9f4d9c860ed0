"""Perplexity, and what the attention weights themselves look like.

Totals are divided once, at the end: means of means are wrong for sentences of different
lengths. Attention rows are divided by their sum first, since a local window's Gaussian
leaves less than one; the statistics then say where a variant looks, not how strongly.
"""

import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from attnlab.metrics.links import Link


def perplexity(nll_total: float, tokens: float) -> float:
    """exp(negative log likelihood / tokens).

    Args:
      nll_total: negative log likelihood of a corpus, in nats.
      tokens: of the corpus, EOS counted.

    Returns:
      The perplexity, inf for too large a mean.

    Raises:
      ValueError: for no tokens.
    """
    if tokens <= 0:
        raise ValueError(f"perplexity over {tokens} tokens is undefined")
    mean = nll_total / tokens
    return math.inf if mean > 709.0 else math.exp(mean)  # e^709.8 overflows float64


def entropy(alignments: Iterable[np.ndarray]) -> float:
    """Mean entropy of attention weights.

    Args:
      alignments: [T, S] of each sentence.

    Returns:
      Nats a row: 0 for hard attention, log S at most. Rows of zeros are left out; nan
      where there are no others.
    """
    total, count = 0.0, 0
    for rows in map(_rows, alignments):
        logs = np.log(np.where(rows > 0.0, rows, 1.0))  # 0 log 0 counts as 0
        total -= float((rows * logs).sum())
        count += int((rows.sum(axis=1) > 0.0).sum())
    return total / count if count else math.nan


def largest_weight(alignments: Iterable[np.ndarray]) -> float:
    """Mean of every row's largest weight.

    Args:
      alignments: [T, S] of each sentence.

    Returns:
      A weight in [0, 1]. Rows of zeros are left out; nan where there are no others.
    """
    total, count = 0.0, 0
    for rows in map(_rows, alignments):
        if rows.size:
            total += float(rows.max(axis=1).sum())
            count += int((rows.sum(axis=1) > 0.0).sum())
    return total / count if count else math.nan


def mass_on_gold(
    alignments: Sequence[np.ndarray], gold: Sequence[Collection[Link]]
) -> float:
    """Mean share of a row's weight that lies on gold-linked source words, in [0, 1].

    The mean is over the target words with a gold link; one whose row is zero scores 0.
    Unlike AER it rewards weight near the maximum, not only the maximum itself.

    Args:
      alignments: [T, S] of each sentence.
      gold: links (t, s) of each sentence, sure or possible as the caller likes.

    Returns:
      The share; nan where no word has a gold link.

    Raises:
      ValueError: for a link outside its alignment, or gold of other sentences.
    """
    if len(alignments) != len(gold):
        raise ValueError(f"{len(alignments)} alignments, gold of {len(gold)} sentences")
    total, count = 0.0, 0
    for alignment, links in zip(alignments, gold, strict=True):
        rows = _rows(alignment)
        for t, s in set(links):
            if not (0 <= t < rows.shape[0] and 0 <= s < rows.shape[1]):
                raise ValueError(f"link {(t, s)} is outside alignment {rows.shape}")
            total += float(rows[t, s])
        count += len({t for t, _ in links})
    return total / count if count else math.nan


def _rows(alignment: np.ndarray) -> np.ndarray:
    """The alignment in float64, its rows divided by their sums; zero rows stay zero."""
    rows = np.asarray(alignment, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"an alignment is [T, S], got shape {rows.shape}")
    sums = rows.sum(axis=1, keepdims=True)
    return rows / np.where(sums > 0.0, sums, 1.0)
