"""Chosen widths against every choice there is."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnlab.text.bucket_widths import choose_widths


def tokens(lengths, chosen, rows_of):
    """What an epoch costs, batch by batch."""
    left, waiting, total = 0, list(lengths), 0
    for source, target in chosen:
        later = [pair for pair in waiting if pair[0] > source or pair[1] > target]
        left += len(waiting) - len(later)
        waiting = later
        rows = rows_of(source, target)
        while left >= rows:
            total += rows * (source + target)
            left -= rows
    assert not waiting
    return total + (rows * (source + target) if left else 0)


def chains(source, target, most):
    """All rising widths that end in (source, target)."""
    before = list(itertools.product(range(1, source + 1), range(1, target + 1)))
    for number in range(most):
        for widths in itertools.combinations(before, number):
            chain = [*widths, (source, target)]
            if all(
                a[0] <= b[0] and a[1] <= b[1]
                for a, b in zip(chain, chain[1:], strict=False)
            ):
                yield chain


LENGTHS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), min_size=1)


@given(LENGTHS, st.integers(1, 3), st.sampled_from([1, 2, 5, 16]))
def test_no_other_widths_cost_less(lengths, most, rows):
    chosen = choose_widths(np.array(lengths), most, lambda *_: rows)
    assert 1 <= len(chosen) <= most
    source, target = np.max(lengths, axis=0)
    assert chosen in [list(chain) for chain in chains(source, target, most)]
    least = min(
        tokens(lengths, chain, lambda *_: rows)
        for chain in chains(source, target, most)
    )
    assert tokens(lengths, chosen, lambda *_: rows) == least


@pytest.mark.parametrize("budget", [64, 160])
def test_widths_for_a_token_budget_are_nearly_the_best(budget):
    draw = np.random.default_rng(0)
    source = draw.integers(1, 6, 1000)
    target = np.clip(source + draw.integers(-1, 2, 1000), 1, 5)
    lengths = np.stack([source, target], 1)

    def rows_of(source, target):
        return budget // max(source, target, 1) // 8 * 8

    chosen = choose_widths(lengths, 3, rows_of)
    pairs = lengths.tolist()
    least = min(tokens(pairs, chain, rows_of) for chain in chains(5, 5, 3))
    assert tokens(pairs, chosen, rows_of) <= 1.02 * least


def test_more_widths_than_lengths_pad_nothing():
    lengths = np.array([(2, 3)] * 4 + [(5, 4)] * 2 + [(9, 9)] * 2)
    assert choose_widths(lengths, 8, lambda *_: 2) == [(2, 3), (5, 4), (9, 9)]
