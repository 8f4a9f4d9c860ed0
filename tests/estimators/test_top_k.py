"""The marginal over the k likeliest positions against NumPy's sort."""

import jax
import numpy as np
import pytest

from attnlab.estimators import marginal, top_k_joint
from tests.estimators.tables import drawn, single, steps_of

P, LOGS = drawn(2, 3, 5)
STEPS = steps_of(single(P), single(LOGS))


def by_hand(p, logs, k):
    """The bound of one step, and the probability it leaves out."""
    kept = np.argsort(-p)[:k]
    kept = kept[p[kept] > 0]
    total = p[kept].sum()
    return np.log((p[kept] / total * np.exp(logs[kept])).sum()), total


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_it_is_the_marginal_over_the_likeliest(k):
    result = top_k_joint(STEPS, k)
    for place in np.ndindex(result.shape):
        expected, total = by_hand(P[place], LOGS[place], k)
        np.testing.assert_allclose(result[place], expected, rtol=1e-5)
        # Renormalized it may exceed the marginal; by its own weights it does not.
        assert result[place] + np.log(total) < marginal(STEPS)[place] + 1e-6


@pytest.mark.parametrize("k", [5, 6, 100])
def test_sentences_of_fewer_positions_use_all_they_have(k):
    """4.25: a top-k of more positions than there are must not fail, or pad."""
    np.testing.assert_allclose(top_k_joint(STEPS, k), marginal(STEPS), rtol=1e-5)


def test_positions_without_probability_add_nothing():
    p = single([[0.7, 0.0, 0.3, 0.0]])
    logs = single([[-3.0, 0.0, -1.0, 0.0]])
    steps = steps_of(p, logs)
    for k in (2, 3, 4, 9):
        expected = np.log(0.7 * np.exp(-3) + 0.3 * np.exp(-1))
        np.testing.assert_allclose(top_k_joint(steps, k), [expected], rtol=1e-6)
    slopes = jax.grad(
        lambda p, logs: top_k_joint(steps_of(p, logs), 3)[0], argnums=(0, 1)
    )(p, logs)
    assert all(np.isfinite(slope).all() for slope in slopes)
    assert not np.any(slopes[1][p == 0])


def test_only_the_kept_positions_learn():
    p, logs = single([[0.1, 0.5, 0.4]]), single([[-1.0, -2.0, -3.0]])

    def total(p, logs):
        return top_k_joint(steps_of(p, logs), 2)[0]

    by_p, by_logs = jax.grad(total, argnums=(0, 1))(p, logs)
    assert by_p[0, 0] == 0 and by_logs[0, 0] == 0
    joint = np.array([0.5 * np.exp(-2), 0.4 * np.exp(-3)])
    np.testing.assert_allclose(by_logs[0, 1:], joint / joint.sum(), rtol=1e-5)
    # d log(sum p l / sum p) / dp = l / sum p l - 1 / sum p
    expected = np.exp([-2, -3]) / joint.sum() - 1 / 0.9
    np.testing.assert_allclose(by_p[0, 1:], expected, rtol=1e-4)
