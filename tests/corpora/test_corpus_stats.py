"""Quantiles, shares and coverage, by hand and against loops."""

import random
from collections import Counter

import numpy as np
import pytest

from attnlab.corpora import corpus_stats as stats
from attnlab.text.vocabulary import SPECIALS, UNK, Vocabulary


def test_quantiles_are_values_that_so_many_do_not_exceed():
    numbers = stats.quantiles([3, 1, 2, 10])
    assert numbers == (4, 4.0, 1, (1, 1, 2, 3, 10, 10), 10)
    values = [random.Random(0).randint(0, 50) for _ in range(137)]
    numbers = stats.quantiles(iter(values))
    for share, at in zip(stats.SHARES, numbers.at, strict=True):
        assert sum(value <= at for value in values) >= share * len(values)
        assert sum(value < at for value in values) < share * len(values)
    with pytest.raises(ValueError, match="no numbers"):
        stats.quantiles([])


def test_shares_of_whole_numbers():
    values, parts = stats.shares([4, 2, 4, 5, 4])
    assert values.tolist() == [2, 3, 4, 5]
    np.testing.assert_allclose(parts, [0.2, 0, 0.6, 0.2])


def test_words_of_a_text():
    counts = stats.count(["a b a".split(), [], "c a".split()])
    assert counts == Counter(a=3, b=1, c=1)
    assert stats.text_stats(counts) == (5, 3, 2)
    assert stats.text_stats(Counter()) == (0, 0, 0)


def test_sizes_are_round_and_end_with_all():
    assert stats.vocabulary_sizes(60) == [10, 20, 50, 60]
    assert stats.vocabulary_sizes(50) == [10, 20, 50]
    assert stats.vocabulary_sizes(3) == [3]


def test_coverage_by_hand():
    known = Counter(the=5, a=5, house=2, mouse=2, is_=1)
    seen = Counter(the=3, house=1, mouse=1, cat=5)
    # Ranked: a, the, house, mouse, is_.
    numbers = stats.coverage(known, seen, [0, 1, 2, 3, 4, 5, 99])
    np.testing.assert_allclose(numbers, [0, 0, 0.3, 0.4, 0.5, 0.5, 0.5])


@pytest.mark.parametrize("seed", range(5))
def test_coverage_is_that_of_our_vocabularies(seed):
    rng = random.Random(seed)

    def text(count):
        return [rng.choices("abcdefghijklmnop", range(16, 0, -1), k=9)] * count

    train, dev = [*text(3), *text(2)], text(4)
    for size in (1, 3, 6):
        vocabulary = Vocabulary.build(train, size + len(SPECIALS))
        ids = [i for sentence in dev for i in vocabulary.encode(sentence).ids]
        expected = sum(i != UNK for i in ids) / len(ids)
        counts = stats.count(train), stats.count(dev)
        assert stats.coverage(*counts, [size])[0] == pytest.approx(expected)
