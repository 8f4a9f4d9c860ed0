import numpy as np
import pytest

from attnlab.tasks.memn2n import metrics as facts


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
    found = facts.found(weights, gold, asked)
    np.testing.assert_array_equal(
        found.hits, [[True, False], [False, False], [False] * 2]
    )
    np.testing.assert_array_equal(found.mean_hits, [True, False, False])
    np.testing.assert_allclose(found.mass, [[0.7, 0.25], [0.2, 0.0], [0.0, 0.0]])


def test_the_mean_over_hops_weighs_hops_alike():
    weights = np.array([[[0.9, 0.1], [0.001, 0.009]]])  # shares .9 and .1, .1 and .9
    weights[0, 1] *= 1e-3
    gold = np.array([[False, True]])
    found = facts.found(weights, gold, np.array([True]))
    np.testing.assert_array_equal(found.hits, [[False, True]])
    assert not found.mean_hits[0]  # a tie goes to the first


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"got \(2, 3\)"):
        facts.found(np.zeros((2, 3)), np.zeros((2, 3), bool), np.ones(2))
