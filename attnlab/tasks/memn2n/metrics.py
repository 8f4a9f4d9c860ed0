"""Attention over a memory in several hops, scored against the facts it should find."""

from typing import NamedTuple

import numpy as np


class Found(NamedTuple):
    """What N questions' weights found of their supporting facts.

    hits [N, K]: the heaviest memory of the hop is a fact. mean_hits [N]: so is that of
    the weights averaged over the hops. mass [N, K]: the hop's weight on facts, of its
    whole weight. asked [N]: questions that have a fact; the others score nothing.
    """

    hits: np.ndarray
    mean_hits: np.ndarray
    mass: np.ndarray
    asked: np.ndarray


def found(weights: np.ndarray, gold: np.ndarray, asked: np.ndarray) -> Found:
    """Scores of weights [N, K, S] against gold [N, S] bool.

    A question whose facts have left the memory is asked all the same, and missed. Hops
    without any weight miss too.
    """
    weights = np.asarray(weights, np.float64)
    if weights.ndim != 3 or gold.shape != weights[:, 0].shape:
        raise ValueError(
            f"weights are [N, K, S], got {weights.shape}; gold is {gold.shape}"
        )
    total = weights.sum(axis=-1)
    mass = (weights * gold[:, None]).sum(axis=-1) / np.where(total > 0, total, 1)
    shares = weights / np.where(total > 0, total, 1)[..., None]
    asked = np.asarray(asked, bool)
    return Found(
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
