"""`.question` files: what they say, and what is wrong with those that say nothing."""

import io
import tarfile

import numpy as np
import pytest

from attnlab.tasks.cloze import corpora

TEXT = """http://example.org/1

( @entity2 ) the pope met @entity0 in @entity7 . @entity0 thanked him .

@placeholder thanked the pope in @entity7

@entity0

@entity0:John: of Oslo
@entity2:AP
@entity7:Rome
"""


def parse(text):
    return corpora.parse_question(text, "q")


def line(number, content):
    lines = TEXT.splitlines()
    lines[number - 1] = content
    return "\n".join(lines)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_question_is_read(ending):
    found = parse(TEXT.replace("\n", ending))
    assert found.passage[:6] == ("(", "@entity2", ")", "the", "pope", "met")
    assert found.query == tuple("@placeholder thanked the pope in @entity7".split())
    assert found.answer == "@entity0"
    assert dict(found.names)["@entity0"] == "John: of Oslo"
    assert found.candidates == ("@entity2", "@entity0", "@entity7")
    assert found.support == found.told == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "q:1: the address is missing"),
        ("\n".join(TEXT.splitlines()[:3]), "q:5: the query is missing"),
        (line(3, ""), "q:3: the passage is missing"),
        (line(2, "more"), "q:2: a blank line must follow the address, got 'more'"),
        (line(5, "who thanked the pope"), "q:5: the query has no @placeholder"),
        (line(7, "John"), "q:7: the answer is 'John', must be one entity"),
        (line(7, "@entity0 @entity2"), "q:7: the answer is '@entity0 @entity2'"),
        (line(7, "@entity9"), "q:7: the answer @entity9 does not occur"),
        (line(10, "@entity2"), "q:10: '@entity2' is not a name"),
        (line(10, "@placeholder:AP"), "q:10: '@placeholder:AP' is not a name"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, expected):
    with pytest.raises(ValueError) as error:
        parse(text)
    assert expected in str(error.value)


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
    names = [one.name for one in packed.train]
    assert names == [f"some.tar.gz/cnn/questions/training/{n}.question" for n in "ab"]
    for one, other in zip(packed.train, folder.train, strict=True):
        assert one._replace(name="") == other._replace(name="")
    assert len(corpora.read_questions(archive)) == 4


def test_bad_files_are_named(archive, tmp_path):
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(ValueError, match="cut.tar.gz is not a whole archive"):
        corpora.read_questions(cut)
    with pytest.raises(ValueError, match="no .question file in a folder 'other'"):
        corpora.read_questions(archive, "other")
    with pytest.raises(FileNotFoundError, match="there is no .*nowhere"):
        corpora.read_questions(tmp_path / "nowhere")
    (tmp_path / "one").mkdir()
    bad = tmp_path / "one" / "x.question"
    bad.write_bytes(TEXT.replace("pope", "p\xf6pe").encode("latin-1"))
    with pytest.raises(ValueError, match="one/x.question:3: not UTF-8"):
        corpora.read_questions(tmp_path / "one")
    bad.write_text(line(7, "nobody"))
    with pytest.raises(ValueError, match="one/x.question:7: the answer is 'nobody'"):
        corpora.read_questions(tmp_path / "one")
    with pytest.raises(ValueError, match="need dev and test, or neither"):
        corpora.question_files(str(archive), dev=str(archive))
    with pytest.raises(ValueError, match="need train"):
        corpora.question_files()


def test_baselines_by_hand():
    passage = tuple("@entity1 a @entity3 @entity1 b @entity3 @entity1 @entity2".split())
    one = corpora.ClozeQuestion("x", passage, ("@placeholder", "@entity1"), "@entity3")
    other = one._replace(answer="@entity1")
    both = [one, other]
    assert corpora.most_frequent(both) == [False, True]
    assert corpora.exclusive_frequency(both) == [True, False]
    assert corpora.chance(both) == pytest.approx(1 / 3)
    tie = one._replace(passage=tuple("@entity5 @entity3".split()))
    assert corpora.most_frequent([tie]) == [False]  # the first of equals


def test_further_questions_are_all_that_a_passage_gives():
    text = "@entity1 met @entity2 . @entity1 left . @entity3 saw @entity2 and @entity4"
    one = corpora.ClozeQuestion("x", tuple(text.split()), ("@placeholder",), "@entity1")
    other = one._replace(name="y")  # the same text once more: nothing to add
    found = corpora.asked_further([one, other])
    assert [(" ".join(q.query), q.answer) for q in found] == [
        ("@placeholder met @entity2 .", "@entity1"),
        ("@entity1 met @placeholder .", "@entity2"),
        ("@entity3 saw @placeholder and @entity4", "@entity2"),
    ]
    assert " ".join(found[0].passage) == text[24:]
    assert " ".join(found[2].passage) == text[:39]
    assert [q.name for q in found][2] == "x, words 7 to 11, @entity2"
    asked = one._replace(query=("@placeholder", "met", "@entity2", "."))
    assert len(corpora.asked_further([asked])) == 2  # it was asked already


@pytest.mark.data
def test_the_newswire_questions(data_folder):
    found = corpora.ieer(folder=data_folder)
    assert [len(split) for split in found[1:4]] == [374, 72, 33]
    every = [*found.train, *found.dev, *found.test]
    assert all(one.answer in one.candidates for one in every)
    assert all(dict(one.names)[one.answer] for one in every)
    assert np.mean(corpora.most_frequent(found.test)) == pytest.approx(13 / 33)
    more = corpora.ieer(further=True, folder=data_folder)
    assert more[2:] == found[2:]  # development and test are as they were
    assert more.train[:374] == found.train and len(more.train) > 1000
    assert all(one.answer in one.candidates for one in more.train)


def test_folds_part_texts_and_test_each_question_once():
    text = "@entity0 met @entity1 ."
    questions = [
        corpora.parse_question(
            f"text {n // 2}\n\n{text}\n\n@placeholder met @entity1 .\n\n@entity0\n",
            f"q{n}",
        )
        for n in range(23)
    ]
    tested = []
    for fold in range(corpora.FOLDS):
        splits = corpora.folded(questions, fold)
        addresses = [{one.address for one in split} for split in splits.values()]
        assert all(addresses) and not set.intersection(*addresses)
        assert sum(map(len, addresses)) == 12 and sum(map(len, splits.values())) == 23
        tested += splits["test"]
    assert sorted(one.name for one in tested) == sorted(one.name for one in questions)
    with pytest.raises(ValueError, match="fold is 5; choose 0 to 4"):
        corpora.folded(questions, 5)


@pytest.mark.data
def test_folds_of_the_newswire(data_folder):
    folds = [corpora.ieer(fold=fold, folder=data_folder) for fold in range(5)]
    assert sum(len(one.test) for one in folds) == 479
    assert {len({q.address for q in one.test}) for one in folds} == {18, 19}


@pytest.mark.data
def test_five_questions_of_cnn(data_folder):
    found = corpora.read_questions(data_folder / "cloze" / "cnn_fixture5.tar.gz")
    assert [len(one.passage) for one in found] == [1031, 464, 503, 1162, 629]
    assert [one.answer[-1] for one in found] == ["1", "0", "9", "3", "0"]
