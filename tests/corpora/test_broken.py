"""Broken text: an error names file and line, or what is left out is counted."""

import gzip
import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from attnlab.tasks.captioning.karpathy import folder as karpathy
from attnlab.tasks.captioning.pictures import emoji_captions
from attnlab.tasks.classification.corpora import load as load_labeled
from attnlab.tasks.cloze.corpora import read_questions
from attnlab.tasks.memn2n.babi import babi
from attnlab.tasks.translation.task import make_task
from attnlab.text.links import read_pharaoh, read_wpt
from attnlab.text.parallel_corpora import load
from tests.tiny import tiny

GOOD = "das Haus\nja\nnein\n"


@pytest.fixture
def pair(tmp_path):
    """A maker of the corpus `files` whose source side has this content."""

    def make(content: bytes, target=b"the house\nyes\nno\n", split="train"):
        (tmp_path / "good.de").write_text(GOOD)
        (tmp_path / "good.en").write_text("the house\nyes\nno\n")
        (tmp_path / "a.de").write_bytes(content)
        (tmp_path / "a.en").write_bytes(target)
        paths = {"train": (tmp_path / "good.de", tmp_path / "good.en")}
        paths[split] = (tmp_path / "a.de", tmp_path / "a.en")
        return load("files", **paths)

    return make


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    "content, message",
    [
        ("das Haus\ngrößer\nnein\n".encode("latin-1"), r"a.de:2: not UTF-8"),
        (b"das Haus\nja\ne\xf0\x9f\n", r"a.de:3: not UTF-8"),  # half a character
        (b"das Haus\nj\0a\nnein\n", r"a.de:2: a NUL byte"),
        (GOOD.encode("utf-16"), r"a.de:1: a NUL byte"),
        (b"das Haus\nja\n", r"a.de has 2 lines, .*a.en has 3"),
        (b"das Haus\nja\nnein\n\n", r"a.de has 4 lines, .*a.en has 3"),
        (b"", r"a.de has 0 lines, .*a.en has 3"),
    ],
)
def test_broken_text_names_file_and_line(pair, content, message, split):
    with pytest.raises(ValueError, match=message):
        pair(content, split=split)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.removesuffix("\n").encode(),
    ],
)
def test_marks_and_ends_of_other_systems_change_nothing(pair, content):
    assert [p.source for p in pair(content).train] == [
        ("das", "Haus"),
        ("ja",),
        ("nein",),
    ]


def test_separators_inside_a_line_do_not_end_it(pair):
    corpus = pair("das\u2028Haus\nja\x85\x0c\nnein\x1c\n".encode())
    assert len(corpus.train) == 3
    assert corpus.train[0].source == ("das", "Haus")


def test_empty_lines_are_left_out_and_counted(pair):
    corpus = pair(b"das Haus\n \t\nnein\n")
    assert len(corpus.train) == 2
    assert corpus.notes == (
        "1 of 3 training lines have no word on a side, and are left out",
    )
    assert pair(GOOD.encode()).notes == ()
    with pytest.raises(ValueError, match="train has no pair with words on both sides"):
        pair(b"\n\n\n")


def run_task(tmp_path, **data):
    own = {f"data.files.{name}": value for name, value in data.items()}
    return make_task(tiny(**{"data.name": "files", **own}), tmp_path)


LONG = "wort " * 10_000
HUGE = "ab" * 500_000  # one word of a megabyte


@pytest.mark.parametrize("line", [LONG, HUGE, "wort " * 210_000])
def test_long_training_lines_are_left_out_and_counted(tmp_path, line):
    lines = ["das Haus", "ja", "nein"] * 8
    (tmp_path / "a").write_text("\n".join([*lines, line]) + "\n")
    (tmp_path / "b").write_text("\n".join([*lines, line]) + "\n")
    (tmp_path / "c").write_text("ja\n" * 8)
    train, dev = f"{tmp_path}/a,{tmp_path}/b", f"{tmp_path}/c,{tmp_path}/c"
    task = run_task(tmp_path, train=train, dev=dev, test=dev)
    if line == HUGE:  # one word, though a long one
        assert task.notes == []
        assert max(map(len, (tmp_path / "source.codec").read_text().split("\n"))) > 999
    else:
        (note,) = task.notes
        assert note.startswith("1 of 25 training pairs are longer than 12 with the end")


def test_a_test_sentence_of_ten_thousand_words_is_named(tmp_path):
    for name, text in {"a": "ja\n" * 8, "b": f"ja\n{LONG}\n"}.items():
        (tmp_path / name).write_text(text)
    train, test = f"{tmp_path}/a,{tmp_path}/a", f"{tmp_path}/b,{tmp_path}/b"
    message = "sentence 2 of test has 10000 words, more than 1000"
    with pytest.raises(ValueError, match=message):
        run_task(tmp_path, train=train, dev=train, test=test)


def test_broken_links_name_file_and_line(tmp_path):
    path = tmp_path / "a.links"
    path.write_bytes(b"0-0\n1-\xff\n")
    with pytest.raises(ValueError, match=r"a.links:2: not UTF-8"):
        read_pharaoh(path)
    path.write_bytes(b"1 1 1 S\n1 2\0 2 S\n")
    with pytest.raises(ValueError, match=r"a.links:2: a NUL byte"):
        read_wpt(path)


# The other tasks' readers.


def packed(path, text: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text))


def test_a_labeled_sentence_that_is_broken(tmp_path):
    path = tmp_path / "sst" / "sst5_train.txt.gz"
    packed(path, b"3 ||| fine\n1 ||| gr\xf6sser\n")
    with pytest.raises(ValueError, match=r"sst5_train.txt.gz:2: not UTF-8"):
        load_labeled("sst", folder=tmp_path)
    packed(path, b"3 ||| fine\n1 ||| a\0b\n")
    with pytest.raises(ValueError, match=r"sst5_train.txt.gz:2: a NUL byte"):
        load_labeled("sst", folder=tmp_path)
    packed(path, b"3 ||| fine\n\n")
    with pytest.raises(ValueError, match=r"sst5_train.txt.gz:2: not '0-4"):
        load_labeled("sst", folder=tmp_path)
    content = gzip.compress(b"3 ||| fine\n" * 999)
    for wrong in (content[:-9], content[:20] + b"\xff\xff" + content[22:]):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"sst5_train.txt.gz is not a whole gzip"):
            load_labeled("sst", folder=tmp_path)


def tar(path, files: dict[str, bytes]):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


QUESTION = b"1 Mary went home.\n2 Where is Mary?\thome\t1\n"


@pytest.mark.parametrize(
    "content, message",
    [
        (QUESTION + b"1 gr\xf6sser\n", r"qa1_x_train.txt:3: not UTF-8"),
        (QUESTION + b"1 a\0b\n", r"qa1_x_train.txt:3: a NUL byte"),
        (QUESTION + b"\n1 a b.\n", r"qa1_x_train.txt:3: no number and sentence"),
        (QUESTION + b"3 Who?\tMary\n", r"qa1_x_train.txt:3: no question, answer"),
    ],
)
def test_a_story_that_is_broken(tmp_path, content, message):
    from attnlab.tasks.memn2n.babi import ARCHIVES

    relative, inside = ARCHIVES["1k"]
    names = [f"tasks/{inside}/qa1_x_{split}.txt" for split in ("train", "test")]
    tar(tmp_path / relative, {names[0]: content, names[1]: QUESTION})
    with pytest.raises(ValueError, match=message):
        babi("1", folder=tmp_path)
    whole = (tmp_path / relative).read_bytes()
    (tmp_path / relative).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is not a whole archive"):
        babi("1", folder=tmp_path)


def test_a_cloze_question_that_is_broken(tmp_path):
    (tmp_path / "a.question").write_bytes(b"x\n\na\xff\n")
    with pytest.raises(ValueError, match=r"a.question:3: not UTF-8"):
        read_questions(tmp_path)
    (tmp_path / "a.question").write_bytes(b"x\0")
    with pytest.raises(ValueError, match=r"a.question:1: a NUL byte"):
        read_questions(tmp_path)


def test_a_table_of_pictures_that_is_broken(tmp_path):
    (tmp_path / "emoji_captions").mkdir()
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "emoji_captions" / "sprites_32px.png")
    packed(
        tmp_path / "emoji_captions" / "captions.tsv.gz", b"index\tcaption\n0\ta\xff\n"
    )
    with pytest.raises(ValueError, match=r"captions.tsv.gz:2: not UTF-8"):
        emoji_captions(folder=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b'{"images": [{"filename": "gr\xf6"}]}',
        b"[" * 100_000,
        b'{"images": [3]}',
        b'{"images": [{"filename": "a", "split": "train", "sentences": ["text"]}]}',
        b'{"images": [{"filename": "a", "split": "val", "sentences": [{"raw": ""}]}]}',
        b"",
    ],
)
def test_captions_that_are_broken(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"a.json"):
        karpathy(tmp_path / "a.json", tmp_path)


# Nothing that is read is run.


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_features_with_pickled_objects_are_refused(tmp_path, kind):
    array = np.array([Trap(tmp_path / "sprung")], dtype=object)
    path = tmp_path / f"features.{kind}"
    if kind == "npz":
        np.savez(path, **{"a.jpg": array})
    else:
        np.save(path, array)
    record = {"filename": "a.jpg", "split": "train", "sentences": [{"tokens": ["a"]}]}
    (tmp_path / "a.json").write_text(json.dumps({"images": [record]}))
    with pytest.raises(ValueError, match=f"features.{kind} cannot be read"):
        karpathy(tmp_path / "a.json", features=path)
    assert not (tmp_path / "sprung").exists()
    with open(path, "rb") as file, pytest.raises(ValueError, match="allow_pickle"):
        held = np.load(file, allow_pickle=False)
        held["a.jpg"]


def test_a_pickle_is_no_archive_of_arrays(tmp_path):
    from attnlab import runs

    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    (tmp_path / "a.npz").write_bytes(trap)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", trap)
    for name in ("a.npz", "b.npz"):
        with pytest.raises(ValueError, match=f"{name} cannot be read"):
            runs.read_arrays(tmp_path / name)
    assert not (tmp_path / "sprung").exists()
    pickle.loads(trap).close()  # it does work where it is let to
    assert (tmp_path / "sprung").exists()
