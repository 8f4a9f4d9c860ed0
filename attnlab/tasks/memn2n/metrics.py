"""Attention over a memory in several hops, scored against the facts it should find."""

from typing import NamedTuple

import numpy as np


class FactScores(NamedTuple):
    """How well the weights of N questions pick out their supporting facts.

    Attributes:
      hits: [N, K] bool, the heaviest memory of the hop is a fact.
      mean_hits: [N] bool, so is that of the weights averaged over the hops.
      mass: [N, K], the hop's weight on facts, as a share of its whole weight.
      asked: [N] bool, questions that have a fact; the others score nothing.
    """

    hits: np.ndarray
    mean_hits: np.ndarray
    mass: np.ndarray
    asked: np.ndarray


def fact_scores(weights: np.ndarray, gold: np.ndarray, asked: np.ndarray) -> FactScores:
    """Scores of attention weights against the supporting facts.

    A question whose facts have left the memory is asked all the same, and missed. Hops
    without any weight miss too.

    Args:
      weights: [N, K, S], of every hop.
      gold: [N, S] bool, which memories are facts.
      asked: [N] bool, which questions have a fact at all.

    Returns:
      The scores of each question.

    Raises:
      ValueError: where the shapes do not go together.
    """
    weights = np.asarray(weights, np.float64)
    if weights.ndim != 3 or gold.shape != weights[:, 0].shape:
        raise ValueError(
            f"weights are [N, K, S], got {weights.shape}; gold is {gold.shape}"
        )
    total = weights.sum(axis=-1)
    mass = (weights * gold[:, None]).sum(axis=-1) / np.where(total > 0, total, 1)
    # Relative to the hop's sum: with empty slots, hops differ in what facts can get.
    shares = weights / np.where(total > 0, total, 1)[..., None]
    asked = np.asarray(asked, bool)
    return FactScores(
        _heaviest(weights, gold[:, None]) & asked[:, None],
        _heaviest(shares.mean(axis=1), gold) & asked,
        mass * asked[:, None],
        asked,
    )


def _heaviest(weights: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Whether the largest of weights [..., S] is gold and is not zero."""
    top = weights.argmax(axis=-1)[..., None]
    of_gold = np.take_along_axis(np.broadcast_to(gold, weights.shape), top, -1)
    return (of_gold & (np.take_along_axis(weights, top, -1) > 0))[..., 0]
