"""The user's own files, and how a corpus that is not there is reported."""

import gzip
from functools import partial

import pytest

from attnlab.corpora.folder import MissingCorpus, data_folder
from attnlab.corpora.loading import load_corpus
from attnlab.text.lines import read_lines
from attnlab.text.pairs import GoldPair, Pair
from attnlab.text.parallel_corpora import CORPORA
from attnlab.text.words import tokenize

load = partial(load_corpus, CORPORA)

FIRST = GoldPair(
    ("das", "Haus"),
    ("the", "house"),
    frozenset({(0, 0), (1, 1)}),
    frozenset({(0, 0), (1, 1), (0, 1)}),
)


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        if name.endswith(".gz"):
            (tmp_path / name).write_bytes(gzip.compress(text.encode()))
        else:
            (tmp_path / name).write_bytes(text.encode())
        return name

    write("a.de", "das Haus\nja\n")
    write("a.en", "the house\nyes\n")
    write("a.links", "0-0 1-1 1?0\n0-0\n")
    return write


def test_two_files_or_one_with_columns(write):
    expected = [Pair(("das", "Haus"), ("the", "house")), Pair(("ja",), ("yes",))]
    write("b.tsv.gz", "das Haus\tthe house\nja\tyes\n")
    assert load("files", train=("a.de", "a.en")).train == expected
    corpus = load("files", train="a.de,a.en", dev="b.tsv.gz", test="b.tsv.gz")
    assert corpus.train == corpus.dev == corpus.test == expected
    assert corpus.gold == {}


def test_training_drops_half_empty_pairs_but_a_test_set_keeps_its_lines(write):
    write("c.tsv", "ja\tyes\n\tno\n")
    corpus = load("files", train="c.tsv", test="c.tsv")
    assert len(corpus.train) == 1 and len(corpus.test) == 2


def test_more_files_of_a_text_are_further_references(write):
    write("b.en", "the home\nYEAH\n")
    write("c.en", "\nsure\n")
    pair = "a.de,a.en"
    corpus = load("files", train=pair, test=f"{pair},b.en,c.en", dev=pair)
    assert corpus.test == corpus.dev == corpus.train
    assert corpus.further == {"test": [(("the", "home"),), (("YEAH",), ("sure",))]}
    assert corpus.reference_lines("test") == ["the house\tthe home", "yes\tYEAH\tsure"]
    assert corpus.reference_lines("dev") == ["the house", "yes"]
    lower = load("files", train=pair, test=f"{pair},b.en", lowercase=True)
    assert lower.reference_lines("test")[1] == "yes\tyeah"
    write("d.en", "one\n")
    with pytest.raises(ValueError, match="d.en has 1"):
        load("files", train="a.de,a.en", test="a.de,a.en,d.en")
    with pytest.raises(ValueError, match="train names 3 files"):
        load("files", train="a.de,a.en,b.en")


def test_gold_in_pharaoh_format(write):
    corpus = load("files", train="a.de,a.en", gold="a.de,a.en,a.links")
    assert corpus.gold["gold"][0] == FIRST
    write("d.tsv", "das Haus\tthe house\t1-1 2-2 2p1\n")
    options = {"gold": {"mine": "d.tsv"}, "one_based": True}
    assert load("files", train="a.de,a.en", **options).gold == {"mine": [FIRST]}


def test_links_of_the_other_direction(write):
    corpus = load(
        "files", train="a.en,a.de", gold="a.en,a.de,a.links", target_first=True
    )
    assert corpus.gold["gold"][0].possible == {(0, 0), (1, 1), (1, 0)}


def test_gold_in_the_format_of_the_shared_task(write):
    write("w.de", "<s snum=0007> das Haus </s>\n<s snum=0009> ja </s>\n")
    write("w.en", "<s snum=0007> the house </s>\n<s snum=0009> yes </s>\n")
    write("w.wa", "0007 1 1 S\n0007 2 2 S\n0007 1 2 P\n")
    corpus = load(
        "files",
        train="a.de,a.en",
        gold="w.de,w.en,w.wa",
        gold_format="wpt",
        target_first=True,
    )
    assert corpus.gold["gold"] == [FIRST]  # sentence 9 has no links in the file
    write("x.wa", "1 1 1 S\n1 2 2 S\n1 1 2 P\n")  # plain text: ids are line numbers
    options = {"gold_format": "wpt", "target_first": True}
    corpus = load("files", train="a.de,a.en", gold="a.de,a.en,x.wa", **options)
    assert corpus.gold["gold"] == [FIRST]


def test_lower_case_keeps_the_links(write):
    options = {"gold": "a.de,a.en,a.links", "lowercase": True}
    corpus = load("files", train="a.de,a.en", **options)
    assert corpus.train[0].source == ("das", "haus")
    assert corpus.gold["gold"][0] == FIRST._replace(source=("das", "haus"))


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"x.links": "0-0\n0-1\n"}, {}, r"x\.links:2: link '0-1' .* target word 1"),
        ({"x.links": "0-0\n1-0\n"}, {}, r"x\.links:2: link '1-0' .* source word 1"),
        ({"x.links": "1-1\n0-1\n"}, {"one_based": True}, r"x\.links:2: link '0-1'"),
        ({"x.links": "0-0\n0:0\n"}, {}, r"x\.links:2: '0:0' is not a link"),
        ({"x.links": "0-0\n"}, {}, "x.links has 1 lines for 2 pairs"),
        ({"x.links": "0-0\n\n0-0\n"}, {}, "x.links has 3 lines for 2 pairs"),
        ({"x.links": "1 1 3 S\n"}, {"gold_format": "wpt"}, "x.links:1: link '1 1 3 S'"),
        ({"x.links": "3 1 1 S\n"}, {"gold_format": "wpt"}, "no pair has the id 3"),
        ({}, {"gold": "a.de,a.en"}, "'gold' names 2 files"),
        ({}, {"gold": "a.de", "gold_format": "wpt"}, "needs source, target and links"),
        ({"x.en": "yes\n"}, {"dev": "a.de,x.en"}, "a.de has 2 lines, x.en has 1"),
        ({"x.tsv": "ja\tyes\nnein\n"}, {"dev": "x.tsv"}, "x.tsv:2: 1 tab-separated"),
        ({}, {"dev": "a.de,a.en,a.links"}, "dev names 3 files"),
        ({"x.tsv": "\n"}, {"train": "x.tsv"}, "x.tsv:1: 1 tab-separated"),
        ({"x.tsv": ""}, {"train": "x.tsv"}, "train has no pair"),
        ({"x.de": "\n"}, {"train": "x.de,x.de"}, "train has no pair"),
    ],
)
def test_bad_files_are_named(write, files, options, message):
    for name, text in files.items():
        write(name, text)
    if "x.links" in files:
        options = {"gold": "a.de,a.en,x.links"} | options
    with pytest.raises(ValueError, match=message):
        load("files", **{"train": "a.de,a.en"} | options)


def test_bad_numbered_files_are_named(write):
    write("w.de", "<s snum=7> das </s>\n<s snum=7> ja </s>\n")
    write("w.en", "<s snum=8> the </s>\n")
    options = {"train": "a.de,a.en", "gold_format": "wpt"}
    with pytest.raises(ValueError, match="w.de:2: sentence 7 is there twice"):
        load("files", gold="w.de,w.en,a.links", **options)
    with pytest.raises(ValueError, match="sentence 1 is in only one of w.en and a.en"):
        load("files", gold="w.en,a.en,a.links", **options)
    with pytest.raises(FileNotFoundError, match="absent"):
        load("files", train="absent,a.en")


def test_lines_end_at_newlines_only(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("\ufeffa\u2028b\r\n\x85c\n".encode())
    assert read_lines(path) == ["a\u2028b", "\x85c"]
    path.write_bytes(b"a\n\n\n")
    assert read_lines(path) == ["a", "", ""]
    path.write_bytes(b"")
    assert read_lines(path) == []
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="text:1: not UTF-8"):
        read_lines(path)
    for content in (b"not gzip", gzip.compress(b"cut short")[:-9]):
        (tmp_path / "text.gz").write_bytes(content)
        with pytest.raises(ValueError, match="text.gz is not a whole gzip file"):
            read_lines(tmp_path / "text.gz")


@pytest.mark.parametrize("name", ["hansards", "multi30k", "tatoeba", "europarl"])
def test_a_missing_corpus_says_where_it_was_sought(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(tmp_path))
    with pytest.raises(MissingCorpus) as caught:
        load(name)
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "ATTNLAB_DATA" in message and "http" in message
    assert isinstance(caught.value, FileNotFoundError)


def test_the_folder_is_the_one_named_first(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    assert data_folder("here").name == "here"
    monkeypatch.delenv("ATTNLAB_DATA")
    assert str(data_folder()) == "data"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("hansard", {}, ["'hansard'", "mean hansards", *CORPORA]),
        ("synthetic", {"lenghts": (3, 4)}, ["'lenghts'", "'synthetic'", "lengths"]),
        ("hansards", {"direction": "de-en"}, ["direction", "'de-en'", "en-fr"]),
        ("hansards", {"limit": 0}, ["limit", "0", "1"]),
        ("multi30k", {"source": "ja"}, ["source", "'ja'", "de", "en", "fr", "cs"]),
        ("multi30k", {"source": "en"}, ["multi30k", "both 'en'"]),
        ("multi30k", {"source": "cs", "tokenized": False}, ["Czech", "tokenized"]),
        ("tatoeba", {"size": "big"}, ["size", "'big'", "small", "full"]),
        ("tatoeba", {"size": "full", "silver": True}, ["silver", "'small'"]),
        ("tatoeba", {"direction": "en-fr"}, ["'en-fr'", "de-en", "en-de"]),
        ("europarl", {"direction": "en-fr"}, ["'en-fr'", "de-en", "en-de"]),
        ("files", {"gold_format": "talp"}, ["'talp'", "pharaoh", "wpt"]),
    ],
)
def test_bad_options_are_named(name, options, words):
    with pytest.raises(ValueError) as error:
        load(name, **options)
    assert [word for word in words if word not in str(error.value)] == []


def test_tokenize():
    found = tokenize("Tom's dog isn't 3 years old, \u201cis it?\u201d")
    expected = ["tom's", "dog", "isn't", "3", "years", "old", ","]
    assert found == [*expected, "\u201c", "is", "it", "?", "\u201d"]
