import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.metrics import alignment_error_rate

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics.alignment_error_rate import Agreement
from attnlab.metrics.links import reverse

positions = st.tuples(st.integers(0, 5), st.integers(0, 5))
link_sets = st.frozensets(positions, max_size=12)


def test_hand_worked_sentence():
    links = {(0, 0), (1, 2), (2, 1), (3, 3)}
    sure = {(0, 0), (1, 1), (2, 1)}
    possible = sure | {(1, 2)}
    result = aer.agreement(links, sure, possible)
    assert result == Agreement(links=4, sure=3, in_sure=2, in_possible=3)
    assert result.aer == pytest.approx(1 - 5 / 7)
    assert result.precision == 3 / 4
    assert result.recall == 2 / 3


def test_sure_is_taken_into_possible():
    assert aer.agreement({(0, 0)}, {(0, 0)}) == Agreement(1, 1, 1, 1)
    assert aer.agreement({(0, 0)}, {(0, 0)}, {(1, 1)}) == Agreement(1, 1, 1, 1)


def test_nothing_judged_against_nothing_is_nan():
    empty = aer.agreement(set(), set())
    assert all(math.isnan(x) for x in (empty.aer, empty.precision, empty.recall))
    assert aer.agreement(set(), {(0, 0)}).aer == 1.0
    assert aer.corpus_agreement([], []) == Agreement()


@given(link_sets, link_sets.filter(bool), link_sets)
def test_one_sentence_agrees_with_nltk(links, sure, more):
    expected = alignment_error_rate(sure, links, sure | more)
    assert aer.agreement(links, sure, more).aer == pytest.approx(expected)


def test_corpus_pools_counts_and_does_not_average():
    links = [{(0, 0)}, {(0, 1), (1, 0), (2, 2), (3, 3)}]
    gold = [({(0, 0)}, set()), ({(0, 0), (1, 1), (2, 2), (3, 3)}, set())]
    pooled = aer.corpus_agreement(links, gold)
    assert pooled == Agreement(5, 5, 3, 3)
    assert pooled.aer == pytest.approx(0.4)
    each = [aer.agreement(a, *g) for a, g in zip(links, gold, strict=True)]
    assert sum(each, Agreement()) == pooled
    assert np.mean([sentence.aer for sentence in each]) == 0.25


def test_statistics_and_score_are_the_same_aer():
    links = [{(0, 0)}, {(0, 1), (1, 0)}, set()]
    gold = [({(0, 0)}, set()), ({(0, 0)}, {(0, 1)}), (set(), set())]
    counts = aer.statistics(links, gold)
    assert counts.tolist() == [[1, 1, 1, 1], [2, 1, 0, 1], [0, 0, 0, 0]]
    pooled = aer.corpus_agreement(links, gold).aer
    assert aer.score(counts.sum(axis=0)) == pytest.approx(pooled)
    np.testing.assert_array_equal(aer.score(counts), [0.0, 1 - 1 / 3, np.nan])
    with pytest.raises(ValueError, match="links of 2 sentences, gold of 3"):
        aer.statistics(links[:2], gold)


def test_argmax_links():
    alignment = np.array([[0.1, 0.7, 0.2], [0.0, 0.0, 0.0], [0.5, 0.0, 0.5]])
    assert aer.argmax_links(alignment) == {(0, 1), (2, 0)}
    assert aer.argmax_links(np.zeros((0, 3))) == set()
    assert aer.argmax_links(np.zeros((3, 0))) == set()
    assert all(type(i) is int for link in aer.argmax_links(alignment) for i in link)


def test_a_word_whose_null_is_likelier_has_no_link():
    alignment = np.array([[0.5, 0.1], [0.3, 0.2], [0.0, 0.0]])
    assert aer.links(alignment) == {(0, 0), (1, 0)}
    assert aer.links(alignment, null=True) == {(0, 0)}


def test_links_by_threshold():
    alignment = np.array([[0.1, 0.4, 0.5], [0.3, 0.3, 0.4]])
    result = aer.links(alignment, method="threshold", threshold=0.4)
    assert result == {(0, 1), (0, 2), (1, 2)}


def test_shift_moves_rows_to_other_target_words():
    alignment = np.eye(3)
    assert aer.links(alignment) == {(0, 0), (1, 1), (2, 2)}
    assert aer.links(alignment, shift=1) == {(1, 0), (2, 1)}
    assert aer.links(alignment, shift=-1) == {(0, 1), (1, 2)}
    # attention one word late: the gold diagonal is met after a shift of -1
    late = np.eye(3)[[0, 0, 1]]
    gold = {(0, 0), (1, 1), (2, 2)}
    assert aer.links(late, shift=-1) == {(0, 0), (1, 1)} <= gold


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "viterbi"}, "unknown method 'viterbi'; choose argmax, threshold"),
        ({"method": "threshold"}, "with threshold None"),
        ({"threshold": 0.5}, "method 'argmax' with threshold 0.5"),
        ({"method": "threshold", "threshold": 0.0}, "would link every pair"),
    ],
)
def test_links_rejects(options, message):
    with pytest.raises(ValueError, match=message):
        aer.links(np.eye(2), **options)


def test_bad_alignments_are_rejected():
    with pytest.raises(ValueError, match=r"is \[T, S\], got shape \(1, 2, 2\)"):
        aer.links(np.ones((1, 2, 2)))
    with pytest.raises(ValueError, match="must be finite"):
        aer.argmax_links(np.array([[np.nan, 1.0]]))


def test_reverse():
    assert reverse({(0, 1), (2, 2)}) == {(1, 0), (2, 2)}


def test_strip_cuts_eos_and_padding():
    alignment = np.array(
        [[0.6, 0.3, 0.1, 0.0], [0.2, 0.1, 0.7, 0.0], [0.0, 0.0, 1.0, 0.0]]
    )
    np.testing.assert_array_equal(aer.strip(alignment, 2, 2), alignment[:2, :2])
    assert aer.argmax_links(aer.strip(alignment, 2, 2)) == {(0, 0), (1, 0)}
    assert aer.argmax_links(aer.strip(alignment, 2, 2, null=True)) == {(0, 0)}
    assert aer.strip(alignment, 2, 0, null=True).shape == (0, 2)
    with pytest.raises(
        ValueError, match=r"shape \(3, 4\), sentences have 3 target and 5"
    ):
        aer.strip(alignment, 5, 3)


def test_merge_links_links_words_if_any_subwords_are():
    # source: a b|b, target: x|x y
    assert aer.merge_links({(0, 0), (1, 2), (1, 1)}, [0, 1, 1], [0, 0, 1]) == {
        (0, 0),
        (0, 1),
    }
    assert aer.merge_links(set(), [0], [0]) == set()


def test_words_sums_over_source_and_averages_over_target():
    alignment = np.array(
        [[0.2, 0.3, 0.5, 0.0], [0.6, 0.0, 0.2, 0.2], [0.1, 0.1, 0.1, 0.7]]
    )
    merged = aer.words(alignment, [0, 0, 1, 2], [0, 1, 1])
    np.testing.assert_allclose(merged, [[0.5, 0.5, 0.0], [0.4, 0.15, 0.45]])
    np.testing.assert_allclose(merged.sum(axis=1), 1.0)
    largest = aer.words(alignment, [0, 0, 1, 2], [0, 1, 1], over_target="max")
    np.testing.assert_allclose(largest, [[0.5, 0.5, 0.0], [0.6, 0.2, 0.7]])


def test_words_cuts_eos_keeps_dtype_and_is_identity_without_subwords():
    alignment = np.random.default_rng(0).random((4, 5)).astype(np.float32)
    merged = aer.words(alignment, range(4), range(3))
    np.testing.assert_array_equal(merged, alignment[:3, :4])
    assert merged.dtype == np.float32
    with pytest.raises(ValueError, match="unknown over_target 'min'; choose mean, max"):
        aer.words(alignment, [0], [0], over_target="min")


def test_by_distance_splits_the_corpus():
    links = [{(0, 0), (1, 4), (6, 3)}, {(0, 1)}]
    gold = [({(0, 0), (1, 4)}, {(6, 3)}), ({(0, 0)}, set())]
    rows = aer.by_distance(links, gold, edges=(1, 3))
    assert [(row.low, row.high) for row in rows] == [(0, 1), (1, 3), (3, None)]
    assert [row.agreement for row in rows] == [
        Agreement(1, 2, 1, 1),
        Agreement(1, 0, 0, 0),
        Agreement(2, 1, 1, 2),
    ]
    total = sum((row.agreement for row in rows), Agreement())
    assert total == aer.corpus_agreement(links, gold)


def test_by_distance_from_the_diagonal():
    # 4 source words, 8 target words: (6, 3) lies on the diagonal, (3, 3) is 3 off it
    links, gold = [{(6, 3), (3, 3)}], [({(6, 3)}, set())]
    rows = aer.by_distance(links, gold, edges=(1,), lengths=[(4, 8)])
    assert [row.agreement for row in rows] == [Agreement(1, 1, 1, 1), Agreement(1)]
    with pytest.raises(ValueError, match="lengths of 0 sentences"):
        aer.by_distance(links, gold, lengths=[])
    with pytest.raises(ValueError, match="edges must be positive and increasing"):
        aer.by_distance(links, gold, edges=(3, 1))
