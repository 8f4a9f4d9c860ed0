"""The inference network against a loop over target words and source positions."""

from functools import cache

import jax
import numpy as np
import pytest

from tests.nn import by_hand
from tests.nn import cells_by_hand as cells
from tests.nn.by_hand import HIDDEN, Case

SOURCE = np.array([[4, 5, 6, 7, 2], [8, 9, 2, 0, 0], [2, 0, 0, 0, 0]])
SOURCE_LENGTHS = np.array([5, 3, 1])
TARGET = np.array([[4, 5, 2, 0], [6, 7, 8, 2], [5, 2, 0, 0]])
TARGET_LENGTHS = np.array([3, 4, 2])
CASE = Case(cell="cho-gru")


@cache
def inferred(window="global", padding=0):
    model = by_hand.make(CASE, window=window, inference=True)
    shapes = jax.eval_shape(
        lambda rng: model.init(rng, method="parameters"), jax.random.key(0)
    )
    params = cells.random_like(shapes, 1, 0.7)
    target = np.where(TARGET == 0, padding, TARGET)

    @jax.jit
    def both(params):
        unrolled = model.apply(params, SOURCE, SOURCE_LENGTHS, target)
        q = model.apply(
            params,
            target,
            TARGET_LENGTHS,
            unrolled.values,
            unrolled.weights,
            unrolled.positions,
            method="infer",
        )
        return unrolled, q

    return params["params"], *both(params)


def test_q_is_the_softmax_of_bilinear_scores_with_states_that_know_the_target():
    params, _, q = inferred()
    for row in range(2):
        target = TARGET[row, : TARGET_LENGTHS[row]]
        embedded = by_hand.f64(params["target_embedding"])[target]
        layer = params["inference"]["target"]
        sides = [
            cells.run(CASE.cell, layer[name], embedded, HIDDEN, reverse)[0]
            for name, reverse in (("layer0_forward", 0), ("layer0_backward", 1))
        ]
        states = np.concatenate(sides, axis=1)
        seen = by_hand.encode(CASE, params, SOURCE[row, : SOURCE_LENGTHS[row]]).seen
        bilinear = by_hand.f64(params["inference"]["bilinear"])
        for t, state in enumerate(states):
            scores = np.array([value @ bilinear @ state for value in seen])
            exps = np.exp(scores - scores.max())
            expected = exps / exps.sum()
            np.testing.assert_allclose(q[row, t, : len(seen)], expected, rtol=1e-4)
            assert not q[row, t, len(seen) :].any()


def test_q_does_not_read_the_padding():
    _, _, q = inferred()
    _, _, other = inferred(padding=8)
    for row, length in enumerate(TARGET_LENGTHS):
        np.testing.assert_array_equal(q[row, :length], other[row, :length])


@pytest.mark.parametrize("window", ["global", "local-m"])
def test_q_looks_only_where_the_prior_may(window):
    _, unrolled, q = inferred(window)
    np.testing.assert_array_equal(np.asarray(q) > 0, np.asarray(unrolled.weights) > 0)
    sums = np.asarray(q).sum(axis=-1)
    np.testing.assert_allclose(sums, unrolled.weights.any(axis=-1), rtol=1e-6)
