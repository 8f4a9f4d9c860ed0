import math

import numpy as np
import pytest

from attnlab.metrics import attention_stats

UNIFORM = np.full((2, 4), 0.25)
HARD = np.eye(3)


def test_perplexity():
    assert attention_stats.perplexity(3 * math.log(7.0), 3) == pytest.approx(7.0)
    assert attention_stats.perplexity(0.0, 5) == 1.0
    assert attention_stats.perplexity(1e6, 1) == math.inf
    assert math.isnan(attention_stats.perplexity(math.nan, 1))
    with pytest.raises(ValueError, match="over 0 tokens"):
        attention_stats.perplexity(1.0, 0)


def test_entropy_by_hand():
    assert attention_stats.entropy([UNIFORM]) == pytest.approx(math.log(4))
    assert attention_stats.entropy([HARD]) == 0.0
    # over target words, not over sentences: 2 rows of log 4, 3 rows of 0
    assert attention_stats.entropy([UNIFORM, HARD]) == pytest.approx(
        2 / 5 * math.log(4)
    )


def test_largest_weight_by_hand():
    assert attention_stats.largest_weight([UNIFORM, HARD]) == pytest.approx(
        (2 * 0.25 + 3) / 5
    )


def test_rows_are_divided_by_their_sum_and_zero_rows_left_out():
    local = np.concatenate([0.1 * UNIFORM, np.zeros((3, 4))])
    assert attention_stats.entropy([local]) == pytest.approx(math.log(4))
    assert attention_stats.largest_weight([local]) == pytest.approx(0.25)
    assert attention_stats.mass_on_gold([local], [{(0, 0), (0, 1)}]) == pytest.approx(
        0.5
    )


def test_mass_on_gold_by_hand():
    alignment = np.array([[0.7, 0.3, 0.0], [0.2, 0.2, 0.6], [1.0, 0.0, 0.0]])
    gold = {(0, 0), (1, 1), (1, 2)}  # word 2 has no gold link and doesn't count
    assert attention_stats.mass_on_gold([alignment], [gold]) == pytest.approx(
        (0.7 + 0.8) / 2
    )
    # a linked word that was given no weight counts with zero
    assert attention_stats.mass_on_gold([np.zeros((1, 2))], [{(0, 1)}]) == 0.0
    pooled = attention_stats.mass_on_gold(
        [alignment, np.zeros((1, 2))], [gold, {(0, 1)}]
    )
    assert pooled == pytest.approx(1.5 / 3)


def test_of_nothing_is_nan():
    for empty in ([], [np.zeros((0, 3))], [np.zeros((2, 3))], [np.zeros((2, 0))]):
        assert math.isnan(attention_stats.entropy(empty))
        assert math.isnan(attention_stats.largest_weight(empty))
    assert math.isnan(attention_stats.mass_on_gold([UNIFORM], [set()]))


def test_errors():
    with pytest.raises(
        ValueError, match=r"link \(2, 0\) is outside alignment \(2, 4\)"
    ):
        attention_stats.mass_on_gold([UNIFORM], [{(2, 0)}])
    with pytest.raises(ValueError, match="1 alignments, gold of 2"):
        attention_stats.mass_on_gold([UNIFORM], [set(), set()])
    with pytest.raises(ValueError, match=r"got shape \(4,\)"):
        attention_stats.entropy(UNIFORM)
