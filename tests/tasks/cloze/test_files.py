"""One's own questions as JSON lines: names become entities; trained on, asked about."""

import json
from pathlib import Path

import numpy as np
import pytest

import attnlab
from attnlab import runs
from attnlab.corpora.loading import load_corpus
from attnlab.sweep import rows
from attnlab.tasks.cloze.corpora import CORPORA
from attnlab.tasks.cloze.json_questions import with_entities
from attnlab.training.run import run
from configs.cloze import get_config
from tests.tasks.cloze.test_task import TINY

NAMES = ["Ann", "Bo Lee", "New York"]


def example(n, **fields):
    one, other = NAMES[n % 2], NAMES[1 - n % 2]
    return {
        "passage": f"{one} met {other} in New York. {other} left on day {n}.",
        "question": "@placeholder left New York",
        "answer": other,
        "candidates": [*NAMES, "Rome"],
    } | fields


def lines(*examples):
    return "".join(json.dumps(each) + "\n" for each in examples)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text(lines(*map(example, range(20))))
    return tmp_path


def load(**options):
    return load_corpus(CORPORA, "files", **options)


def test_names_are_entities(here):
    corpus = load(train="a.jsonl")
    assert [len(s) for s in (corpus.train, corpus.dev, corpus.test)] == [16, 2, 2]
    (question,) = [q for split in corpus[1:4] for q in split if q.name == "a.jsonl:4"]
    passage = "@entity1 met @entity0 in @entity2 . @entity0 left on day 3 ."
    assert " ".join(question.passage) == passage
    assert " ".join(question.query) == "@placeholder left @entity2"
    assert question.answer == "@entity0"
    assert dict(question.names) == {f"@entity{n}": name for n, name in enumerate(NAMES)}


def test_the_longest_name_is_taken_and_others_are_lower_cased():
    texts = ["New York City is not New  York, nor is New Haven NY.", "NY? @placeholder"]
    named = with_entities(texts, ["NY", "New York", "New York City", "NY"])
    assert " ".join(named.texts[0]) == (
        "@entity2 is not @entity1 , nor is new haven @entity0 ."
    )
    assert named.texts[1] == ("@entity0", "?", "@placeholder")
    assert named.entity("New   York") == "@entity1" and named.entity("Rome") is None


def test_text_with_entities_is_cut_already(here):
    question = example(0, passage="@entity3 saw @entity1 's dog .", answer="@entity1")
    question |= {"question": "@placeholder has a Dog"}
    bare = question | {"candidates": None}
    (here / "b.jsonl").write_text(
        lines(bare, question | {"candidates": ["@entity1", "@entity3"]})
    )
    first, second = load(train="a.jsonl", dev="b.jsonl", test="b.jsonl").dev
    assert first.passage == ("@entity3", "saw", "@entity1", "'s", "dog", ".")
    assert first.query[-1] == "Dog" and first.answer == "@entity1"
    assert second.answer == "@entity0" and second.names == ()  # renumbered


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"answer": "Cy"},
            "answer is 'Cy', not among candidates: Ann, Bo Lee, New York",
        ),
        ({"answer": "Rome"}, "answer is 'Rome', not in the passage"),
        (
            {"answer": "Ann", "candidates": None},
            "answer is 'Ann', not an entity such as",
        ),
        ({"answer": "@entity3", "candidates": None}, "'@entity3', not in the passage"),
        ({"question": "who left"}, "question is 'who left', not one with @placeholder"),
        ({"question": ""}, "question is '', not a text"),
        ({"passage": "  "}, "passage is '  ', not a text"),
        (
            {"passage": "Ann, @entity9, Bo Lee"},
            "@entity9 is not among the candidates: A",
        ),
        ({"candidates": []}, r"candidates is \[\], not a list of texts"),
        ({"candidates": "Ann"}, "candidates is 'Ann', not a list of texts"),
        ({"candidates": ["Ann", 1]}, r"candidates\[1\] is 1, not a text"),
    ],
)
def test_a_bad_line_is_named(here, fields, message):
    (here / "b.jsonl").write_text(lines(example(0), example(1, **fields)))
    with pytest.raises(ValueError, match=f"^b.jsonl:2: .*{message}"):
        load(train="a.jsonl", test="b.jsonl")
    asked = example(1)
    del asked["question"]
    (here / "b.jsonl").write_text(lines(asked))
    with pytest.raises(
        ValueError, match="^b.jsonl:1: no 'question'; the line has 'pass"
    ):
        load(train="b.jsonl")


def test_a_run_answers_as_it_was_judged(here):
    options = {k: v for k, v in TINY.items() if "synthetic" not in k}
    options |= {"data.files.train": "a.jsonl", "model.answers": "passage"}
    # Else the entities of each test question have numbers of their own.
    options |= {"data.numbering": "first"}
    plan = rows.plan(get_config("files"), lambda add: add("row"), options)
    (folder,) = rows.write_folders(plan, here / "runs")
    run(folder, console=False)
    given = (here / "a.jsonl").read_text().splitlines()
    test = load(train="a.jsonl").test
    (here / "a.jsonl").unlink()  # a run needs its questions no more
    trained = attnlab.load(folder)
    text = runs.read_arrays(folder / runs.EXAMPLES)["questions"].tobytes()
    judged = {each["name"]: each for each in json.loads(text)}
    pairs = runs.read_alignments(folder)["test"]
    for question, pair in zip(test, pairs, strict=True):
        asked = json.loads(given[int(question.name.split(":")[1]) - 1])
        answer = trained.answer(
            asked["passage"], asked["question"], asked["candidates"]
        )
        said = judged[question.name]["said"]
        assert answer.entity == said and answer.name == dict(question.names)[said]
        np.testing.assert_allclose(answer.weights, pair.weights, rtol=1e-4, atol=1e-6)
        assert sum(answer.scores.values()) == pytest.approx(1, rel=1e-4)
        again = trained.answer(question.passage, question.query)
        assert again.scores == answer.scores and again.name == said
    assert answer.name in repr(answer)
    drawn = [text.get_text() for text in answer.figure().axes[0].texts]
    assert "Bo Lee" in drawn and not any("@entity" in each for each in drawn)
    with pytest.raises(ValueError, match="none of the candidates Rome"):
        trained.answer("Ann left.", "@placeholder left", ["Rome"])
    with pytest.raises(ValueError, match="^candidates is 'Rome'; it must be a list"):
        trained.answer("Ann left.", "@placeholder left", "Rome")
