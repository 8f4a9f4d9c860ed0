"""Paired significance over seeds and sentences together.

    first = np.stack([bleu_score.statistics(h, references) for h in of_seeds])
    crossed_bootstrap(first, second, bleu_score.score).p_value

A difference that holds over the test sentences of these runs may still be one between
these seeds. Here seeds are drawn anew as well as sentences: would other trainings of
the same two methods, tested on other sentences like these, differ the same way?
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.metrics.significance import (
    Comparison,
    Score,
    compare,
    resampled_scores,
)

_CELLS = 8_000_000  # counts of systems that are resampled at once: 64 MB


class CrossedComparison(NamedTuple):
    """Two systems of several seeds each, and the test of their mean scores' difference.

    first, second: mean scores over the seeds.
    difference: second - first.
    p_value: two-sided, over seeds and sentences, in (0, 1]; nan where a system has one
      seed.
    error: standard error of the difference, likewise.
    degrees: of freedom of the t distribution, likewise.
    sentences: the paired bootstrap over the sentences alone, the counts of a sentence
      summed over the seeds of its system.
    """

    first: float
    second: float
    difference: float
    p_value: float
    error: float
    degrees: float
    sentences: Comparison


class _System(NamedTuple):
    """Scores of a system of k seeds.

    seeds: [k] on all sentences. pooled: of the counts summed over the seeds.
    drawn, drawn_pooled: the same on resampled sentences, [samples, k] and [samples].
    """

    seeds: np.ndarray
    pooled: float
    drawn: np.ndarray
    drawn_pooled: np.ndarray


def crossed_bootstrap(
    first: np.ndarray,
    second: np.ndarray,
    score: Score,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> CrossedComparison:
    """Two-sided test of a difference of mean scores, over seeds and sentences together.

    A bootstrap that draws, with replacement, sentences (the same for both systems) and
    seeds (independently in each), and scores the mean over the drawn seeds. What k
    drawn seeds add to its variance is known without drawing them, and two things about
    it are wrong for the few seeds that there are:

    - k draws of k seeds vary by (k - 1) / k of what the mean of k seeds does; here the
      unbiased variance of the seeds' scores is taken. It includes what the seeds
      disagree on from sentence to sentence, which resampling the sentences has counted
      already: that part, measured on the same samples, is taken off once (Brennan 2001,
      Generalizability Theory, of the variance components of a crossed design).
    - a variance from k - 1 degrees of freedom is often far too small by chance. So the
      difference over its standard error is held against a t distribution, with the
      degrees of freedom of Satterthwaite (1946) and Welch (1947).

    Share of p < 0.05 where nothing differs, with normal seeds (3,000 trials; 0.05 is
    right, and the test over sentences alone has 0.97 in the first line):

                                                        2 seeds   3       5
      seeds differ, sentences hardly matter             0.023   0.036   0.042
      a sentence error of 0.3 of a seed's deviation     0.065   0.053   0.048
      the two alike                                     0.054   0.049   0.050
      no seed is better, all disagree on sentences      0.020   0.017   0.033
      seeds of one system alone differ                  0.058   0.045   0.049
      ... with a sentence error of 0.3 of theirs        0.116   0.071   0.054

    So with two seeds a p just below 0.05 is worth little, and two seeds find only large
    differences at all: a t of 2 degrees of freedom has to be above 4.3.

    Args:
      first: counts [k, N, K] of the k seeds of a system.
      second: counts of another, of the same N sentences; its seeds may be more or
        fewer.
      score: summed counts [..., K] -> scores [...].
      samples: of the sentences.
      seed: of the samples.

    Returns:
      The mean scores and the test of their difference.

    Raises:
      ValueError: for counts of other shapes, or no samples.
    """
    return crossed_bootstraps(first, [second], score, samples=samples, seed=seed)[0]


def crossed_bootstraps(
    reference: np.ndarray,
    systems: Sequence[np.ndarray],
    score: Score,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> list[CrossedComparison]:
    """`crossed_bootstrap` of a reference and each of many systems, at once.

    All are scored on the same samples of sentences, those of `paired_bootstraps`, and
    so is the test over sentences alone.

    Args:
      reference: counts [k, N, K] of the seeds of the system that all are compared with.
      systems: counts of each, of the same N sentences and any number of seeds.
      score: summed counts [..., K] -> scores [...].
      samples: of the sentences.
      seed: of the samples.

    Returns:
      A comparison each, with `reference` as its first system.

    Raises:
      ValueError: for counts of other shapes, or no samples.
    """
    counts = [np.asarray(each) for each in (reference, *systems)]
    _check(counts, samples)
    drawn = [
        system
        for block in _blocks(counts)
        for system in _resampled(block, score, samples, seed)
    ]
    sentences = counts[0].shape[1]
    return [_comparison(drawn[0], other, sentences) for other in drawn[1:]]


def _check(counts: Sequence[np.ndarray], samples: int) -> None:
    shape = counts[0].shape
    for each in counts:
        if each.ndim != 3 or not len(each) or each.shape[1:] != shape[1:]:
            raise ValueError(
                "counts are [seeds, N, K] and of the same sentences, got shapes "
                f"{shape} and {each.shape}"
            )
    if not shape[1] or samples < 1:
        raise ValueError(f"{samples} samples of {shape[1]} sentences")


def _blocks(counts: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """The systems in blocks of at most _CELLS counts, or of one system."""
    blocks: list[list[np.ndarray]] = []
    room = 0
    for each in counts:
        if each.size > room:
            blocks.append([])
            room = _CELLS
        blocks[-1].append(each)
        room -= each.size
    return blocks


def _resampled(
    counts: Sequence[np.ndarray], score: Score, samples: int, seed: int
) -> list[_System]:
    """Scores of every seed, and of every system's seeds together."""
    sizes = np.array([len(each) for each in counts])
    ends = np.cumsum(sizes)
    starts = ends - sizes

    def both(totals: np.ndarray) -> np.ndarray:
        """Scores [..., seeds of all + systems] of counts [..., seeds of all, K]."""
        pooled = np.add.reduceat(totals, starts, axis=-2)
        return np.concatenate([score(totals), score(pooled)], axis=-1)

    stacked = np.concatenate(counts).astype(np.float64)
    drawn = resampled_scores(stacked, both, samples, seed)
    observed = both(stacked.sum(axis=1))
    systems = []
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        seeds, pooled = slice(start, end), ends[-1] + number
        whole = observed[seeds], float(observed[pooled])
        systems.append(_System(*whole, drawn[:, seeds], drawn[:, pooled]))
    return systems


def _comparison(first: _System, second: _System, sentences: int) -> CrossedComparison:
    means = float(first.seeds.mean()), float(second.seeds.mean())
    apart = second.drawn_pooled - first.drawn_pooled
    alone = compare(first.pooled, second.pooled, apart)
    difference = means[1] - means[0]
    if min(len(first.seeds), len(second.seeds)) < 2:
        nan = math.nan
        return CrossedComparison(*means, difference, nan, nan, nan, alone)
    with np.errstate(over="ignore", invalid="ignore"):  # of perplexities beyond reason
        error, degrees = _error(first, second, sentences)
    p_value = _p_value(difference, error, degrees, len(apart))
    return CrossedComparison(*means, difference, p_value, error, degrees, alone)


def _error(first: _System, second: _System, sentences: int) -> tuple[float, float]:
    """Standard error of the difference of means, and its degrees of freedom."""
    degrees = max(sentences - 1, 1)
    unbiased = sentences / degrees  # N draws of N vary by (N - 1) / N as well
    apart = second.drawn.mean(axis=1) - first.drawn.mean(axis=1)
    variance = unbiased * np.var(apart)
    in_square = variance**2 / degrees
    for system in (first, second):
        k = len(system.seeds)
        seeds = np.var(system.seeds, ddof=1) / k
        deviations = system.drawn - system.drawn.mean(axis=1, keepdims=True)
        counted = unbiased * np.var(deviations, axis=0).sum() / (k - 1) / k
        variance += max(seeds - counted, 0.0)
        # What is taken off is known well; the seeds' variance is what is not.
        in_square += seeds**2 / (k - 1)
    return math.sqrt(variance), variance**2 / in_square if in_square else degrees


def _p_value(difference: float, error: float, degrees: float, samples: int) -> float:
    from scipy.special import stdtr  # not for those who import BLEU alone

    # Equal counts may give scores that differ in the last bits; those are ties.
    if abs(difference) <= 1e-9 or not math.isfinite(error):
        return 1.0
    lowest = 1 / (samples + 1)  # an error from so many samples says no more
    if not error:
        return lowest
    return max(2 * float(stdtr(degrees, -abs(difference) / error)), lowest)
