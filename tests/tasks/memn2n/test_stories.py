"""The answers and facts of generated stories, checked by walking through them."""

import pytest

from attnlab.tasks.memn2n.stories import DROPS, PLACES, TAKES, stories

SMALL = {"train": 60, "dev": 20, "test": 20}


def walk(story):
    """Where everybody and everything is at the end, and the sentences that say so."""
    at, held, lying = {}, {}, {}
    for now, (person, verb, *rest) in enumerate(story):
        if verb in TAKES:
            assert person in at  # whoever takes a thing is somewhere
            assert rest[-1] not in lying or lying[rest[-1]][0] == at[person][0]
            assert rest[-1] not in held
            held[rest[-1]] = (person, now)
            lying.pop(rest[-1], None)
        elif verb in DROPS:
            assert held.pop(rest[-1])[0] == person
            lying[rest[-1]] = (at[person][0], {at[person][1], now})
        else:
            assert rest[-1] in PLACES
            at[person] = (rest[-1], now)
    things = {
        thing: (at[person][0], {at[person][1], took})
        for thing, (person, took) in held.items()
    }
    return {p: (place, {now}) for p, (place, now) in at.items()} | things | lying


def test_answers_and_facts_follow_from_the_story():
    corpus = stories(facts="1,2", sentences=(4, 15), **SMALL)
    for question in (*corpus.train, *corpus.dev, *corpus.test):
        place, facts = walk(question.story)[question.question[-1]]
        assert (question.answer, question.facts) == (place, facts)
        assert len(question.facts) == int(question.task)
        assert 4 <= len(question.story) <= 15
    assert {question.task for question in corpus.test} == {"1", "2"}
    assert {question.task for question in stories(facts="2", **SMALL).test} == {"2"}


def test_the_same_arguments_give_the_same_questions_and_none_is_seen_twice():
    corpus, again = stories(**SMALL), stories(**SMALL)
    assert corpus == again
    assert stories(seed=1, **SMALL).test != corpus.test
    unseen = [question[:2] for question in (*corpus.dev, *corpus.test)]
    assert len(set(unseen)) == len(unseen)
    assert not set(unseen) & {question[:2] for question in corpus.train}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("facts", "3"),
        ("sentences", (5, 4)),
        ("sentences", (2, 4)),
        ("people", 7),
        ("test", 0),
    ],
)
def test_an_option_out_of_range_is_named(option, value):
    with pytest.raises(ValueError, match=option):
        stories(**SMALL | {option: value})


def test_too_many_questions_for_so_few_words_are_refused(monkeypatch):
    monkeypatch.setattr("attnlab.tasks.memn2n.stories.PATIENCE", 2)
    with pytest.raises(ValueError, match="2000 .*test"):
        stories(facts="1", people=1, sentences=(3, 3), train=9, dev=9, test=2000)
