"""Stories: solved again from their words alone, by a program that reads sentences."""

import pytest

from attnlab.tasks.cloze.questions import PLACEHOLDER, is_entity
from attnlab.tasks.cloze.synthetic import DAYS, PLACES, VERBS, synthetic_cloze

SMALL = dict(train=60, dev=40, test=40)
STORY = {query: verb for verb, query in VERBS.items()}  # query verb -> the story's


def understand(words):
    """(who, verb, whom, place or None, day or None) of a sentence."""
    people = [w for w in words if is_entity(w) or w == PLACEHOLDER]
    (verb,) = [STORY.get(w, w) for w in words if w in VERBS or w in STORY]
    place = next((w for w in words if w in PLACES), None)
    day = next((w for w in words if w in DAYS), None)
    who, whom = people if "by" not in words else people[::-1]
    return who, verb, whom, place, day


def sentences(passage):
    """(first position, words) of each sentence."""
    start = 0
    for end, word in enumerate(passage):
        if word == ".":
            yield start, passage[start : end + 1]
            start = end + 1
    assert start == len(passage)


@pytest.fixture(scope="module")
def stories():
    return synthetic_cloze(**SMALL, synonyms=0.5)


def test_one_sentence_answers_each_question_and_is_the_support(stories):
    verbs = set()
    for question in [*stories.train, *stories.dev, *stories.test]:
        asked = understand(question.query)
        verbs |= {word for word in question.query if word in VERBS or word in STORY}
        fitting = []
        for start, words in sentences(question.passage):
            pairs = list(zip(asked, understand(words), strict=True))
            hidden = [b for a, b in pairs if a == PLACEHOLDER]
            if all(a in (None, PLACEHOLDER, b) for a, b in pairs):
                fitting.append((start, words, hidden[0]))
        ((start, words, answer),) = fitting
        assert answer == question.answer
        assert question.support == tuple(range(start, start + len(words)))
        assert question.support_answer == tuple(
            s for s in question.support if question.passage[s] == answer
        )
    assert verbs & set(VERBS) and verbs & set(STORY)  # synonyms half of the time


def test_no_word_alone_gives_the_answer_away(stories):
    """The other name of the query, or its verb, is in several sentences as a rule."""
    shared = 0
    for question in stories.train:
        who, verb, whom, _, _ = understand(question.query)
        name = whom if who == PLACEHOLDER else who
        facts = [understand(words) for _, words in sentences(question.passage)]
        with_name = sum(name in (fact[0], fact[2]) for fact in facts)
        with_verb = sum(verb == fact[1] for fact in facts)
        shared += with_name > 1 or with_verb > 1
    assert shared > 0.8 * len(stories.train)


def test_equal_arguments_equal_stories(stories):
    assert synthetic_cloze(**SMALL, synonyms=0.5) == stories
    assert synthetic_cloze(**SMALL, synonyms=0.5, seed=1).test != stories.test
    held_out = [question.passage for question in (*stories.dev, *stories.test)]
    assert len(set(held_out)) == len(held_out)
    assert not set(held_out) & {question.passage for question in stories.train}


def test_stories_are_as_long_as_asked_for():
    questions = synthetic_cloze(**SMALL, facts=(2, 3), entities=4).test
    counts = {sum(word == "." for word in question.passage) for question in questions}
    assert counts == {2, 3}
    assert max(len(question.entities) for question in questions) <= 4


@pytest.mark.parametrize(
    ("argument", "value"),
    [("train", 0), ("facts", (5, 4)), ("entities", 2), ("synonyms", 1.5)],
)
def test_arguments_out_of_range_are_named(argument, value):
    with pytest.raises(ValueError) as caught:
        synthetic_cloze(**(SMALL | {argument: value}))
    assert argument in str(caught.value) and str(value) in str(caught.value)
