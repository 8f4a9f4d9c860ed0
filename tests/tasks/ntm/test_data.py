"""The algorithmic tasks by their definitions, spelt out sequence by sequence."""

import math

import numpy as np
import pytest

from attnlab.tasks.ntm.data import (
    PROBLEMS,
    SequenceBatch,
    SequenceBatches,
    copy,
    label,
    ngrams,
    optimal_bits,
    padded,
    padded_widths,
    recall,
    repeat_copy,
    sort,
)

ROWS = 5


def drawn(problem, size, seed=0) -> SequenceBatch:
    batch = problem.draw(np.random.default_rng(seed), ROWS, size)
    steps = problem.steps(size)
    assert batch.inputs.shape == (ROWS, steps, problem.inputs)
    assert batch.targets.shape == (ROWS, steps, problem.outputs)
    assert batch.scored.shape == (ROWS, steps)
    assert not batch.targets[~batch.scored].any()
    assert set(np.unique(batch.targets)) <= {0, 1}
    return batch


def test_copy_shows_items_then_a_delimiter_then_nothing():
    batch = drawn(copy(bits=3), (4,))
    items, rest = batch.inputs[:, :4, :3], batch.inputs[:, 5:]
    np.testing.assert_array_equal(batch.inputs[:, 4], ROWS * [[0, 0, 0, 1]])
    assert not rest.any() and not batch.inputs[:, :4, 3].any()
    np.testing.assert_array_equal(batch.targets[:, 5:], items)
    np.testing.assert_array_equal(batch.scored, ROWS * [5 * [False] + 4 * [True]])
    assert 0.2 < items.mean() < 0.8


def test_repeat_copy_says_how_often_and_ends():
    problem = repeat_copy(bits=2, repeats=(1, 10))
    batch = drawn(problem, (3, 2))
    items = batch.inputs[:, :3, :2]
    answer = batch.targets[:, 4:]
    np.testing.assert_array_equal(answer[:, :3, :2], items)
    np.testing.assert_array_equal(answer[:, 3:6, :2], items)
    np.testing.assert_array_equal(answer[:, 6], ROWS * [[0, 0, 1]])
    assert not answer[:, :6, 2].any()
    np.testing.assert_array_equal(batch.scored.sum(axis=1), 7)
    np.testing.assert_array_equal(batch.inputs[:, 3, :3], ROWS * [[0, 0, 1]])
    shown = [drawn(problem, (1, n)).inputs[0, 1, 3] for n in range(1, 11)]
    assert np.mean(shown) == pytest.approx(0, abs=1e-6)
    assert np.var(shown) == pytest.approx(1, rel=1e-6)


def test_recall_asks_for_the_item_after_the_query():
    batch = drawn(recall(bits=6, vectors=3), (4,))
    before, opening, within = [0] * 6 + [1, 0], [0] * 6 + [0, 1], slice(1, 4)
    for inputs, targets, scored in zip(*batch, strict=True):
        parts = inputs[:16].reshape(4, 4, 8)
        np.testing.assert_array_equal(parts[:, 0], [before] * 4)
        items = [part[within, :6].tolist() for part in parts]
        np.testing.assert_array_equal(inputs[[16, 20]], [opening] * 2)
        asked = items.index(inputs[17:20, :6].tolist())
        assert targets[21:].tolist() == items[asked + 1]
        assert scored.tolist() == [False] * 21 + [True] * 3
        assert not inputs[21:].any()


def test_ngrams_ask_for_the_next_bit_and_follow_their_table():
    problem = ngrams(order=3, length=4000)
    batch = drawn(problem, (4000,))
    np.testing.assert_array_equal(batch.targets[:, 2:-1, 0], batch.inputs[:, 3:, 0])
    np.testing.assert_array_equal(batch.scored[0], [False] + 3998 * [True])
    table = np.random.default_rng(0).beta(0.5, 0.5, (ROWS, 4))  # what `draw` drew
    bits = batch.inputs[..., 0].astype(int)
    contexts, nexts = 2 * bits[:, :-2] + bits[:, 1:-1], bits[:, 2:]
    checked = 0
    for row in range(ROWS):
        for context, chance in enumerate(table[row]):
            after = nexts[row][contexts[row] == context]
            if len(after) >= 50:
                error = 4 * np.sqrt(chance * (1 - chance) / len(after)) + 1e-3
                assert after.mean() == pytest.approx(chance, abs=error)
                checked += 1
    assert checked >= 10


def test_sort_answers_the_highest_priorities_first():
    batch = drawn(sort(bits=3, items=(6, 6), kept=4), (6,))
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        shown = sorted(inputs[:6].tolist(), key=lambda item: -item[3])
        assert [item[:3] for item in shown[:4]] == targets[7:].tolist()
        assert -1 <= inputs[:6, 3].min() < inputs[:6, 3].max() <= 1
        assert inputs[6].tolist() == [0, 0, 0, 0, 1]


def test_the_optimal_estimator_is_bayes_by_enumeration():
    """Chances on a fine grid under the prior Beta(1/2, 1/2), context by context."""
    order, length = 3, 30
    batch = drawn(ngrams(order=order, length=length), (length,))
    angles = (np.arange(20_000) + 0.5) / 20_000 * math.pi / 2
    grid = np.sin(angles) ** 2  # evenly likely under the prior
    expected = []
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        bits = [*inputs[:, 0].astype(int), int(targets[-1, 0])]
        beliefs = {}
        total = 0.0
        for t in range(order - 1, length):
            context = tuple(bits[t - order + 1 : t])
            belief = beliefs.setdefault(context, np.ones_like(grid))
            chance = (belief * grid).sum() / belief.sum()
            likelihood = grid if bits[t] else 1 - grid
            total -= math.log2(chance if bits[t] else 1 - chance)
            beliefs[context] = belief * likelihood
        expected.append(total)
    np.testing.assert_allclose(optimal_bits(batch, order), expected, rtol=1e-5)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_batch_follows_from_seed_and_step_and_its_size_from_the_step(name):
    problem = PROBLEMS[name]()
    first, again, other = (SequenceBatches(problem, 3, 4, seed) for seed in (1, 1, 2))
    shapes = set()
    for step in range(25):
        batch, same, differs = (some.at(step) for some in (first, again, other))
        for part, equal in zip(batch, same, strict=True):
            np.testing.assert_array_equal(part, equal)
        assert not np.array_equal(batch.inputs, differs.inputs)
        np.testing.assert_array_equal(batch.scored, differs.scored)
        shapes.add(batch.inputs.shape[1])
    assert shapes <= set(first.widths) and len(first.widths) <= 4
    assert not np.array_equal(first.at(0).inputs, first.at(1).inputs)


def test_widths_are_spread_and_hold_every_size():
    assert padded_widths(copy(lengths=(1, 20)), 4) == [11, 21, 31, 41]
    assert padded_widths(ngrams(), 4) == [199]


def test_padding_is_zero_and_not_scored():
    batch = drawn(copy(bits=2), (2,))
    wide = padded(batch, [3, 8])
    for part, original in zip(wide, batch, strict=True):
        np.testing.assert_array_equal(part[:, :5], original)
        assert not part[:, 5:].any() and part.shape[1] == 8
    assert padded(batch, [3]).inputs.shape == batch.inputs.shape  # no width holds it


def test_a_curriculum_begins_with_the_shortest_sizes():
    problem = copy(lengths=(1, 10))
    batches = SequenceBatches(problem, 1, 2, 0, curriculum=1000)
    largest = [
        max(batches.size_at(step)[0] for step in range(start, start + 100))
        for start in range(0, 1000, 100)
    ]
    assert largest == list(range(1, 11))
    assert max(batches.size_at(step)[0] for step in range(1000, 1100)) == 10
    assert min(batches.size_at(step)[0] for step in range(1000, 1100)) == 1


def test_sizes_have_names():
    assert (label((20,)), label((10, 3))) == ("20", "10x3")


@pytest.mark.parametrize(
    ("make", "options", "option", "value"),
    [
        (copy, {"lengths": (0, 3)}, "lengths", "0"),
        (copy, {"lengths": (4, 3)}, "lengths", "(4, 3)"),
        (copy, {"bits": 0}, "bits", "0"),
        (copy, {"test": [(3, 2)]}, "test", "(3, 2)"),
        (repeat_copy, {"test": [3]}, "test", "3"),
        (repeat_copy, {"repeats": (2, 1)}, "repeats", "(2, 1)"),
        (recall, {"items": (1, 3)}, "items", "1"),
        (recall, {"test": (1,)}, "test", "1"),
        (recall, {"vectors": 0}, "vectors", "0"),
        (ngrams, {"length": 4}, "length", "4"),
        (ngrams, {"test": (5,)}, "test", "5"),
        (ngrams, {"order": 1}, "order", "1"),
        (sort, {"kept": 21}, "kept", "21"),
        (sort, {"test": (10,)}, "test", "10"),
    ],
)
def test_settings_out_of_range_are_named(make, options, option, value):
    with pytest.raises(ValueError) as caught:
        make(**options)
    assert option in str(caught.value) and value in str(caught.value)
