"""Batches of questions: entities are renumbered, and nothing else is changed."""

import numpy as np
import pytest

from attnlab.tasks.cloze import batches as questions
from attnlab.tasks.cloze.batches import FIRST, QuestionBatches
from attnlab.tasks.cloze.questions import ClozeQuestion, is_entity
from attnlab.tasks.cloze.synthetic import synthetic_cloze
from attnlab.text.vocabulary import EOS, PAD, UNK

STORIES = synthetic_cloze(train=50, dev=5, test=5, entities=5)
SLOTS = questions.slots_of([*STORIES.train, *STORIES.dev, *STORIES.test]) + 2
WORDS = questions.make_vocabulary(STORIES.train, SLOTS, 1000, 1)
ENCODED = [questions.encode(question, WORDS) for question in STORIES.train]


def batches(**options):
    settings = dict(slots=SLOTS, rows=8, shapes=2) | options
    return QuestionBatches(ENCODED, **settings)


def restored(batch, row):
    """The question of a row, its entities numbered by first occurrence again."""

    def words(ids, length):
        assert ids[length - 1] == EOS and np.all(ids[length:] == PAD)
        return [WORDS.words[n] for n in ids[: length - 1]]

    passage = words(batch.passage[row], batch.passage_lengths[row])
    query = words(batch.query[row], batch.query_lengths[row])
    answer = f"@entity{batch.answer[row]}"
    question = ClozeQuestion("", tuple(passage), tuple(query), answer)
    slots = {f"@entity{n}" for n in np.flatnonzero(batch.candidates[row])}
    assert slots == set(question.candidates)
    return plain(question)


def plain(question):
    """Its words and answer, entities numbered by first occurrence."""
    numbers = {name: f"@entity{n}" for n, name in enumerate(question.entities)}

    def again(words):
        return tuple(numbers.get(word, word) for word in words)

    return again(question.passage), again(question.query), numbers[question.answer]


def test_an_epoch_shows_each_question_once_under_new_names():
    source = batches()
    seen = []
    for step in range(len(source)):
        batch = source.at(step)
        real = np.flatnonzero(batch.passage_lengths)
        seen += [restored(batch, row) for row in real]
        assert np.all(batch.passage[len(real) :] == PAD)
    assert sorted(seen) == sorted(map(plain, STORIES.train))


def test_names_are_drawn_anew_for_each_use():
    source, uses = batches(), {}
    for step in range(6 * len(source)):
        batch = source.at(step)
        for row in np.flatnonzero(batch.passage_lengths):
            key = restored(batch, row)
            uses.setdefault(key, []).append(int(batch.answer[row]))
    assert all(len(answers) == 6 for answers in uses.values())
    assert sum(len(set(answers)) > 1 for answers in uses.values()) > 45  # of 50
    counts = np.bincount([n for answers in uses.values() for n in answers])
    assert len(counts) == SLOTS and counts.min() > 0.5 * counts.mean()


def test_a_batch_follows_from_seed_and_step_and_its_shape_from_step():
    first, again, other = batches(), batches(), batches(seed=1)
    for step in (11, 3):
        for part, same in zip(first.at(step), again.at(step), strict=True):
            np.testing.assert_array_equal(part, same)
        shapes = [part.shape for part in first.at(step)]
        assert shapes == [part.shape for part in other.at(step)]
    assert not np.array_equal(first.at(3).passage, other.at(3).passage)
    assert len(first.widths) == 2


def test_by_first_occurrence_names_stay():
    source, stories = batches(numbering="first"), set(map(plain, STORIES.train))
    for step in range(2 * len(source)):
        batch = source.at(step)
        for row in np.flatnonzero(batch.passage_lengths):
            words = [
                tuple(WORDS.words[n] for n in ids[: length - 1])
                for ids, length in (
                    (batch.passage[row], batch.passage_lengths[row]),
                    (batch.query[row], batch.query_lengths[row]),
                )
            ]
            assert (*words, f"@entity{batch.answer[row]}") in stories
    dev = [questions.encode(question, WORDS) for question in STORIES.dev]
    in_order = questions.in_order(dev, 4, (), slots=SLOTS, numbering="first")
    for _, numbers, _ in in_order:
        np.testing.assert_array_equal(numbers, np.tile(np.arange(SLOTS), (4, 1)))


def test_evaluation_asks_every_question_once_and_under_one_name():
    first = questions.in_order(ENCODED, 8, (70,), slots=SLOTS)
    again = questions.in_order(ENCODED, 8, (70,), slots=SLOTS)
    order = np.concatenate([members for members, _, _ in first])
    assert sorted(order) == list(range(50))
    for (members, numbers, batch), (_, _, other) in zip(first, again, strict=True):
        for part, same in zip(batch, other, strict=True):
            np.testing.assert_array_equal(part, same)
        assert batch.passage.shape[1] in (70, 128)
        for row, n in enumerate(members):
            assert restored(batch, row) == plain(STORIES.train[n])
            assert batch.answer[row] == numbers[row, ENCODED[n].answer]
    answers = [n for _, _, batch in first for n in batch.answer]
    assert len(set(answers)) == SLOTS  # not by first occurrence


def test_words_beyond_the_vocabulary_are_unknown_and_entities_never():
    few = questions.make_vocabulary(STORIES.train, SLOTS, 3, 1)
    assert few.size == FIRST + SLOTS + 3
    encoded = questions.encode(STORIES.dev[0], few)
    entities = [FIRST <= n < FIRST + SLOTS for n in encoded.passage]
    assert entities == [is_entity(word) for word in STORIES.dev[0].passage]
    assert UNK in encoded.passage
    rare = questions.make_vocabulary(STORIES.train, SLOTS, 1000, 10_000)
    assert rare.size == FIRST + SLOTS


def test_long_passages_are_left_out_and_counted():
    lengths = sorted(len(question.passage) + 1 for question in ENCODED)
    longest = lengths[30]
    source = batches(longest=longest)
    assert source.dropped == sum(length > longest for length in lengths) > 0
    assert source.widths[-1] <= longest


def test_passages_that_are_all_too_long_are_named():
    with pytest.raises(ValueError, match="50 .* longer than 2"):
        batches(longest=2)
