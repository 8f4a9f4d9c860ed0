"""Labeled sentences in numbers, against counts by hand."""

import pytest

from attnlab.tasks.classification.describe import describe
from attnlab.tasks.classification.records import Labeled, LabeledSentence
from attnlab.tasks.classification.sst import sst
from tests.corpora.tables import panel, rows


def test_labeled_sentences():
    train = [
        LabeledSentence(("a", "b"), 0),
        LabeledSentence(("a",), 1),
        LabeledSentence(("c",) * 4, 1),
    ]
    tested = [LabeledSentence(("a", "q"), 1, frozenset({0, 1}))]
    corpus = Labeled("l", train, tested, tested, ("bad", "good"), "")
    description = describe(corpus)
    assert rows(description, "examples")["train"] == {
        "number": "3",
        "bad": "33.3%",
        "good": "66.7%",
    }
    assert rows(description, "lengths")["evidence in test"]["mean"] == "2.0"
    assert rows(description, "share of words known")["test"]["all"] == "50.0%"
    assert panel(description, "words of a training") == {
        "bad": {2: 1.0},
        "good": {1: 0.5, 2: 0.0, 3: 0.0, 4: 0.5},
    }


@pytest.mark.data
def test_real_sentences_as_others_count_them(data_folder, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(data_folder))
    assert rows(describe(sst()), "examples")["train"]["number"] == "8,544"
