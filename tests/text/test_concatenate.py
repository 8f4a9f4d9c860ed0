from collections import Counter

import pytest

from attnlab.text.concatenate import joined
from attnlab.text.pairs import Pair

PAIRS = [Pair((f"s{n}", "x"), (f"t{n}",)) for n in range(11)]


def words(pairs):
    return Counter(word for pair in pairs for side in pair for word in side)


@pytest.mark.parametrize("share, glued", [(0.0, 0), (0.5, 3), (1.0, 5)])
def test_glues_that_share_and_loses_no_word(share, glued):
    found = joined(PAIRS, share)
    assert sum(len(pair.target) == 2 for pair in found) == glued
    assert len(found) == len(PAIRS) - glued
    assert words(found) == words(PAIRS)


def test_halves_stay_beside_their_translations():
    for pair in joined(PAIRS, 1.0):
        numbers = [word[1:] for word in pair.source if word != "x"]
        assert numbers == [word[1:] for word in pair.target]


def test_is_a_function_of_the_seed():
    assert joined(PAIRS, 0.8, seed=1) == joined(PAIRS, 0.8, seed=1)
    assert joined(PAIRS, 0.8, seed=1) != joined(PAIRS, 0.8, seed=2)
    assert joined(PAIRS, 0.0) == PAIRS


def test_names_a_share_out_of_range():
    with pytest.raises(ValueError, match="share is 1.5"):
        joined(PAIRS, 1.5)
