import numpy as np
import pytest

from attnlab.tasks.memn2n.metrics import fact_scores


def test_hits_and_mass_of_a_worked_case():
    weights = np.array(
        [
            [[0.7, 0.3, 0.0], [0.1, 0.2, 0.1]],  # hop 1 finds it; hop 2 only half sums
            [[0.2, 0.8, 0.0], [0.0, 0.0, 0.0]],  # hop 2 looks at nothing
            [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],  # no fact is known
        ]
    )
    gold = np.array([[True, False, False], [True, False, True], [False] * 3])
    asked = np.array([True, True, False])
    scores = fact_scores(weights, gold, asked)
    np.testing.assert_array_equal(
        scores.hits, [[True, False], [False, False], [False] * 2]
    )
    np.testing.assert_array_equal(scores.mean_hits, [True, False, False])
    np.testing.assert_allclose(scores.mass, [[0.7, 0.25], [0.2, 0.0], [0.0, 0.0]])


def test_the_mean_over_hops_weighs_hops_alike():
    weights = np.array([[[0.9, 0.1], [0.001, 0.009]]])  # shares .9 and .1, .1 and .9
    weights[0, 1] *= 1e-3
    gold = np.array([[False, True]])
    scores = fact_scores(weights, gold, np.array([True]))
    np.testing.assert_array_equal(scores.hits, [[False, True]])
    assert not scores.mean_hits[0]  # a tie goes to the first


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        fact_scores(np.zeros((2, 3)), np.zeros((2, 3), bool), np.ones(2))
