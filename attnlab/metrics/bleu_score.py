"""BLEU by sacrebleu, with its signature, and its statistics sentence by sentence.

Tokenization and case move BLEU by points, so every score carries the signature that
names them. The project's text is tokenized already, hence `tokenize="none"`, which is
the papers' tokenized BLEU (multi-bleu); use "13a" on plain text. A reference that holds
tabs is several: a picture's captions, of which an n-gram may match any.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from sacrebleu.metrics.bleu import BLEU

TOKENIZERS = ("none", "13a", "intl", "char", "zh")  # those that need no download
ORDERS = 4


class Bleu(NamedTuple):
    """BLEU of a corpus.

    score: in [0, 100].
    signature: sacrebleu's, of everything that moves the score.
    precisions: of 1- to 4-grams, in [0, 100].
    brevity: penalty in [0, 1].
    hypothesis_length, reference_length: tokens of all sentences.
    """

    score: float
    signature: str
    precisions: tuple[float, ...]
    brevity: float
    hypothesis_length: int
    reference_length: int


class LengthRow(NamedTuple):
    """BLEU of the sentences of some source lengths.

    low, high: they have low <= words <= high; a high of None is unbounded.
    count: of these sentences.
    bleu: in [0, 100], nan where there are none.
    """

    low: int
    high: int | None
    count: int
    bleu: float


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    tokenize: str = "none",
    lowercase: bool = False,
) -> Bleu:
    """Corpus BLEU (Papineni et al. 2002, https://aclanthology.org/P02-1040/).

    Args:
      hypotheses: a line a sentence.
      references: a line a sentence; tabs are between several references.
      tokenize: a name in TOKENIZERS; "none" for text that is tokenized already.
      lowercase: whether case is ignored.

    Returns:
      The score, its signature and its parts.

    Raises:
      ValueError: for an unknown tokenizer, no sentences, or lists of two lengths.
    """
    metric = _metric(hypotheses, references, tokenize, lowercase)
    result = metric.corpus_score(hypotheses, reference_streams(references))
    return Bleu(
        float(result.score),
        str(metric.get_signature()),
        tuple(float(precision) for precision in result.precisions),
        float(result.bp),
        int(result.sys_len),
        int(result.ref_len),
    )


def statistics(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    tokenize: str = "none",
    lowercase: bool = False,
) -> np.ndarray:
    """sacrebleu's counts of each sentence, which add up over sentences.

    Args:
      hypotheses: as of `bleu`.
      references: as of `bleu`.
      tokenize: as of `bleu`.
      lowercase: as of `bleu`.

    Returns:
      Counts [N, 10]: hypothesis and reference length, matched 1- to 4-grams, all 1- to
      4-grams of the hypothesis.
    """
    metric = _metric(hypotheses, references, tokenize, lowercase)
    parts = reference_streams(references)
    if len(parts) > 1:  # a hypothesis may match an n-gram of any of them
        rows = metric._extract_corpus_statistics(hypotheses, parts)
        return np.array(rows, dtype=np.int64).reshape(-1, 2 + 2 * ORDERS)
    prepare = metric._preprocess_segment  # sacrebleu's tokenizer, and its case
    words = [
        [prepare(line).split() for line in side] for side in (hypotheses, parts[0])
    ]
    return _counts(*words)


def _counts(hypotheses: list[list[str]], references: list[list[str]]) -> np.ndarray:
    """`statistics` of tokens, all sentences at once: sacrebleu's own are in Python."""
    sides = [*hypotheses, *references]
    lengths = np.array([len(words) for words in sides])
    number: dict[str, int] = defaultdict(count().__next__)  # 0, 1, ... as words come
    words = np.array([number[word] for words in sides for word in words], np.int64)
    side = np.repeat(np.arange(len(sides)), lengths)
    sentences = len(hypotheses)
    sentence, is_reference = side % sentences, side >= sentences
    ends = np.cumsum(lengths)[side]
    places = np.arange(len(words))
    # Equal labels: the same n-gram of the same sentence. Longer by a word each time.
    keys, matched, total = sentence * len(number) + words, [], []
    for order in range(1, ORDERS + 1):
        _, labels = np.unique(keys, return_inverse=True)
        most = int(labels.max(initial=-1)) + 1
        # [labels]: how often on either side; the sentence of each label.
        said = np.bincount(labels[~is_reference[places]], minlength=most)
        wanted = np.bincount(labels[is_reference[places]], minlength=most)
        whose = np.zeros(most, np.int64)
        whose[labels] = sentence[places]
        for counts, sums in ((np.minimum(said, wanted), matched), (said, total)):
            sums.append(np.bincount(whose, counts, minlength=sentences))
        longer = places + order < ends[places]
        places = places[longer]
        keys = labels[longer] * len(number) + words[places + order]
    columns = [lengths[:sentences], lengths[sentences:], *matched, *total]
    return np.stack(columns, axis=1).astype(np.int64)


def score(counts: np.ndarray) -> np.ndarray:
    """BLEU of summed counts: sacrebleu's, vectorized.

    Orders without a match are smoothed as sacrebleu does by default ("exp": the k-th
    such order counts 1 / 2^k of a match); no match at all, or no n-grams of some order,
    gives 0.

    Args:
      counts: [..., 10], sums of `statistics`.

    Returns:
      BLEU [...] in [0, 100].
    """
    counts = np.asarray(counts, dtype=np.float64)
    length, reference = counts[..., 0], counts[..., 1]
    matched, total = counts[..., 2 : 2 + ORDERS], counts[..., 2 + ORDERS :]
    missing = matched == 0
    smoothed = np.where(missing, 0.5 ** np.cumsum(missing, axis=-1), matched)
    defined = (total > 0).all(axis=-1) & (matched > 0).any(axis=-1)
    logs = np.log(smoothed / np.maximum(total, 1.0)).mean(axis=-1)
    brevity = np.minimum(1.0 - reference / np.maximum(length, 1.0), 0.0)
    return np.where(defined, 100.0 * np.exp(brevity + logs), 0.0)


def by_length(
    hypotheses: Sequence[str],
    references: Sequence[str],
    source_lengths: Sequence[int],
    edges: Sequence[int] = (10, 20, 30, 40, 50),
    *,
    tokenize: str = "none",
    lowercase: bool = False,
) -> list[LengthRow]:
    """BLEU of the sentences of each range of source lengths.

    Bahdanau et al. 2014, Fig. 2, plots this.

    Args:
      hypotheses: as of `bleu`.
      references: as of `bleu`.
      source_lengths: words of each source.
      edges: increasing; the ranges are [1, e0], [e0 + 1, e1], ..., [en + 1, inf).
      tokenize: as of `bleu`.
      lowercase: as of `bleu`.

    Returns:
      A row a range, empty ranges too, so that every system has the same rows.

    Raises:
      ValueError: for edges that do not increase, or too few source lengths.
    """
    if len(source_lengths) != len(references):
        raise ValueError(
            f"{len(source_lengths)} source lengths for {len(references)} references"
        )
    if list(edges) != sorted(set(edges)):
        raise ValueError(f"edges must be increasing, got {tuple(edges)}")
    counts = statistics(hypotheses, references, tokenize=tokenize, lowercase=lowercase)
    bucket = np.searchsorted(edges, source_lengths, side="left")
    lows = [1, *(edge + 1 for edge in edges)]
    rows = []
    for k, (low, high) in enumerate(zip(lows, [*edges, None], strict=True)):
        inside = bucket == k
        value = float(score(counts[inside].sum(axis=0))) if inside.any() else np.nan
        rows.append(LengthRow(low, high, int(inside.sum()), value))
    return rows


def reference_streams(references: Sequence[str]) -> Any:
    """sacrebleu's streams: the k-th references of all, None where there are fewer.

    Args:
      references: a line a sentence; tabs are between several references.

    Returns:
      As many lists of N as the sentence with the most references has.
    """
    parts = [reference.split("\t") for reference in references]
    most = max(map(len, parts), default=1)
    return [[part[k] if k < len(part) else None for part in parts] for k in range(most)]


def check_sentences(
    name: str, hypotheses: Sequence[str], references: Sequence[str]
) -> None:
    """Refuse what no score is defined for.

    Args:
      name: of the score.
      hypotheses: a line a sentence.
      references: a line a sentence.

    Raises:
      ValueError: for no sentences, or lists of two lengths.
    """
    if len(hypotheses) != len(references):
        raise ValueError(
            f"{len(hypotheses)} hypotheses for {len(references)} references"
        )
    if not references:
        raise ValueError(f"{name} of no sentences is undefined")


def _metric(
    hypotheses: Sequence[str], references: Sequence[str], tokenize: str, lowercase: bool
) -> BLEU:
    if tokenize not in TOKENIZERS:
        choices = ", ".join(TOKENIZERS)
        raise ValueError(f"unknown tokenize {tokenize!r}; choose {choices}")
    check_sentences("BLEU", hypotheses, references)
    # force: no warning that the text looks tokenized, which it is meant to be
    return BLEU(tokenize=tokenize, lowercase=lowercase, force=True)
