"""The shuffle computed index by index: a permutation, by key, without a pattern."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from attnlab.text.permuted import permuted


@given(st.integers(1, 500), st.integers(0, 10), st.integers(0, 10))
def test_every_index_is_taken_once(size, seed, epoch):
    found = permuted(np.arange(size), size, (seed, epoch))
    assert found.dtype == np.int64
    assert sorted(found) == list(range(size))


def test_one_index_goes_where_it_goes_among_all():
    size = 1_000_003
    some = np.array([0, 7, 500_000, size - 1])
    whole = permuted(np.arange(size), size, (3, 1))
    np.testing.assert_array_equal(permuted(some, size, (3, 1)), whole[some])
    assert len(np.unique(whole)) == size


def test_keys_give_other_orders():
    orders = {
        tuple(permuted(np.arange(40), 40, (seed, epoch)))
        for seed in range(10)
        for epoch in range(10)
    }
    assert len(orders) == 100


@pytest.mark.parametrize("size", [2, 3, 7, 10, 17])
def test_an_index_goes_everywhere_equally_often(size):
    """Both where an index goes, and where it goes next to its neighbor."""
    orders = [permuted(np.arange(size), size, (seed,)) for seed in range(4000)]
    orders = np.array(orders)
    for index in range(size):
        counts = np.bincount(orders[:, index], minlength=size)
        assert stats.chisquare(counts).pvalue > 1e-4
    steps = (orders[:, 1:] - orders[:, :-1]) % size  # never 0; as often each other
    counts = np.bincount(steps.ravel(), minlength=size)
    assert counts[0] == 0
    for step in range(1, size):
        assert counts[step] == pytest.approx(counts[1:].mean(), rel=0.1)


def test_a_large_order_has_no_trend_and_no_memory():
    size = 100_000
    order = permuted(np.arange(size), size, (5, 0)) / size
    assert abs(np.corrcoef(order, np.arange(size))[0, 1]) < 0.015  # 5 sigma
    assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 0.015
    part = order[: size // 20]  # a twentieth of an epoch is spread over all pairs
    assert stats.kstest(part, "uniform").pvalue > 1e-4


def test_an_index_outside_is_refused():
    with pytest.raises(ValueError, match="from 3 to 5 of 5"):
        permuted(np.array([3, 5]), 5, (0,))
