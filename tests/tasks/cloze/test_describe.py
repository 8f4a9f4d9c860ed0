"""Cloze questions in numbers, against counts by hand."""

import pytest

from attnlab.tasks.cloze.corpora import Cloze, ClozeQuestion, ieer
from attnlab.tasks.cloze.describe import describe
from tests.corpora.tables import rows


def test_cloze_questions():
    def ask(passage, query, answer):
        return ClozeQuestion("q", tuple(passage.split()), tuple(query.split()), answer)

    train = [
        ask("@entity1 saw @entity2 . @entity1 left", "@placeholder left", "@entity1"),
        ask("@entity0 saw @entity2", "@entity0 saw @placeholder", "@entity2"),
    ]
    description = describe(Cloze("c", train, train[:1], train[1:], ""))
    assert rows(description, "questions")["train"] == {
        "questions": "2",
        "passages": "2",
        "right: any entity": "50.0%",
        "most frequent": "50.0%",  # of two as frequent the first
        "... that the query lacks": "100.0%",
    }
    lengths = rows(description, "lengths")
    assert lengths["train: passage"]["mean"] == "4.5"
    assert lengths["train: answer in its passage"]["most"] == "2"
    assert rows(description, "words")["train"]["tokens"] == "6"  # no entities
    assert rows(description, "words")["test"]["tokens"] == "2"


@pytest.mark.data
def test_real_questions_as_others_count_them(data_folder, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(data_folder))
    description = describe(ieer())
    assert rows(description, "questions")["test"]["most frequent"] == "39.4%"
