"""Alignment error rate (AER), and the way from attention weights to links.

An alignment is an array of weights [T, S]: row t says where the decoder looked while
it produced target word t. A link is a pair (t, s), 0-based. Gold links are `sure` or
merely `possible`; `possible` includes the sure ones (it is taken to, given or not).
Och and Ney 2003, https://aclanthology.org/J03-1002/
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from attnlab.metrics.links import Gold, Link, LinkSet

METHODS = ("argmax", "threshold")
WEIGHT_OF_WORD = ("mean", "max")


class Agreement(NamedTuple):
    """Counts of links, the sufficient statistics of AER; they add up over sentences.

    links |A|: links judged; sure |S|: sure gold links; in_sure |A & S|; in_possible
    |A & P|. The rates are those of Och and Ney 2003, sec. 5, as fractions in [0, 1];
    a rate of nothing (0 / 0) is nan.
    """

    links: int = 0
    sure: int = 0
    in_sure: int = 0
    in_possible: int = 0

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def aer(self) -> float:
        """1 - (|A & S| + |A & P|) / (|A| + |S|).

        Returns:
          The rate in [0, 1]: 0 is perfect, 1 is all wrong.
        """
        return 1.0 - _ratio(self.in_sure + self.in_possible, self.links + self.sure)

    @property
    def precision(self) -> float:
        """|A & P| / |A|.

        Returns:
          The share in [0, 1] of the links that is possible.
        """
        return _ratio(self.in_possible, self.links)

    @property
    def recall(self) -> float:
        """|A & S| / |S|.

        Returns:
          The share in [0, 1] of the sure links that is there.
        """
        return _ratio(self.in_sure, self.sure)


def aer(
    links: LinkSet | Sequence[LinkSet],
    sure: LinkSet | Sequence[LinkSet],
    possible: LinkSet | Sequence[LinkSet] = frozenset(),
) -> float:
    """Alignment error rate, of a sentence or of a corpus.

    A corpus' counts are summed before the division: the average of the sentences' rates
    is another number, and not the published one.

    Args:
      links: (source, target) of a sentence, to be judged; or a list of such sets.
      sure: gold links that every annotator is certain of, likewise.
      possible: gold links that are allowed, the sure ones counted or not, likewise.

    Returns:
      The rate in [0, 1]: 0 is perfect, 1 is all wrong. nan where there is neither a
      link nor a sure one.

    Raises:
      ValueError: for lists of different lengths.
    """
    judged, certain = _sentences(links), _sentences(sure)
    allowed = _sentences(possible) if possible else [frozenset[Link]()] * len(certain)
    if not len(judged) == len(certain) == len(allowed):
        raise ValueError(
            f"links of {len(judged)} sentences, sure ones of {len(certain)}, possible "
            f"ones of {len(allowed)}"
        )
    return corpus_agreement(judged, list(zip(certain, allowed, strict=True))).aer


def _sentences(links: LinkSet | Sequence[LinkSet]) -> list[LinkSet]:
    return [links] if isinstance(links, set | frozenset) else list(links)


def agreement(
    links: LinkSet, sure: LinkSet, possible: LinkSet = frozenset()
) -> Agreement:
    """The Agreement of one sentence's links with its gold links.

    Args:
      links: (t, s) to be judged.
      sure: gold links (t, s).
      possible: gold links (t, s), the sure ones counted or not.

    Returns:
      The counts.
    """
    in_sure = len(links & sure)
    in_possible = len(links & (possible | sure))
    return Agreement(len(links), len(sure), in_sure, in_possible)


def corpus_agreement(links: Sequence[LinkSet], gold: Sequence[Gold]) -> Agreement:
    """The pooled Agreement of a corpus: counts are summed before any division.

    The average of the sentences' AERs is another number, and not the published one.

    Args:
      links: (t, s) of N sentences.
      gold: of the same sentences.

    Returns:
      The counts of all.
    """
    return Agreement(*statistics(links, gold).sum(axis=0).tolist())


def statistics(links: Sequence[LinkSet], gold: Sequence[Gold]) -> np.ndarray:
    """The counts of each sentence's `Agreement`, for significance tests.

    Args:
      links: (t, s) of N sentences.
      gold: of the same sentences.

    Returns:
      Counts [N, 4].

    Raises:
      ValueError: where links and gold are of different numbers of sentences.
    """
    if len(links) != len(gold):
        raise ValueError(f"links of {len(links)} sentences, gold of {len(gold)}")
    rows = [agreement(a, s, p) for a, (s, p) in zip(links, gold, strict=True)]
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def score(counts: np.ndarray) -> np.ndarray:
    """AER of summed counts: what the significance tests call.

    Args:
      counts: [..., 4], sums of `statistics`.

    Returns:
      Rates [...] in [0, 1].
    """
    total = counts[..., 0] + counts[..., 1]
    hits = counts[..., 2] + counts[..., 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 - np.divide(hits, total)


# From weights to links


def argmax_links(alignment: np.ndarray, *, null: bool = False) -> set[Link]:
    """One link for every target word: to the source word of largest weight.

    A row of zeros (the decoder looked at no word) gives no link; of equal weights the
    first counts.

    Args:
      alignment: [T, S], words only.
      null: what a row lacks to one is the probability that the word is linked to
        nothing, and it gets no link where that is likelier than every position.

    Returns:
      Links (t, s).
    """
    rows = _checked(alignment)
    if rows.shape[1] == 0:
        return set()
    best = rows.argmax(axis=1)
    least = np.maximum(1.0 - rows.sum(axis=1), 0.0) if null else np.zeros(len(rows))
    return {(t, int(s)) for t, s in enumerate(best) if rows[t, s] > least[t]}


def links(
    alignment: np.ndarray,
    *,
    method: str = "argmax",
    threshold: float | None = None,
    shift: int = 0,
    null: bool = False,
) -> set[Link]:
    """The links of an alignment by a named method.

    Args:
      alignment: [T, S], words only.
      method: "argmax", one per target word; "threshold", every pair whose weight
        reaches the threshold, so that a word may have several links or none.
      threshold: more than 0, of that method.
      shift: row t is read as the alignment of word t + shift. Attention may sit one
        word off (Koehn and Knowles 2017; no query has seen the word it is about to
        produce), so AER is worth reporting at -1, 0 and 1. Links shifted off either end
        are dropped.
      null: as in `argmax_links`.

    Returns:
      Links (t, s).

    Raises:
      ValueError: for an unknown method, or a threshold that does not go with it.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose {', '.join(METHODS)}")
    if (threshold is not None) != (method == "threshold"):
        raise ValueError(f"method {method!r} with threshold {threshold}")
    if threshold is None:
        linked = argmax_links(alignment, null=null)
    else:
        if threshold <= 0.0:
            raise ValueError(f"threshold {threshold} would link every pair; give > 0")
        ts, ss = np.nonzero(_checked(alignment) >= threshold)
        linked = set(zip(ts.tolist(), ss.tolist(), strict=True))
    size = len(alignment)
    return {(t + shift, s) for t, s in linked if 0 <= t + shift < size}


def strip(
    alignment: np.ndarray, source_length: int, target_length: int, *, null: bool = False
) -> np.ndarray:
    """The rows and columns of real words, without EOS and padding after them.

    Args:
      alignment: [T, S], EOS and padding included.
      source_length: words of the source.
      target_length: words of the target.
      null: False links a word that looked mostly at EOS to its best real word
        (fairseq's rule). True takes EOS for the empty word: rows whose largest weight
        lies outside the sentence become zero, so that `argmax_links` gives no link.

    Returns:
      Weights [target_length, source_length].

    Raises:
      ValueError: where the sentences are longer than the alignment.
    """
    rows = _checked(alignment)
    if target_length > rows.shape[0] or source_length > rows.shape[1]:
        raise ValueError(
            f"alignment has shape {rows.shape}, sentences have {target_length} target "
            f"and {source_length} source words"
        )
    words = rows[:target_length, :source_length]
    if null and words.size and source_length < rows.shape[1]:
        outside = rows[:target_length, source_length:].max(axis=1)
        words = np.where((outside > words.max(axis=1))[:, None], 0.0, words)
    return words


# From subwords to words


def merge_links(
    links: Iterable[Link], source_owner: Sequence[int], target_owner: Sequence[int]
) -> set[Link]:
    """Links between words: two are linked if any of their subwords are.

    The rule of Garg et al. 2019.

    Args:
      links: (t, s) between subwords.
      source_owner: number of the word of each source subword.
      target_owner: number of the word of each target subword.

    Returns:
      Links (t, s) between words.
    """
    return {(target_owner[t], source_owner[s]) for t, s in links}


def words(
    alignment: np.ndarray,
    source_owner: Sequence[int],
    target_owner: Sequence[int],
    *,
    over_target: str = "mean",
) -> np.ndarray:
    """Weights between words from weights between subwords.

    A source word gets the sum over its subwords; a target word the mean (or "max") over
    its own, so with the mean a row of weights still sums to what it did. Rows and
    columns beyond the owners (EOS) are cut. For example, owners [0, 0, 1] and [0, 1, 1]
    make a 2 x 2 alignment of a 3 x 3 one.

    Args:
      alignment: [T, S] of subwords.
      source_owner: number of the word of each source subword.
      target_owner: number of the word of each target subword.
      over_target: "mean" or "max".

    Returns:
      Weights [T, S] of words.

    Raises:
      ValueError: for another over_target.
    """
    if over_target not in WEIGHT_OF_WORD:
        choices = ", ".join(WEIGHT_OF_WORD)
        raise ValueError(f"unknown over_target {over_target!r}; choose {choices}")
    rows = strip(alignment, len(source_owner), len(target_owner))
    source_words = max(source_owner, default=-1) + 1
    target_words = max(target_owner, default=-1) + 1
    columns = np.zeros((len(target_owner), source_words), rows.dtype)
    np.add.at(columns.T, np.asarray(source_owner, dtype=np.int64), rows.T)
    merged = np.zeros((target_words, source_words), rows.dtype)
    owner = np.asarray(target_owner, dtype=np.int64)
    if over_target == "max":
        np.maximum.at(merged, owner, columns)
        return merged
    np.add.at(merged, owner, columns)
    sizes = np.bincount(owner, minlength=target_words)
    return merged / np.maximum(sizes, 1)[:, None].astype(rows.dtype)


# By reordering


class Distance(NamedTuple):
    """The Agreement on links of some distances.

    low, high: the distances lie in [low, high); a high of None is unbounded.
    agreement: on these links.
    """

    low: float
    high: float | None
    agreement: Agreement


def by_distance(
    links: Sequence[LinkSet],
    gold: Sequence[Gold],
    *,
    edges: Sequence[float] = (1, 2, 3, 5, 8),
    lengths: Sequence[tuple[int, int]] | None = None,
) -> list[Distance]:
    """AER by reordering distance: how well links near the diagonal and far off agree.

    Links of A, S and P are all put into the bucket of their own distance, so the rows
    add up to the corpus.

    Args:
      links: (t, s) of N sentences.
      gold: of the same sentences.
      edges: increasing; the buckets are [0, e0), [e0, e1), ..., [en, inf).
      lengths: (source, target) words of each pair. With them the distance is the
        deviation |t - s T / S| from the sentence's diagonal, which a mere difference of
        lengths does not raise; without, it is |t - s|.

    Returns:
      One row a bucket.

    Raises:
      ValueError: for edges that do not increase, or too few lengths.
    """
    if lengths is not None and len(lengths) != len(gold):
        raise ValueError(f"lengths of {len(lengths)} sentences, gold of {len(gold)}")
    if list(edges) != sorted(set(edges)) or any(edge <= 0 for edge in edges):
        raise ValueError(f"edges must be positive and increasing, got {tuple(edges)}")

    def bucket(link: Link, sentence: int) -> int:
        t, s = link
        if lengths is not None:
            source_length, target_length = lengths[sentence]
            distance = abs(t - s * target_length / source_length)
        else:
            distance = abs(t - s)
        return bisect_right(edges, distance)

    def split(some: Sequence[LinkSet]) -> list[list[set[Link]]]:
        buckets = [[set() for _ in some] for _ in range(len(edges) + 1)]
        for sentence, these in enumerate(some):
            for link in these:
                buckets[bucket(link, sentence)][sentence].add(link)
        return buckets

    linked = split(links)
    sure = split([s for s, _ in gold])
    possible = split([p | s for s, p in gold])
    bounds = zip([0, *edges], [*edges, None], strict=True)
    return [
        Distance(low, high, corpus_agreement(a, list(zip(s, p, strict=True))))
        for (low, high), a, s, p in zip(bounds, linked, sure, possible, strict=True)
    ]


def _checked(alignment: np.ndarray) -> np.ndarray:
    rows = np.asarray(alignment)
    if rows.ndim != 2:
        raise ValueError(f"an alignment is [T, S], got shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("an alignment must be finite, this one has nan or inf weights")
    return rows


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
