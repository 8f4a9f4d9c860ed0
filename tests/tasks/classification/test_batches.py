"""Labeled sentences in batches: each with its label, cut where it is long."""

import numpy as np
import pytest

from attnlab.tasks.classification.batches import SentenceBatches, all_of, encode
from attnlab.tasks.classification.records import LabeledSentence
from attnlab.text.vocabulary import EOS, Vocabulary

EXAMPLES = [LabeledSentence(("a",) * (n % 7) + (f"w{n}",), n % 3) for n in range(40)]
CODEC = Vocabulary.build([example.words for example in EXAMPLES])


def read(batch):
    """(words, label) of the rows that are no fillers, by their ids."""
    rows = []
    for ids, length, label in zip(*batch, strict=True):
        if length:
            assert ids[length - 1] == EOS and not ids[length:].any()
            rows.append((tuple(CODEC.decode(ids)), int(label)))
        else:
            assert label == 0 and not ids.any()
    return rows


EXPECTED = sorted(example[:2] for example in EXAMPLES)


def test_an_epoch_shows_each_sentence_once_with_its_label():
    pairs, cut = encode(EXAMPLES, CODEC, longest=20)
    batches = SentenceBatches(pairs, batch_size=8, shapes=2, seed=3)
    assert cut == 0 and len(batches.widths) <= 2
    for epoch in (0, 1):
        steps = range(epoch * len(batches), (epoch + 1) * len(batches))
        assert sorted(r for step in steps for r in read(batches.at(step))) == EXPECTED
    assert batches.at(0).words.dtype == batches.at(0).labels.dtype == np.int32


def test_a_batch_is_one_of_seed_and_step_and_its_shape_one_of_step():
    pairs, _ = encode(EXAMPLES, CODEC, longest=20)
    ours, theirs = (
        SentenceBatches(pairs, batch_size=8, shapes=3, seed=s) for s in (0, 1)
    )
    again = SentenceBatches(pairs, batch_size=8, shapes=3, seed=0)
    for step in (7, 0, 3):
        np.testing.assert_array_equal(ours.at(step).words, again.at(step).words)
        assert ours.at(step).words.shape == theirs.at(step).words.shape
    assert any((ours.at(n).labels != theirs.at(n).labels).any() for n in range(5))


def test_long_sentences_lose_their_end():
    pairs, cut = encode(EXAMPLES, CODEC, longest=5)
    assert cut == sum(len(example.words) > 4 for example in EXAMPLES)
    (rows,) = {batch.words.shape[1] for _, batch in all_of(pairs, 40, (5,))}
    assert rows == 5
    for (ids, label), example in zip(pairs, EXAMPLES, strict=True):
        assert CODEC.decode(ids) == list(example.words[:4]) and label == [example.label]
    with pytest.raises(ValueError, match="longest is 1; a word and EOS take 2"):
        encode(EXAMPLES, CODEC, longest=1)


def test_all_of_gives_back_every_sentence():
    pairs, _ = encode(EXAMPLES, CODEC, longest=20)
    seen = []
    for indices, batch in all_of(pairs, 16, (4, 9)):
        for place, rows in zip(indices, read(batch), strict=True):
            assert rows == EXAMPLES[place][:2]
            seen.append(place)
    assert sorted(seen) == list(range(len(EXAMPLES)))
