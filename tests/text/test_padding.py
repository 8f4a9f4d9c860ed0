"""The statistics of a text and its batches, against counts by hand."""

import numpy as np
import pytest

from attnlab.text.batching import bucketed
from attnlab.text.padding import lengths_of, random_waste, side, tables
from attnlab.text.vocabulary import UNK

PAIRS = [([5, UNK], [6])] * 3 + [([7] * 5, [UNK] * 4)]


def test_a_side_counts_units_and_unknown_ones_without_eos():
    figures = side([source for source, _ in PAIRS], vocabulary=9)
    assert (figures.vocabulary, figures.units, figures.longest) == (9, 11, 6)
    assert figures.unknown == pytest.approx(3 / 11)
    assert figures.mean == pytest.approx((3 * 3 + 6) / 4)
    assert figures.most_95 == pytest.approx(np.percentile([3, 3, 3, 6], 95))


def test_random_batches_are_padded_to_their_longest():
    lengths = lengths_of(PAIRS)
    assert lengths.tolist() == [[3, 2], [3, 2], [3, 2], [6, 5]]
    assert random_waste(lengths, 4) == pytest.approx(1 - 26 / 44)
    assert random_waste(lengths, 1) == 0
    # The long pair is in one of the two, whatever the order.
    assert random_waste(lengths, 2) == pytest.approx(1 - 26 / (2 * 11 + 2 * 5))


def test_the_tables_have_a_row_for_each_shape():
    batches = bucketed(PAIRS, batch_size=2, longest=5)
    sides = [side(sentences, 9) for sentences in zip(*PAIRS, strict=True)]
    units, shapes, epoch = tables(batches, lengths_of(PAIRS), *sides)
    assert "4 pairs, 1 longer than 5 and left out" in units.title
    assert ["unknown units", "27.3%", "57.1%"] in units.rows
    assert shapes.rows == [["2", "3", "2", "2", "100.0%"]]
    assert ["batches", "2"] in epoch.rows
    # Three pairs of 3 + 2 tokens stand in two batches of two.
    assert ["padding", "25.0%"] in epoch.rows
