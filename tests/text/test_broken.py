"""Broken text: an error names file and line, or what is left out is counted."""

import io
import os
import tarfile
from functools import partial

import pytest

from attnlab.corpora.loading import load_corpus
from attnlab.text.links import read_pharaoh, read_wpt
from attnlab.text.parallel_corpora import CORPORA
from attnlab.text.read_text import LARGEST, opened_tar, read_member

load = partial(load_corpus, CORPORA)

GOOD = "das Haus\nja\nnein\n"


@pytest.fixture
def pair(tmp_path):
    """A maker of the corpus `files` whose source side has this content."""

    def make(content: bytes, target=b"the house\nyes\nno\n", split="train"):
        (tmp_path / "good.de").write_text(GOOD)
        (tmp_path / "good.en").write_text("the house\nyes\nno\n")
        (tmp_path / "a.de").write_bytes(content)
        (tmp_path / "a.en").write_bytes(target)
        paths = {"train": f"{tmp_path}/good.de,{tmp_path}/good.en"}
        paths[split] = f"{tmp_path}/a.de,{tmp_path}/a.en"
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
    assert corpus.train[0].source == ("das\u2028Haus",)


def test_empty_lines_are_left_out_and_counted(pair):
    corpus = pair(b"das Haus\n \t\nnein\n")
    assert len(corpus.train) == 2
    assert corpus.notes == (
        "1 of 3 training lines have no word on a side, and are left out",
    )
    assert pair(GOOD.encode()).notes == ()
    with pytest.raises(ValueError, match="train has no pair with words on both sides"):
        pair(b"\n\n\n")


def test_broken_links_name_file_and_line(tmp_path):
    path = tmp_path / "a.links"
    path.write_bytes(b"0-0\n1-\xff\n")
    with pytest.raises(ValueError, match=r"a.links:2: not UTF-8"):
        read_pharaoh(path)
    path.write_bytes(b"1 1 1 S\n1 2\0 2 S\n")
    with pytest.raises(ValueError, match=r"a.links:2: a NUL byte"):
        read_wpt(path)


def test_links_in_a_circle_are_named(tmp_path):
    path = tmp_path / "circle.tar"
    with tarfile.open(path, "w") as archive:
        for name, to in (("a", "b"), ("b", "a")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, to
            archive.addfile(link)
    with opened_tar(path) as archive, pytest.raises(ValueError, match="a is a link"):
        read_member(archive, archive.getmember("a"), path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_in_an_archive_leads_nowhere_else(tmp_path, kind):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        inside = tarfile.TarInfo("a.txt")
        inside.size = 5
        archive.addfile(inside, io.BytesIO(b"words"))
        for name, target in (("good", "a.txt"), ("bad", os.devnull)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            archive.addfile(link)
    with opened_tar(path) as archive:
        contents = {
            member.name: read_member(archive, member, path)
            for member in archive
            if member.name != "bad"
        }
        assert contents == {"a.txt": b"words", "good": b"words"}
        with pytest.raises(ValueError, match="a.tar: bad is a link to /dev/null"):
            read_member(archive, archive.getmember("bad"), path)


def test_a_file_of_an_archive_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        large = tarfile.TarInfo("zeros")
        large.size = 3
        archive.addfile(large, io.BytesIO(b"000"))
    with opened_tar(path) as archive:
        member = archive.getmember("zeros")
        member.size = LARGEST + 1  # as its header may say
        with pytest.raises(ValueError, match="zeros unpacks to 0.5 GiB"):
            read_member(archive, member, path)


def test_a_broken_archive_is_one_line(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"\x1f\x8b no archive" * 50)
    with pytest.raises(ValueError, match="a.tar.gz is not a whole archive: ") as error:
        with opened_tar(path):
            pass
    assert "\n" not in str(error.value)
