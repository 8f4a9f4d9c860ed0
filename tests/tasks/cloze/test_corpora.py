"""`.question` files, malformed ones too; corpora; baselines."""

import io
import tarfile

import numpy as np
import pytest

from attnlab.tasks.cloze import corpora
from attnlab.tasks.cloze.questions import (
    ClozeQuestion,
    parse_question,
    read_questions,
)

TEXT = """http://example.org/1

( @entity2 ) the pope met @entity0 in @entity7 . @entity0 thanked him .

@placeholder thanked the pope in @entity7

@entity0

@entity0:John: of Oslo
@entity2:AP
@entity7:Rome
"""


def parse(text):
    return parse_question(text, "q")


def line(number, content):
    lines = TEXT.splitlines()
    lines[number - 1] = content
    return "\n".join(lines)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_question_is_read(ending):
    question = parse(TEXT.replace("\n", ending))
    assert question.passage[:6] == ("(", "@entity2", ")", "the", "pope", "met")
    assert question.query == tuple("@placeholder thanked the pope in @entity7".split())
    assert question.answer == "@entity0"
    assert dict(question.names)["@entity0"] == "John: of Oslo"
    assert question.candidates == ("@entity2", "@entity0", "@entity7")
    assert question.support == question.support_answer == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "q:1: .*address"),
        ("\n".join(TEXT.splitlines()[:3]), "q:5: .*query"),
        (line(3, ""), "q:3: .*passage"),
        (line(2, "more"), "q:2: .*address, .*'more'"),
        (line(5, "who thanked the pope"), "q:5: .*@placeholder"),
        (line(7, "John"), "q:7: .*'John'"),
        (line(7, "@entity0 @entity2"), "q:7: .*'@entity0 @entity2'"),
        (line(7, "@entity9"), "q:7: .*@entity9"),
        (line(10, "@entity2"), "q:10: '@entity2'"),
        (line(10, "@placeholder:AP"), "q:10: '@placeholder:AP'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, expected):
    with pytest.raises(ValueError, match=expected):
        parse(text)


@pytest.fixture
def archive(tmp_path):
    """Two training questions, one for validation, one for the test."""
    path = tmp_path / "some.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        for name in ("training/b", "training/a", "validation/c", "test/d"):
            content = TEXT.replace("example", name).encode()
            info = tarfile.TarInfo(f"cnn/questions/{name}.question")
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo("cnn/questions/training/README")
        packed.addfile(info, io.BytesIO())
    return path


def test_archives_and_folders_read_alike(archive, tmp_path):
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "folder", filter="data")
    packed = corpora.question_files(str(archive))
    folder = corpora.question_files(str(tmp_path / "folder"))
    sizes = [len(packed.train), len(packed.dev), len(packed.test)]
    assert sizes == [2, 1, 1]
    names = [question.name for question in packed.train]
    assert names == [f"some.tar.gz/cnn/questions/training/{n}.question" for n in "ab"]
    for question, other in zip(packed.train, folder.train, strict=True):
        assert question._replace(name="") == other._replace(name="")
    assert len(read_questions(archive)) == 4


def test_bad_files_are_named(archive, tmp_path):
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(ValueError, match="cut.tar.gz"):
        read_questions(cut)
    with pytest.raises(ValueError, match="some.tar.gz .*'other'"):
        read_questions(archive, "other")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_questions(tmp_path / "nowhere")
    (tmp_path / "one").mkdir()
    bad = tmp_path / "one" / "x.question"
    bad.write_bytes(TEXT.replace("pope", "p\xf6pe").encode("latin-1"))
    with pytest.raises(ValueError, match="one/x.question:3: .*UTF-8"):
        read_questions(tmp_path / "one")
    bad.write_text(line(7, "nobody"))
    with pytest.raises(ValueError, match="one/x.question:7: .*'nobody'"):
        read_questions(tmp_path / "one")
    with pytest.raises(ValueError, match="dev and test"):
        corpora.question_files(str(archive), dev=str(archive))
    with pytest.raises(ValueError, match="train"):
        corpora.question_files()


def test_baselines_by_hand():
    passage = tuple("@entity1 a @entity3 @entity1 b @entity3 @entity1 @entity2".split())
    question = ClozeQuestion("x", passage, ("@placeholder", "@entity1"), "@entity3")
    other = question._replace(answer="@entity1")
    both = [question, other]
    assert corpora.most_frequent(both) == [False, True]
    assert corpora.exclusive_frequency(both) == [True, False]
    assert corpora.chance(both) == pytest.approx(1 / 3)
    tie = question._replace(passage=tuple("@entity5 @entity3".split()))
    assert corpora.most_frequent([tie]) == [False]  # the first of equals


def test_further_questions_are_all_that_a_passage_gives():
    text = "@entity1 met @entity2 . @entity1 left . @entity3 saw @entity2 and @entity4"
    question = ClozeQuestion("x", tuple(text.split()), ("@placeholder",), "@entity1")
    other = question._replace(name="y")  # the same text once more: nothing to add
    further = corpora.asked_further([question, other])
    assert [(" ".join(q.query), q.answer) for q in further] == [
        ("@placeholder met @entity2 .", "@entity1"),
        ("@entity1 met @placeholder .", "@entity2"),
        ("@entity3 saw @placeholder and @entity4", "@entity2"),
    ]
    assert " ".join(further[0].passage) == text[24:]
    assert " ".join(further[2].passage) == text[:39]
    assert further[2].name == "x, words 7 to 11, @entity2"
    asked = question._replace(query=("@placeholder", "met", "@entity2", "."))
    assert len(corpora.asked_further([asked])) == 2  # it was asked already


@pytest.mark.data
def test_the_newswire_questions(data_folder):
    ieer = corpora.ieer(folder=data_folder)
    assert [len(split) for split in ieer[1:4]] == [374, 72, 33]
    questions = [*ieer.train, *ieer.dev, *ieer.test]
    assert all(q.answer in q.candidates for q in questions)
    assert all(dict(q.names)[q.answer] for q in questions)
    assert np.mean(corpora.most_frequent(ieer.test)) == pytest.approx(13 / 33)
    more = corpora.ieer(further=True, folder=data_folder)
    assert more[2:] == ieer[2:]  # development and test are as they were
    assert more.train[:374] == ieer.train and len(more.train) > 1000
    assert all(q.answer in q.candidates for q in more.train)


def test_folds_part_texts_and_test_each_question_once():
    text = "@entity0 met @entity1 ."
    questions = [
        parse_question(
            f"text {n // 2}\n\n{text}\n\n@placeholder met @entity1 .\n\n@entity0\n",
            f"q{n}",
        )
        for n in range(23)
    ]
    tested = []
    for fold in range(corpora.FOLDS):
        splits = corpora.folded(questions, fold)
        addresses = [{q.address for q in split} for split in splits.values()]
        assert all(addresses) and not set.intersection(*addresses)
        assert sum(map(len, addresses)) == 12 and sum(map(len, splits.values())) == 23
        tested += splits["test"]
    assert sorted(q.name for q in tested) == sorted(q.name for q in questions)
    with pytest.raises(ValueError, match="fold is 5"):
        corpora.folded(questions, 5)


@pytest.mark.data
def test_folds_of_the_newswire(data_folder):
    folds = [corpora.ieer(fold=fold, folder=data_folder) for fold in range(5)]
    assert sum(len(fold.test) for fold in folds) == 479
    assert {len({q.address for q in fold.test}) for fold in folds} == {18, 19}


@pytest.mark.data
def test_five_questions_of_cnn(data_folder):
    questions = read_questions(data_folder / "cloze" / "cnn_fixture5.tar.gz")
    assert [len(q.passage) for q in questions] == [1031, 464, 503, 1162, 629]
    assert [q.answer[-1] for q in questions] == ["1", "0", "9", "3", "0"]
