"""Paired significance tests: bootstrap and approximate randomization.

    counts = bleu_score.statistics(hypotheses, references)  # of each system
    paired_bootstrap(first_counts, second_counts, bleu_score.score).p_value

Many systems are tested against one at once, on the same samples: `paired_bootstraps`.

Both tests work on the sufficient statistics of each sentence, counts [N, K] that add
up, and a score of summed counts [..., K] -> [...]: `statistics` and `score` of
`bleu_score` or `alignment_error_rate`. Counts of several seeds may be added sentence by
sentence before testing; the tests then say nothing of other seeds. `crossed_bootstrap`
tests over seeds and sentences together.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

Score = Callable[[np.ndarray], np.ndarray]

_CELLS = 4_000_000  # samples x sentences drawn at once, so that memory stays small


class Comparison(NamedTuple):
    """Two systems and the test of their difference.

    first, second: their scores.
    difference: second - first, in the score's own direction (for AER, negative means
      that second is better).
    p_value: two-sided, in (0, 1].
    low, high: the 95 % bootstrap interval of the difference, nan where the test has
      none.
    wins: share of the samples where second scored higher than first, ties counting half
      (nan likewise).
    samples: that the test drew.
    """

    first: float
    second: float
    difference: float
    p_value: float
    low: float
    high: float
    wins: float
    samples: int


def paired_bootstrap(
    first: np.ndarray,
    second: np.ndarray,
    score: Score,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Paired bootstrap resampling over sentences (Koehn 2004).

    The p-value shifts the resampled differences to mean zero and counts those at least
    as far out as the one observed, on either side, plus one (Noreen 1989). sacrebleu
    and Moses count otherwise: they take absolute differences, shift those to mean zero
    and count what is beyond the observed one. That can be far smaller: of one pair of
    systems 0.233 where this is 0.653.

    Args:
      first: counts [N, K] of a system.
      second: counts [N, K] of another, of the same N sentences.
      score: summed counts [..., K] -> scores [...].
      samples: drawn.
      seed: of the samples.

    Returns:
      The scores and the test of their difference.

    Raises:
      ValueError: for counts of other shapes, or no samples.
    """
    return paired_bootstraps(first, [second], score, samples=samples, seed=seed)[0]


def paired_bootstraps(
    reference: np.ndarray,
    systems: Sequence[np.ndarray],
    score: Score,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> list[Comparison]:
    """`paired_bootstrap` of a reference and each of many systems, at once.

    All systems are scored on the same samples, those that `paired_bootstrap` draws with
    this seed: of counts that are whole numbers the outcome is the same to the last bit,
    of others (losses) to the rounding of their sums.

    Args:
      reference: counts [N, K] of the system that all are compared with.
      systems: R times counts [N, K], of the same N sentences.
      score: summed counts [..., K] -> scores [...].
      samples: drawn.
      seed: of the samples.

    Returns:
      R comparisons, with `reference` as the first system of each.

    Raises:
      ValueError: for counts of other shapes, or no samples.
    """
    if not len(systems):
        return []
    stacked = _stacked([reference, *systems], samples)
    scores = resampled_scores(stacked, score, samples, seed)  # [samples, 1 + R]
    observed = [float(score(counts.sum(axis=0))) for counts in stacked]
    return [
        compare(observed[0], observed[k], scores[:, k] - scores[:, 0])
        for k in range(1, len(stacked))
    ]


def compare(first: float, second: float, differences: np.ndarray) -> Comparison:
    """What a bootstrap says of two systems.

    Args:
      first: score of a system.
      second: score of another.
      differences: second minus first on the same samples [samples].

    Returns:
      The scores and the test of their difference.
    """
    low, high = np.quantile(differences, (0.025, 0.975))
    wins = np.mean(differences > 0) + 0.5 * np.mean(differences == 0)
    difference = second - first
    p_value = _p_value(differences - differences.mean(), difference)
    interval = float(low), float(high), float(wins)
    return Comparison(first, second, difference, p_value, *interval, len(differences))


def approximate_randomization(
    first: np.ndarray,
    second: np.ndarray,
    score: Score,
    *,
    samples: int = 10000,
    seed: int = 0,
) -> Comparison:
    """Two-sided approximate randomization over sentences (Riezler and Maxwell 2005).

    Each sample swaps the two systems' outputs of a sentence with probability 1/2; if
    the systems were exchangeable, differences as large as the observed one are common.
    More powerful than the bootstrap on few sentences, but gives no interval.

    Args:
      first: counts [N, K] of a system.
      second: counts [N, K] of another, of the same N sentences.
      score: summed counts [..., K] -> scores [...].
      samples: drawn.
      seed: of the samples.

    Returns:
      The scores and the test of their difference.

    Raises:
      ValueError: for counts of other shapes, or no samples.
    """
    first, second = _stacked([first, second], samples)
    observed = float(score(first.sum(axis=0))), float(score(second.sum(axis=0)))
    rng = np.random.default_rng(seed)
    total = first.sum(axis=0) + second.sum(axis=0)
    differences = []
    for size in _chunks(samples, len(first)):
        swapped = rng.integers(2, size=(size, len(first)), dtype=bool)
        mixed = second.sum(axis=0) + swapped.astype(np.float64) @ (first - second)
        differences.append(score(total - mixed) - score(mixed))
    difference = observed[1] - observed[0]
    p_value = _p_value(np.concatenate(differences), difference)
    nan = math.nan
    return Comparison(*observed, difference, p_value, nan, nan, nan, samples)


def resampled(
    first: np.ndarray,
    second: np.ndarray,
    score: Score,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Scores of both systems on the same resampled sentences.

    Args:
      first: counts [N, K] of a system.
      second: counts [N, K] of another, of the same N sentences.
      score: summed counts [..., K] -> scores [...].
      samples: drawn.
      seed: of the samples.

    Returns:
      Scores [samples, 2].

    Raises:
      ValueError: for counts of other shapes, or no samples.
    """
    return resampled_scores(_stacked([first, second], samples), score, samples, seed)


def resampled_scores(
    stacked: np.ndarray, score: Score, samples: int, seed: int
) -> np.ndarray:
    """Scores of many systems on the same resampled sentences.

    Args:
      stacked: counts [R, N, K] of R systems, float64.
      score: summed counts [..., R, K] -> scores [..., S]; S is R unless the score makes
        further ones out of several systems' counts.
      samples: drawn.
      seed: of the samples; the same N and seed give the same samples.

    Returns:
      Scores [samples, S].
    """
    rng = np.random.default_rng(seed)
    systems, sentences, kinds = stacked.shape
    # Side by side, so that one product sums the counts of all systems.
    beside = np.ascontiguousarray(stacked.transpose(1, 0, 2)).reshape(sentences, -1)
    scores = []
    for size in _chunks(samples, sentences):
        drawn = rng.choice(sentences, size=(size, sentences), replace=True)
        drawn += sentences * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * sentences)
        times = times.reshape(size, sentences).astype(np.float64)  # float: BLAS
        for part in _chunks(size, systems * kinds):  # of the totals, for memory again
            totals, times = times[:part] @ beside, times[part:]
            scores.append(score(totals.reshape(part, systems, kinds)))
    return np.concatenate(scores)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation over seeds.

    The deviation divides by n - 1: the seeds are a sample, and few.

    Args:
      values: of n seeds.

    Returns:
      (mean, deviation); nan without values, the deviation of one value too.
    """
    if not len(values):
        return math.nan, math.nan
    array = np.asarray(values, dtype=np.float64)
    deviation = float(array.std(ddof=1)) if len(array) > 1 else math.nan
    return float(array.mean()), deviation


def _p_value(differences: np.ndarray, observed: float) -> float:
    # Equal counts may give scores that differ in the last bits; those are ties.
    beyond = np.abs(differences) >= abs(observed) - 1e-9
    return (int(beyond.sum()) + 1) / (len(differences) + 1)


def _stacked(systems: Sequence[np.ndarray], samples: int) -> np.ndarray:
    """Counts [R, N, K] of systems that were all tested on the same sentences."""
    arrays = [np.asarray(counts, np.float64) for counts in systems]
    first = arrays[0]
    for counts in arrays:
        if counts.ndim != 2 or counts.shape != first.shape:
            raise ValueError(
                "counts are [N, K] and of the same sentences, got shapes "
                f"{first.shape} and {counts.shape}"
            )
    if not len(first) or samples < 1:
        raise ValueError(f"{samples} samples of {len(first)} sentences")
    return np.stack(arrays)


def _chunks(samples: int, width: int) -> Iterator[int]:
    """So many of the samples at a time that an array [samples, width] stays small."""
    size = max(1, _CELLS // width)
    for start in range(0, samples, size):
        yield min(size, samples - start)
