"""Batches: padding, order, and that nothing is lost or shown twice."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnlab.corpora.loading import load_corpus
from attnlab.text.batching import Batch, bucketed, encode_pairs, in_order
from attnlab.text.pairs import Pair
from attnlab.text.parallel_corpora import CORPORA
from attnlab.text.vocabulary import EOS, PAD, Vocabulary

load = partial(load_corpus, CORPORA)

EDGES = (4, 8, 12)


def make_pairs(lengths, start=10):
    """Pairs whose ids are all different, so that a row tells which pair it is."""
    pairs, number = [], start
    for source, target in lengths:
        ids = list(range(number, number + source + target))
        number += source + target
        pairs.append((ids[:source], ids[source:]))
    return pairs


def rows(batch):
    """The pairs in a batch as (source ids, target ids), fillers left out."""
    for source, s, target, t in zip(
        batch.source,
        batch.source_lengths,
        batch.target,
        batch.target_lengths,
        strict=True,
    ):
        assert (s > 0) == (t > 0)
        assert (source[s:] == PAD).all() and (target[t:] == PAD).all()
        if s:
            assert source[s - 1] == EOS and target[t - 1] == EOS
            yield tuple(source[: s - 1].tolist()), tuple(target[: t - 1].tolist())


def as_set(pairs):
    return {(tuple(source), tuple(target)) for source, target in pairs}


LENGTHS = st.lists(st.tuples(st.integers(1, 14), st.integers(1, 14)), min_size=1)


@given(LENGTHS, st.integers(1, 9), st.integers(0, 3))
def test_an_epoch_shows_each_pair_once(lengths, batch_size, epoch):
    pairs = make_pairs(lengths)
    fitting = [pair for pair in pairs if max(map(len, pair)) < EDGES[-1]]
    if not fitting:
        with pytest.raises(ValueError, match=f"{len(pairs)} given, {len(pairs)} of"):
            bucketed(pairs, batch_size=batch_size, edges=EDGES)
        return
    batches = bucketed(pairs, batch_size=batch_size, edges=EDGES, seed=3)
    assert batches.dropped == len(pairs) - len(fitting)
    first = epoch * len(batches)
    shown = [row for k in range(len(batches)) for row in rows(batches.at(first + k))]
    assert len(shown) == len(fitting)
    assert set(shown) == as_set(fitting)
    assert len(batches) == -(-len(fitting) // batch_size)


SIZES = st.sampled_from(
    [{"batch_size": 1}, {"batch_size": 5}, {"token_budget": 96}, {"token_budget": 200}]
)


@given(LENGTHS, SIZES, st.integers(1, 4), st.integers(4, 12), st.integers(0, 2))
def test_chosen_shapes_keep_every_promise(lengths, size, most, longest, epoch):
    pairs = make_pairs(lengths)
    fitting = [pair for pair in pairs if max(map(len, pair)) < longest]
    if not fitting:
        with pytest.raises(ValueError, match=f"longer than {longest}"):
            bucketed(pairs, **size, shapes=most, longest=longest)
        return
    batches = bucketed(pairs, **size, shapes=most, longest=longest, seed=3)
    assert batches.dropped == len(pairs) - len(fitting)
    assert 1 <= len(batches.shapes) <= most
    steps = range(epoch * len(batches), (epoch + 1) * len(batches))
    shown, real, padded, unfilled = [], 0, 0, 0
    counts = dict.fromkeys(batches.shapes, 0)
    for batch in map(batches.at, steps):
        count, width = batch.source.shape
        counts[count, width, batch.target.shape[1]] += 1
        budget = size.get("token_budget")
        wider = max(width, batch.target.shape[1])
        assert count == (size.get("batch_size") or budget // wider // 8 * 8)
        shown += rows(batch)
        real += (batch.source != PAD).sum() + (batch.target != PAD).sum()
        padded += batch.source.size + batch.target.size
        unfilled += (batch.source_lengths == 0).any()
    assert counts == batches.counts
    assert len(shown) == len(fitting)
    assert set(shown) == as_set(fitting)
    assert unfilled <= 1
    assert batches.waste == pytest.approx(1 - real / padded)


@given(LENGTHS, st.integers(1, 9))
def test_in_order_gives_every_pair_with_its_index(lengths, batch_size):
    pairs = make_pairs(lengths)
    seen = []
    for indices, batch in in_order(pairs, batch_size, edges=(4, 8)):
        assert batch.source.shape == batch.target.shape
        count, width = batch.source.shape
        assert width in (4, 8, 16)
        assert count == (batch_size if width <= 8 else max(1, batch_size // 2))
        expected = [tuple(map(tuple, pairs[index])) for index in indices]
        assert list(rows(batch)) == expected
        assert (batch.source_lengths[len(indices) :] == 0).all()
        seen += indices.tolist()
    assert sorted(seen) == list(range(len(pairs)))


def test_a_row_is_words_then_eos_then_padding():
    (indices, batch), *rest = in_order([([7, 8], [9])], 2, edges=(4, 8))
    assert indices.tolist() == [0] and not rest
    assert batch.source.tolist() == [[7, 8, EOS, PAD], [PAD] * 4]
    assert batch.target.tolist() == [[9, EOS, PAD, PAD], [PAD] * 4]
    assert batch.source_lengths.tolist() == [3, 0]
    assert batch.target_lengths.tolist() == [2, 0]
    assert {array.dtype for array in batch} == {np.dtype(np.int32)}


def test_an_edge_counts_eos():
    batches = bucketed(make_pairs([(3, 3), (4, 1)]), batch_size=1, edges=(4, 8))
    assert batches.shapes == [(1, 4, 4), (1, 8, 8)]


def test_a_batch_depends_on_seed_and_step_alone():
    pairs = make_pairs([(1 + k % 9, 1 + k % 7) for k in range(100)])
    forward = bucketed(pairs, batch_size=8, edges=EDGES, seed=5)
    other = bucketed(pairs, batch_size=8, edges=EDGES, seed=5)
    steps = range(3 * len(forward))
    batches = [forward.at(step) for step in steps]
    for step in reversed(steps):
        for a, b in zip(batches[step], other.at(step), strict=True):
            np.testing.assert_array_equal(a, b)


def test_epochs_and_seeds_differ_in_order():
    pairs = make_pairs([(3, 3)] * 50)

    def order(seed, epoch):
        batches = bucketed(pairs, batch_size=5, edges=EDGES, seed=seed)
        steps = range(epoch * len(batches), (epoch + 1) * len(batches))
        return [row for step in steps for row in rows(batches.at(step))]

    orders = [order(0, 0), order(0, 1), order(1, 0)]
    assert all(set(found) == as_set(pairs) for found in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_shapes_come_in_an_order_that_all_seeds_share():
    lengths = np.random.default_rng(0).integers(1, 12, (100, 2)).tolist()
    first, second = (
        bucketed(make_pairs(lengths), token_budget=96, longest=12, seed=seed)
        for seed in (3, 4)
    )
    steps = range(3 * len(first))
    orders = [
        [[array.shape for array in batches.at(step)] for step in steps]
        for batches in (first, second)
    ]
    assert orders[0] == orders[1]
    epochs = [orders[0][epoch * len(first) :][: len(first)] for epoch in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    for a, b in zip(map(first.at, steps), map(second.at, steps), strict=True):
        assert set(rows(a)) != set(rows(b))


def test_what_fills_no_batch_moves_on_and_only_one_batch_has_fillers():
    pairs = make_pairs([(2, 2)] * 10 + [(6, 6)] * 10 + [(10, 10)] * 10)
    batches = bucketed(pairs, batch_size=8, edges=EDGES)
    real = sorted(
        int((batches.at(step).source_lengths > 0).sum()) for step in range(len(batches))
    )
    assert real == [6, 8, 8, 8]
    assert batches.shapes == [(8, 4, 4), (8, 8, 8), (8, 12, 12)]


def test_a_token_budget_gives_short_sentences_more_rows():
    pairs = make_pairs([(2, 2)] * 200 + [(10, 10)] * 200)
    batches = bucketed(pairs, token_budget=200, edges=EDGES)
    assert batches.shapes == [(48, 4, 4), (16, 12, 12)]


def test_encode_pairs_leaves_eos_to_the_batch():
    pairs = [Pair(("a", "b"), ("c",))]
    vocabulary = Vocabulary(["a", "b", "c"])
    assert encode_pairs(pairs, vocabulary, vocabulary) == [([4, 5], [6])]
    assert isinstance(in_order([([4, 5], [6])], 1)[0][1], Batch)


@pytest.mark.data
@pytest.mark.parametrize(
    ("corpus", "size", "most", "waste"),
    [
        ("multi30k", {"batch_size": 128}, 8, 0.12),
        ("multi30k", {"token_budget": 1536}, 8, 0.12),
        ("hansards", {"batch_size": 128}, 8, 0.12),
        ("hansards", {"token_budget": 2048}, 7, 0.12),
    ],
)
def test_little_of_a_real_epoch_is_padding(
    corpus, size, most, waste, data_folder, monkeypatch
):
    monkeypatch.setenv("ATTNLAB_DATA", str(data_folder))
    found = load(corpus)
    pairs = [([0] * len(s), [0] * len(t)) for s, t in found.train]
    batches = bucketed(pairs, **size, shapes=most)
    assert batches.dropped == 0
    assert len(batches.shapes) <= most
    padded = sum(n * (r * s + r * t) for (r, s, t), n in batches.counts.items())
    assert 1 - sum(len(s) + len(t) + 2 for s, t in pairs) / padded < waste


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"batch_size \(got None\) and token_budget \(got None\)"),
        ({"batch_size": 4, "token_budget": 999}, "give one of batch_size"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"token_budget": 100}, "8 rows of the longest pairs take 384"),
        ({"token_budget": 60, "edges": (4, 8)}, "8 rows of the longest pairs take 64"),
        ({"batch_size": 4, "shapes": 0}, "shapes is 0"),
        ({"batch_size": 4, "longest": 1}, "longest is 1"),
        ({"batch_size": 4, "edges": (8, 8)}, r"edges are \(8, 8\)"),
        ({"batch_size": 4, "seed": -1}, "seed is -1"),
    ],
)
def test_a_bad_argument_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        bucketed(make_pairs([(2, 2)]), **options)


def test_in_order_of_nothing_is_nothing():
    assert in_order([], 4) == []
    with pytest.raises(ValueError, match="batch_size is 0"):
        in_order([], 0)
    with pytest.raises(ValueError, match=r"edges are \(\)"):
        in_order([], 4, edges=())
