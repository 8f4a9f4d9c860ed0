"""Counts of all sentences at once against those of a sentence at a time."""

import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics import alignment_error_rate as aer
from attnlab.report.alignment_counts import link_counts
from attnlab.runs import AlignedSentence


def slow(pairs):
    links = [aer.argmax_links(pair.weights) for pair in pairs]
    gold = [(pair.sure, pair.possible) for pair in pairs]
    edges = range(1, 40)  # a bucket for every distance
    buckets = aer.by_distance(links, gold, edges=edges)
    return aer.statistics(links, gold), np.array([b.agreement for b in buckets])


def check(pairs):
    counts = link_counts(pairs)
    sentences, distances = slow(pairs)
    np.testing.assert_array_equal(counts.sentences, sentences)
    size = len(counts.distances)
    np.testing.assert_array_equal(counts.distances, distances[:size])
    assert not distances[size:].any()
    return counts


def random_pairs(seed, count=60):
    """Ragged pairs with ties, rows of zeros, no words, possible links beside sure."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        t, s = rng.integers(0, 9, 2)
        weights = rng.integers(0, 4, (t, s)).astype(np.float32) / 4
        weights[rng.random(t) < 0.2] = 0
        cells = [(int(a), int(b)) for a in range(t) for b in range(s)]
        sure = frozenset(cell for cell in cells if rng.random() < 0.15)
        extra = frozenset(cell for cell in cells if rng.random() < 0.1)
        # Some files do not count the sure links among the possible ones.
        possible = sure | extra if rng.random() < 0.8 else extra
        words = ("s",) * s, ("t",) * t
        pairs.append(AlignedSentence(*words, weights, sure, possible))
    return pairs


@pytest.mark.parametrize("seed", range(8))
def test_counts_are_those_of_a_sentence_at_a_time(seed):
    counts = check(random_pairs(seed))
    assert counts.sentences.any(axis=0).all()


def test_nothing_at_all():
    empty = AlignedSentence((), (), np.zeros((0, 0), np.float32))
    wordless = AlignedSentence((), ("t",) * 3, np.zeros((3, 0), np.float32))
    silent = AlignedSentence(("s",), (), np.zeros((0, 1), np.float32))
    zero = AlignedSentence(("s",), ("t",), np.zeros((1, 1), np.float32))
    one = AlignedSentence(("s",), ("t",), np.ones((1, 1), np.float32))
    for pairs in ([], [empty], [wordless, empty, silent], [zero, one, wordless, one]):
        check(pairs)


def test_the_runs_of_a_sweep(sweep):
    for run in runs.find(sweep):
        check(run.alignments()["test"])


def test_examples_are_one_where_words_and_links_are():
    first, other = random_pairs(0), random_pairs(1)
    same = [pair._replace(weights=pair.weights * 0.5) for pair in first]
    assert link_counts(first).examples == link_counts(same).examples
    full = next(n for n, pair in enumerate(first) if pair.sure)
    pair = first[full]
    for changed in (
        pair._replace(sure=frozenset()),
        pair._replace(possible=pair.possible | {(0, 0)} - {max(pair.possible)}),
        pair._replace(source=("x", *pair.source[1:])),
        pair._replace(target=("x", *pair.target[1:])),
    ):
        altered = [*first[:full], changed, *first[full + 1 :]]
        assert link_counts(altered).examples != link_counts(first).examples
    assert link_counts(first).examples != link_counts(other).examples


def test_weights_that_are_no_numbers_are_refused():
    pair = AlignedSentence(("s",), ("t",), np.full((1, 1), np.nan))
    for count in (slow, link_counts):
        with pytest.raises(ValueError, match="must be finite"):
            count([pair])
