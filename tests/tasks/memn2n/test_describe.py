"""Questions over stories in numbers, against counts by hand."""

import pytest

from attnlab.tasks.memn2n.batches import Stories, StoryQuestion
from attnlab.tasks.memn2n.describe import describe
from tests.corpora.tables import panel, rows


def test_questions_over_stories():
    story = (("he", "went"), ("she", "went", "home"), ("it", "fell"))

    def ask(answer, facts, length, task="1"):
        return StoryQuestion(story[:length], ("where",), answer, frozenset(facts), task)

    train = [ask("home", {0}, 3), ask("home", {1}, 2), ask("there", {0}, 1)]
    test = [ask("home", {0, 2}, 3), ask("there", {1}, 3), ask("home", (), 2, "2")]
    description = describe(Stories("s", train, [], test, ""))
    assert rows(description, "tasks")["1"] == {
        "train": "3",
        "test": "2",
        "sentences": "3.0",
        "facts": "1.5",
        "oldest fact, back": "2.5",
        "(most)": "3",
        "answers": "2",
        "usual one is right": "50.0%",
    }
    assert rows(description, "tasks")["2"]["answers"] == ""  # nothing to learn it from
    assert rows(description, "lengths")["train story"]["mean"] == "2.0"
    assert rows(description, "lengths")["different sentences of train"]["number"] == "3"
    back = panel(description, "sentences back")["train"]
    assert back == pytest.approx({1: 2 / 3, 2: 0, 3: 1 / 3})
