import numpy as np
import pytest

from attnlab.tasks.memn2n import batches
from attnlab.tasks.memn2n.batches import StoryBatches, StoryQuestion, Widths
from attnlab.text.vocabulary import PAD, UNK


def question(story, asked, answer, facts=()):
    sentences = tuple(tuple(sentence.split()) for sentence in story.split(". "))
    return StoryQuestion(sentences, tuple(asked.split()), answer, frozenset(facts), "1")


TRAIN = [
    question("a went. b went. a left", "where is a", "x,y", {0, 2}),
    question("b went", "where is b", "x", {0}),
]
TEST = [question("a went. new went", "where is a", "z", {1})]
VOCABULARY = batches.vocabulary_of(TRAIN)


def words(batch, text):
    return [VOCABULARY.words[index] for index in batch.texts[text] if index != PAD]


def test_answers_are_words_of_the_vocabulary_whole():
    assert {"x,y", "x", "a", "went", "where"} < set(VOCABULARY.words)


def test_stories_number_their_latest_sentences():
    widths = batches.widths_of([TRAIN, TEST], memory=2)
    assert widths == (2, 3)
    train, test = batches.encode([TRAIN, TEST], VOCABULARY, widths)
    assert train.stories.shape == (2, 2) and test.stories.shape == (1, 2)
    assert [words(train, text) for text in train.stories[0]] == [
        ["b", "went"],
        ["a", "left"],
    ]
    assert words(train, train.stories[1, 0]) == ["b", "went"]
    np.testing.assert_array_equal(train.stories[1, 1:], 0)
    assert not train.texts[0].any()
    np.testing.assert_array_equal(train.lengths, [2, 1])
    assert words(train, train.questions[0]) == ["where", "is", "a"]
    assert train.answers[0] == VOCABULARY.encode(["x,y"]).ids[0]
    assert test.answers[0] == UNK and UNK in test.texts[test.stories[0, 1]]
    assert (
        len(train.texts) == 1 + len({s for q in (*TRAIN, *TEST) for s in q.story}) + 2
    )


def test_gold_moves_with_what_is_kept():
    np.testing.assert_array_equal(
        batches.gold_of(TRAIN, 2), [[False, True], [True, False]]
    )
    np.testing.assert_array_equal(
        batches.gold_of(TRAIN, 3), [[True, False, True], [True, False, False]]
    )


def test_widths_hold_the_longest_story_that_is_kept():
    assert batches.widths_of([TRAIN, TEST], memory=9) == (3, 3)
    assert batches.widths_of([[]], memory=9) == (1, 0)


def test_filler_rows_are_empty():
    (train,) = batches.encode([TRAIN], VOCABULARY, Widths(3, 3))
    batch = batches.rows_of(train, np.array([1]), 3)
    assert batch.answers.tolist()[1:] == [PAD, PAD] and batch.lengths.tolist() == [
        1,
        0,
        0,
    ]
    assert batch.texts is train.texts and batch.stories.shape == (3, 3)


def many(count):
    some = [question("a went", "where is a", "x", {0}) for _ in range(count)]
    (encoded,) = batches.encode([some], VOCABULARY, Widths(1, 3))
    return encoded._replace(answers=np.arange(count, dtype=np.int32))


def test_an_epoch_shows_each_question_once_in_an_order_of_its_own():
    stream = StoryBatches(many(11), 4, seed=3)
    assert len(stream) == 2
    epochs = [
        np.concatenate([stream.at(2 * epoch + k).answers for k in range(2)])
        for epoch in range(3)
    ]
    for epoch in epochs:
        assert len(set(epoch)) == 8
    assert len({tuple(epoch) for epoch in epochs}) == 3
    again = StoryBatches(many(11), 4, seed=3)
    np.testing.assert_array_equal(again.at(5).answers, epochs[2][4:])  # from anywhere
    np.testing.assert_array_equal(stream.at(0).answers, epochs[0][:4])
    other = StoryBatches(many(11), 4, seed=4).at(0)
    assert other.answers.tolist() != stream.at(0).answers.tolist()


def test_few_questions_make_a_batch_with_fillers():
    stream = StoryBatches(many(3), 8, seed=0)
    assert len(stream) == 1 and stream.at(1).answers.shape == (8,)
    assert (stream.at(1).lengths == 1).sum() == 3
    with pytest.raises(ValueError, match="no questions"):
        StoryBatches(many(0), 8, seed=0)
