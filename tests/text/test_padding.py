"""The statistics of a text and its batches, against counts by hand."""

import numpy as np
import pytest

from attnlab.text.batching import bucketed
from attnlab.text.padding import describe, lengths_of, random_waste, side
from attnlab.text.vocabulary import UNK

PAIRS = [([5, UNK], [6])] * 3 + [([7] * 5, [UNK] * 4)]


def test_a_side_counts_units_and_unknown_ones_without_eos():
    found = side([source for source, _ in PAIRS], vocabulary=9)
    assert (found.vocabulary, found.units, found.longest) == (9, 11, 6)
    assert found.unknown == pytest.approx(3 / 11)
    assert found.mean == pytest.approx((3 * 3 + 6) / 4)
    assert found.most_95 == pytest.approx(np.percentile([3, 3, 3, 6], 95))


def test_random_batches_are_padded_to_their_longest():
    lengths = lengths_of(PAIRS)
    assert lengths.tolist() == [[3, 2], [3, 2], [3, 2], [6, 5]]
    assert random_waste(lengths, 4) == pytest.approx(1 - 26 / 44)
    assert random_waste(lengths, 1) == 0
    # The long pair is in one of the two, whatever the order.
    assert random_waste(lengths, 2) == pytest.approx(1 - 26 / (2 * 11 + 2 * 5))


def test_a_description_has_a_line_for_each_shape():
    batches = bucketed(PAIRS, batch_size=2, longest=5)
    sides = [side(sentences, 9) for sentences in zip(*PAIRS, strict=True)]
    lines = describe(batches, lengths_of(PAIRS), *sides)
    assert lines[0] == "4 pairs, 1 longer than 5 and left out"
    assert "     2       3       2        2   100.0%" in lines
    assert "2 batches an epoch, of 1 shapes" in lines
    # Three pairs of 3 + 2 tokens stand in two batches of two.
    assert any(line.startswith("25.0% of their tokens are padding") for line in lines)
