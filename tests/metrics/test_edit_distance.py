"""Edit distance against the whole matrix of its equation, in NumPy."""

from difflib import SequenceMatcher

import numpy as np
import pytest

from attnlab.metrics.edit_distance import (
    closest,
    edit_distance,
    example_counts,
    score,
    statistics,
)
from attnlab.metrics.significance import paired_bootstrap


def by_hand(first, second):
    """Wagner and Fischer's matrix, cell by cell."""
    d = np.zeros((len(first) + 1, len(second) + 1), np.int64)
    d[:, 0] = np.arange(len(first) + 1)
    d[0, :] = np.arange(len(second) + 1)
    for i in range(1, len(first) + 1):
        for j in range(1, len(second) + 1):
            substituted = d[i - 1, j - 1] + (first[i - 1] != second[j - 1])
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, substituted)
    return int(d[-1, -1])


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("a", "a", 0),
        ("a", "b", 1),
        ("kitten", "sitting", 3),
        ("intention", "execution", 5),
        ("ab", "ba", 2),  # a transposition is two edits
        ("aaaa", "aa", 2),
    ],
)
def test_known_distances(first, second, distance):
    assert edit_distance(first, second) == distance
    assert by_hand(first, second) == distance


@pytest.mark.parametrize("symbols", [1, 2, 4, 30])
def test_it_is_the_matrix_of_the_equation(symbols):
    rng = np.random.default_rng(symbols)
    for _ in range(150):
        first, second = (
            [f"p{n}" for n in rng.integers(symbols, size=length)]
            for length in rng.integers(12, size=2)
        )
        distance = edit_distance(first, second)
        assert distance == by_hand(first, second) == edit_distance(second, first)
        matched = SequenceMatcher(None, first, second, autojunk=False)
        kept = sum(block.size for block in matched.get_matching_blocks())
        assert distance >= abs(len(first) - len(second))
        assert distance <= len(first) + len(second) - 2 * kept


def test_the_closest_reference_counts():
    assert closest("abc", ["xyzw", "abd"]) == (1, 3)
    assert closest("abc", ["abc", "ab"]) == (0, 3)
    assert closest("ab", ["abcd", "a"]) == (1, 1)
    assert closest("ab", ["abc", "a"]) == (1, 3)  # of equally close ones the first
    with pytest.raises(ValueError, match="at least one reference"):
        closest("ab", [])


def test_counts_and_their_scores():
    hypotheses = ["abc", "", "xx", "k"]
    references = [["abd", "abc"], ["ab"], ["x"], ["k"]]
    counts = statistics(hypotheses, references)
    np.testing.assert_array_equal(counts, [[0, 3, 1], [2, 2, 0], [1, 1, 0], [0, 1, 1]])
    totals = {name: pairs.sum(axis=0) for name, pairs in example_counts(counts).items()}
    assert score(totals["error_rate"]) == pytest.approx(3 / 7)
    assert score(totals["accuracy"]) == pytest.approx(2 / 4)
    stacked = np.stack([totals["error_rate"], totals["accuracy"]])
    np.testing.assert_allclose(score(stacked), [3 / 7, 2 / 4])
    with pytest.raises(ValueError, match="4 hypotheses, but references of 3"):
        statistics(hypotheses, references[:3])


def test_nothing_at_all_has_counts():
    counts = statistics([], [])
    assert counts.shape == (0, 3)
    assert score(example_counts(counts)["error_rate"].sum(axis=0)) == 0


def test_the_bootstrap_over_words_tells_systems_apart():
    rng = np.random.default_rng(0)
    references = [["".join(rng.choice(list("abcd"), size=6))] for _ in range(200)]
    exact = [reference for (reference,) in references]
    wrong = [text[:-1] + "z" if n % 4 == 0 else text for n, text in enumerate(exact)]
    also = [text[:-1] + "z" if n % 4 == 1 else text for n, text in enumerate(exact)]
    systems = [example_counts(statistics(s, references)) for s in (exact, wrong, also)]
    for name, difference in (("error_rate", 50 / 1200), ("accuracy", -0.25)):
        first, second, third = (counts[name] for counts in systems)
        result = paired_bootstrap(first, second, score)
        assert result.difference == pytest.approx(difference)
        assert result.p_value < 0.01
        assert paired_bootstrap(second, third, score).p_value > 0.5
