import io
import tarfile

import pytest

from attnlab.corpora.folder import MissingCorpus
from attnlab.tasks.memn2n.babi import ARCHIVES, babi, parse, split_off, task_numbers

TEXT = """\
1 Mary moved to the bathroom.
2 John went to the hallway.
3 Where is Mary? \tbathroom\t1
4 Mary took the milk, there.
5 What is Mary carrying?\tApple,Milk\t4 2
1 The box isn't big.
2 How big?\tno\t1
"""


def test_stories_questions_and_facts_are_read():
    first, second = parse(TEXT.splitlines(), "7", "here")
    question, second_question = first
    assert question.story == (
        ("mary", "moved", "to", "the", "bathroom"),
        ("john", "went", "to", "the", "hallway"),
    )
    assert (
        question.question == ("where", "is", "mary") and question.answer == "bathroom"
    )
    assert question.facts == {0} and question.task == "7"
    assert second_question.story == (
        *question.story,
        ("mary", "took", "the", "milk", "there"),
    )
    assert second_question.answer == "apple,milk"
    assert second_question.facts == {2, 1}  # line 4 is the third sentence
    assert second[0].story == (("the", "box", "isn't", "big"),)


@pytest.mark.parametrize(
    "text",
    ["Mary went.", "1 a.\n2 Where?\tx", "1 a.\n2 Where?\tx\t3", "2 Where?\tx\t1"],
)
def test_a_line_that_is_no_such_thing_is_named(text):
    where = f"file.txt:{len(text.splitlines())}:"
    with pytest.raises(ValueError, match=where):
        parse(text.splitlines(), "1", "file.txt")


def test_tasks_by_number():
    assert task_numbers("3") == [3]
    assert task_numbers("1, 5-7,6") == [1, 5, 6, 7]
    for wrong, named in (("a", "'a'"), ("0", "0"), ("19-22", "21"), ("3-2", "none")):
        with pytest.raises(ValueError, match=named):
            task_numbers(wrong)


def test_whole_stories_are_held_out():
    stories = parse(TEXT.splitlines(), "1", "here")
    kept, held = split_off(stories, 0.1)
    assert [len(kept), len(held)] == [2, 1] and held == stories[1]


def archive(folder, names):
    path = folder / ARCHIVES["1k"][0]
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(f"babi_v1-2/en/{name}")
            info.size = len(TEXT)
            tar.addfile(info, io.BytesIO(TEXT.encode()))


def test_an_archive_is_read_without_unpacking(tmp_path):
    archive(tmp_path, ["qa1_a_train.txt", "qa1_a_test.txt", "qa11_b_test.txt"])
    corpus = babi("1", folder=tmp_path)
    assert [len(corpus.train), len(corpus.dev), len(corpus.test)] == [2, 1, 3]
    with pytest.raises(ValueError, match="task 11 .*choose 1$"):
        babi("11", folder=tmp_path)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(MissingCorpus, match="babi_tasks_v1-2_en_1k.tar.gz"):
        babi(folder=tmp_path)
    for option, value in {"size": "2k", "held_out": 1.0, "tasks": "21"}.items():
        with pytest.raises(ValueError, match=f"(?s){option}.*{value}"):
            babi(**{option: value}, folder=tmp_path)


@pytest.mark.data
def test_the_real_tasks(data_folder):
    corpus = babi("1-20", folder=data_folder)
    assert len(corpus.train) + len(corpus.dev) == len(corpus.test) == 20_000
    assert {question.task for question in corpus.dev} == {
        str(task) for task in range(1, 21)
    }
    assert 2_000 <= len(corpus.dev) < 2_100
    assert all(
        question.facts and max(question.facts) < len(question.story)
        for question in corpus.test
    )
    assert {question.answer for question in corpus.test} <= {
        question.answer for question in (*corpus.train, *corpus.dev)
    } | {question.answer for question in corpus.test if question.task == "8"}
    large = babi("19", size="10k", folder=data_folder)
    assert len(large.train) + len(large.dev) == 10_000
    assert large.test[0].answer.count(",") == 1
