"""One's own stories: as JSON lines or in bAbI's form, trained on, asked about."""

import json
from pathlib import Path

import numpy as np
import pytest

import attnlab
from attnlab import runs
from attnlab.corpora.loading import load_corpus
from attnlab.sweep import rows
from attnlab.tasks.memn2n.corpora import CORPORA
from attnlab.training.run import run
from configs.memn2n import get_config
from tests.tasks.memn2n.small import TINY

PLACES = ("New York", "Rome", "Oslo")


def example(n, **fields):
    story = [f"Mary went to {PLACES[n % 3]}.", f"It was day {n}."]
    asked = {"story": story, "question": "Where is Mary?", "answer": PLACES[n % 3]}
    return asked | {"support": [0]} | fields


def lines(*examples):
    return "".join(json.dumps(each) + "\n" for each in examples)


# Two questions a story, the second after a sentence more.
BABI = "".join(
    f"1 Mary went to {PLACES[n % 3]}.\n2 Where is Mary?\t{PLACES[n % 3]}\t1\n"
    f"3 John went to day {n}.\n4 Where is John?\tday\t3\n"
    for n in range(12)
)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text(lines(*map(example, range(20))))
    (tmp_path / "a.txt").write_text(BABI)
    return tmp_path


def load(**options):
    return load_corpus(CORPORA, "files", **options)


def test_json_lines_are_read_and_split(here):
    corpus = load(train="a.jsonl")
    assert [len(s) for s in (corpus.train, corpus.dev, corpus.test)] == [16, 2, 2]
    question = next(q for q in corpus.train if q.story[1][-1] == "3")
    assert question.story[0] == ("mary", "went", "to", "new", "york")
    assert question.question == ("where", "is", "mary")
    assert question.answer == "new_york" and question.facts == {0}
    (here / "b.jsonl").write_text(
        lines(example(1, support=[1, 0]), example(2, support=None))
    )
    corpus = load(train="a.jsonl", dev="b.jsonl", test="b.jsonl")
    assert len(corpus.train) == 20
    assert [question.facts for question in corpus.test] == [{0, 1}, frozenset()]


def test_the_questions_of_a_story_in_the_form_of_babi_stay_together(here):
    corpus = load(train="a.txt", held_out=0.25)
    splits = (corpus.train, corpus.dev, corpus.test)
    assert [len(split) for split in splits] == [12, 6, 6]
    for split in splits:
        answers = [question.answer for question in split]
        assert answers.count("day") == len(answers) / 2
    first = corpus.train[0]
    assert first.facts == {0} and first.story == (("mary", "went", "to", first.answer),)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"support": [2]}, "support is 2, not a sentence from 0 to 1"),
        ({"support": [0, -1]}, "support is -1, not"),
        ({"support": [True]}, "support is True, not"),
        ({"support": [1.0]}, "support is 1.0, not"),
        ({"support": 1}, "support is 1, not a list"),
        ({"story": []}, r"story is \[\], not a list of texts"),
        ({"story": "a"}, "story is 'a', not a list of texts"),
        ({"story": ["a", ""]}, r"story\[1\] is '', not a text"),
        ({"story": ["a", "..."]}, r"story\[1\] is '...', not a text of words"),
        ({"question": "?"}, "question is '.', not a text of words"),
        ({"answer": 3}, "answer is 3, not a text"),
        ({"answer": " "}, "answer is ' ', not a text"),
    ],
)
def test_a_bad_line_is_named(here, fields, message):
    (here / "b.jsonl").write_text(lines(example(0), example(1, **fields)))
    with pytest.raises(ValueError, match=f"^b.jsonl:2: {message}"):
        load(train="a.jsonl", dev="b.jsonl")
    asked = example(1)
    del asked["answer"]
    (here / "b.jsonl").write_text(lines(asked))
    with pytest.raises(
        ValueError, match="^b.jsonl:1: no 'answer'; the line has 'story'"
    ):
        load(train="b.jsonl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "^b.txt holds no question"),
        ("1 Mary went.\n", "^b.txt holds no question"),
        ("1 Mary went.\n2 Where?\tRome\t2\n", "^b.txt:2: no question, answer and earl"),
        ("1 Mary went.\n2 Where?\t\t1\n", "^b.txt:2: no question, answer and earlier"),
        ("1 Mary went.\n2 ?\tRome\t1\n", "^b.txt:2: no question, answer and earlier"),
        ("Mary went.\n", "^b.txt:1: no number and sentence"),
        (BABI[:50], "^b.txt:2: no question, answer"),
    ],
)
def test_a_bad_file_in_the_form_of_babi_is_named(here, text, message):
    (here / "b.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        load(train="b.txt")
    with pytest.raises(FileNotFoundError, match="no file 'c.txt'"):
        load(train="c.txt")


def test_a_run_answers_as_it_was_judged(here):
    options = {k: v for k, v in TINY.items() if "stories" not in k}
    options |= {"data.files.train": "a.jsonl", "model.linear_start": 0}
    plan = rows.plan(get_config("files"), lambda add: add("row"), options)
    (folder,) = rows.write_folders(plan, here / "runs")
    assert 0 <= run(folder, console=False)["pointing"] <= 1
    (here / "a.jsonl").unlink()  # a run needs its stories no more
    trained = attnlab.load(folder)
    text = runs.read_arrays(folder / runs.EXAMPLES)["questions"].tobytes()
    pairs = runs.read_alignments(folder)["test"]
    for pair, judged in zip(pairs, json.loads(text), strict=True):
        answer = trained.answer(pair.source, judged["question"] + "?")
        assert answer.answer == judged["predicted"]
        best = answer.probabilities[answer.answer]
        np.testing.assert_allclose(best, judged["probability"], rtol=1e-5)
        np.testing.assert_allclose(answer.weights, pair.weights, rtol=1e-4, atol=1e-6)
    (path,) = answer.plot(here / "answer.png")
    assert path.stat().st_size > 1000
    (folder / runs.CORPUS).write_text('{"sentences": 9, "words": 9}')
    with pytest.raises(ValueError, match="corpus.json is damaged: see files.sha256"):
        attnlab.load(folder)
