"""Reordering of hand-worked sentences, and of random links against plain loops."""

import itertools
import math
import random

import numpy as np
import pytest

from attnlab.tasks.translation.word_order import crossings, jumps_of, reordering
from attnlab.text.pairs import GoldPair
from attnlab.text.synthetic import synthetic


def linked(source, target, sure, possible=()):
    words = tuple("abcdefghijklmnopqrst")
    links = frozenset(sure)
    return GoldPair(words[:source], words[:target], links, links | frozenset(possible))


def test_word_for_word():
    figures = reordering([linked(3, 3, [(0, 0), (1, 1), (2, 2)])] * 2)
    assert (figures.pairs, figures.sure, figures.possible) == (2, 6, 0)
    assert (figures.distance, figures.off_diagonal, figures.jump) == (0, 0, 1)
    assert (figures.crossing, figures.tau, figures.straight) == (0, 1, 1)
    assert figures.unlinked == (0, 0)
    assert figures.distances.tolist() == [6]
    assert (figures.widths.tolist(), figures.jumps.tolist()) == ([1], [4])


def test_everything_backwards():
    figures = reordering([linked(4, 4, [(0, 3), (1, 2), (2, 1), (3, 0)])])
    assert figures.distance == (3 + 1 + 1 + 3) / 4
    assert figures.off_diagonal == 0.5  # two lie 3 words off, two 1 word
    assert figures.jump == 1 and figures.widths.tolist() == [-1]
    assert (figures.crossing, figures.tau, figures.straight) == (1, -1, 0)
    assert [figures.within(n) for n in (0, 1, 2, 3, 9)] == [0, 0.5, 0.5, 1, 1]


def test_by_hand():
    """A verb at the end: 0 1 2 3 -> 0 3 1 2, with a word of two and one of none.

    Target: t0-s0, t1-s3, t2-s1, t3-{s1, s2}, t4 only possibly s2, t5 nothing.
    """
    sure = [(0, 0), (1, 3), (2, 1), (3, 1), (3, 2)]
    one = linked(4, 6, sure, [(4, 2)])
    other = linked(2, 1, [])  # no links: counts for the words that have none
    figures = reordering([one, other])
    assert (figures.sure, figures.possible) == (5, 1)
    assert figures.unlinked == (pytest.approx(2 / 6), pytest.approx(2 / 7))
    assert figures.distance == pytest.approx((0 + 2 + 1 + 2 + 1) / 5)
    # t - s * 6 / 4: 0, 1 - 4.5, 2 - 1.5, 3 - 1.5, 3 - 3
    assert figures.off_diagonal == pytest.approx(2 / 5)
    # Source positions of t0 to t3: 0, 3, 1, 1.5
    assert figures.jump == pytest.approx((3 + 2 + 0.5) / 3)
    assert dict(zip(figures.widths.tolist(), figures.jumps.tolist(), strict=True)) == {
        **dict.fromkeys(range(-2, 4), 0),
        3: 1,
        -2: 1,
        1: 1,  # 0.5, rounded up
    }
    # Of ten pairs two share an end: (2,1)-(3,1) and (3,1)-(3,2). The link (1, 3)
    # crosses the three after it.
    assert figures.crossing == pytest.approx(3 / 8)
    assert figures.straight == 0


def test_without_links_there_are_no_numbers():
    figures = reordering([linked(2, 3, [])])
    assert figures.sure == 0 and figures.unlinked == (1, 1)
    for name in ("distance", "off_diagonal", "jump", "crossing", "straight", "tau"):
        assert math.isnan(getattr(figures, name)), name
    assert math.isnan(figures.within(3))


@pytest.mark.parametrize("seed", range(20))
def test_against_loops(seed):
    rng = random.Random(seed)
    source, target = rng.randint(1, 8), rng.randint(1, 8)
    every = list(itertools.product(range(target), range(source)))
    links = sorted(rng.sample(every, rng.randint(1, len(every))))
    t, s = np.array(links).T
    cross = comparable = 0
    for (t1, s1), (t2, s2) in itertools.combinations(links, 2):
        comparable += t1 != t2 and s1 != s2
        cross += (t1 < t2 and s1 > s2) or (t1 > t2 and s1 < s2)
    assert crossings(t, s) == (cross, comparable)
    means = [
        np.mean([b for a, b in links if a == word]) for word in sorted(set(t.tolist()))
    ]
    expected = [after - before for before, after in itertools.pairwise(means)]
    np.testing.assert_allclose(jumps_of(t, s), expected)


def test_tau_is_kendalls():
    from scipy.stats import kendalltau

    order = np.random.default_rng(3).permutation(12)
    links = list(enumerate(order.tolist()))
    expected = kendalltau(np.arange(12), order).statistic
    assert reordering([linked(12, 12, links)]).tau == pytest.approx(expected)


def test_the_knob_of_the_synthetic_pair_shows():
    plain = {"one_to_many": 0.0, "many_to_one": 0.0, "null_source": 0.0}
    plain |= {"null_target": 0.0, "train": 1, "dev": 1, "test": 100}

    def of(kind):
        corpus = synthetic(reordering=kind, **plain)
        return reordering(corpus.gold["test"])

    straight, back = of("monotone"), of("reversal")
    assert (straight.distance, straight.crossing, straight.jump) == (0, 0, 1)
    assert straight.straight == 1
    assert back.crossing > 0.9 > of("verb-final").crossing > 0
