"""Corpora of strings, from tiny files; the real ones as their descriptions count."""

import gzip
import re
import zipfile
from functools import partial

import pytest

from attnlab.corpora.folder import MissingCorpus
from attnlab.corpora.loading import load_corpus
from attnlab.text.pairs import GoldPair, Pair
from attnlab.text.parallel_corpora import CORPORA
from attnlab.text.strings import drawn, string_corpus

load = partial(load_corpus, CORPORA)

NETTALK = """\
aback\txb@k-\t0>1<<\t0
as\txz\t0<\t0
as\t@z\t1<\t0
xi\t-A\t0\t0
be\tbi\t1\t0
"""
CMUDICT = """\
A. 1 EY1
AB 1 AE1 B
AB 2 EY1 B IY1
AB 3 AE2 B
ABBE 1 AE1 B IY0
CAB'S 1 K AE1 B Z
"""
TRAIN = """\
aalen\tpos=V,tense=PRS\taalend
Maß\tpos=N,num=PL\tMaße
"""
DEV = """\
aalen\tpos=V,tense=PRS\taalend
aalen\tpos=V,per=1\taale
Tür\tpos=N,num=PL\tTüren
Tür\tpos=N,num=SG\tTür
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A data folder, and a maker of its files."""
    monkeypatch.setenv("ATTNLAB_DATA", str(tmp_path))

    def write(name: str, content: str | bytes):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("cmudict/cmudict", data)
        else:
            path.write_bytes(gzip.compress(data))

    return write


@pytest.fixture
def tiny(place):
    place("nettalk/nettalk.data.gz", NETTALK)
    place("cmudict/cmudict.zip", CMUDICT)
    place("sigmorphon2016_german/german-task1-train.gz", TRAIN)
    place("sigmorphon2016_german/german-task1-dev.gz", DEV)


def sources(pairs):
    return {"".join(pair.source) for pair in pairs}


def assert_no_source_is_in_two_splits(corpus):
    parts = [[p.source for p in part] for part in (*corpus[1:4],)]
    train, dev, test = map(set, parts)
    assert not (train & dev or train & test or dev & test)
    assert (len(dev), len(test)) == (len(parts[1]), len(parts[2]))
    assert len(set(corpus.train)) == len(corpus.train)
    assert set(corpus.references) <= dev | test
    for pair in (*corpus.dev, *corpus.test):
        assert corpus.references.get(pair.source, (pair.target,))[0] == pair.target


GOLD = {
    ("aback", "xb@k"): {(0, 0), (1, 1), (2, 2), (3, 3)},
    ("as", "xz"): {(0, 0), (1, 1)},
    ("as", "@z"): {(0, 0), (1, 1)},
    ("xi", "A"): {(0, 1)},
    ("be", "bi"): {(0, 0), (1, 1)},
}


def test_nettalk_links_each_phoneme_to_its_letter(tiny):
    seen = set()
    for dev, test in ((1, 2), (2, 1), (1, 1)):
        corpus = load("nettalk", dev=dev, test=test)
        assert corpus.symbols
        assert_no_source_is_in_two_splits(corpus)
        assert (len(corpus.dev), len(corpus.test)) == (dev, test)
        for split in ("test", "dev"):
            gold = corpus.gold[split]
            assert sources(gold) == sources(getattr(corpus, split))
            for pair in gold:
                key = "".join(pair.source), "".join(pair.target)
                assert pair.sure == pair.possible == GOLD[key]
                seen.add(key)
        trained = {("".join(a), "".join(b)) for a, b in corpus.train}
        linked = {
            ("".join(p.source), "".join(p.target))
            for gold in corpus.gold.values()
            for p in gold
        }
        # Both pronunciations of `as` are on the same side.
        assert trained | linked == set(GOLD) and not trained & linked
    assert ("xi", "A") in seen  # the silent letter


def test_drawn_sets_are_disjoint_and_depend_on_words_and_seed_alone():
    words = [f"w{n}" for n in range(40)]
    first, second = drawn(words, (5, 7), "a")
    assert (len(first), len(second)) == (5, 7)
    assert not first & second
    assert drawn(reversed([*words, *words]), (5, 7), "a") == [first, second]
    assert drawn(words, (5, 7), "b") != [first, second]
    assert drawn(words, (5,), "a") == [first]
    with pytest.raises(ValueError, match="40 words are to be held out, of 40"):
        drawn(words, (20, 20), "a")


def test_held_out_sources_stand_once_with_all_their_targets():
    def pair(source, target):
        return Pair(tuple(source), tuple(target))

    twice = [pair("a", "x"), pair("b", "y"), pair("a", "z"), pair("a", "x")]
    splits = {"train": twice, "dev": [], "test": twice}
    corpus = string_corpus("c", splits, ("l", "p"), "About.")
    assert corpus.train == twice[:3]
    assert corpus.test == twice[:2]
    assert corpus.references == {("a",): (("x",), ("z",))}


def test_cmudict_is_read_without_stress_and_with(tiny):
    corpus = load("cmudict", dev=1, test=1)
    assert_no_source_is_in_two_splits(corpus)
    assert corpus.symbols
    assert corpus.notes == (
        "1 of 6 lines have signs other than letters and ', and are left out",
    )
    pairs = {**dict(corpus.dev), **dict(corpus.test), **dict(corpus.train)}
    assert pairs["A", "B", "B", "E"] == ("AE", "B", "IY")
    assert pairs["C", "A", "B", "'", "S"] == ("K", "AE", "B", "Z")
    stressed = load("cmudict", dev=1, test=1, stress=True)
    pairs = {**dict(stressed.dev), **dict(stressed.test), **dict(stressed.train)}
    assert pairs["A", "B", "B", "E"] == ("AE1", "B", "IY0")
    # AE1 B and AE2 B are one pronunciation without stress.
    key = ("A", "B")
    several = [c.references.get(key) or c.train for c in (corpus, stressed)]
    said = [[getattr(one, "target", one) for one in those] for those in several]
    assert [sum(t[-1] == "B" for t in those) for those in said] == [1, 2]


def test_sigmorphon_has_features_before_characters_and_halves_its_dev_file(tiny):
    corpus = load("sigmorphon-german")
    assert_no_source_is_in_two_splits(corpus)
    assert corpus.train == [
        Pair(("pos=V", "tense=PRS", *"aalen"), tuple("aalend")),
        Pair(("pos=N", "num=PL", *"Maß"), tuple("Maße")),
    ]
    assert corpus.notes == (
        "1 of 4 lines of the dev file are in training as well, and are left out",
    )
    halves = [{p.source[2:] for p in part} for part in (corpus.dev, corpus.test)]
    assert sorted(halves, key=str) == [{tuple("Tür")}, {tuple("aalen")}]


@pytest.mark.parametrize(
    ("corpus", "file", "content", "message"),
    [
        ("nettalk", "nettalk/nettalk.data.gz", "as\txz\nbe\n", "gz:2: 1 tab-separ"),
        ("nettalk", "nettalk/nettalk.data.gz", "as\txz\nbe\tb\n", "gz:2: 'be' has 2 l"),
        ("nettalk", "nettalk/nettalk.data.gz", "as\t--\n", "gz:1: 'as' has no phon"),
        ("nettalk", "nettalk/nettalk.data.gz", "a s\t@-z\n", "gz:1: 'a s' is no str"),
        ("nettalk", "nettalk/nettalk.data.gz", "\t\n", "gz:1: '' is no string"),
        ("nettalk", "nettalk/nettalk.data.gz", "as\txz\n", "to be held out, of 1"),
        ("cmudict", "cmudict/cmudict.zip", "AB 1 AE1 B\nAB\n", "cmudict:2: 'AB' is"),
        ("cmudict", "cmudict/cmudict.zip", "AB 1 AE1 B\n\nA", "cmudict:2: '' is not"),
        ("cmudict", "cmudict/cmudict.zip", "AB 1\n", "cmudict:1: 'AB 1' is not"),
        ("cmudict", "cmudict/cmudict.zip", "AB x AE1\n", "cmudict:1: 'AB x AE1'"),
        ("cmudict", "cmudict/cmudict.zip", "AB 1 ae1 B\n", "cmudict:1: .* is not an"),
        ("cmudict", "cmudict/cmudict.zip", "A 1 EY1\0\n", "cmudict:1: a NUL byte"),
        (
            "sigmorphon-german",
            "sigmorphon2016_german/german-task1-dev.gz",
            "a\tpos=V\tb\na\tpos=V\n",
            "dev.gz:2: 2 tab-separated columns",
        ),
        (
            "sigmorphon-german",
            "sigmorphon2016_german/german-task1-train.gz",
            "a\tpos=V\tgeht ab\n",
            "train.gz:1: 'geht ab' is no string",
        ),
        (
            "sigmorphon-german",
            "sigmorphon2016_german/german-task1-train.gz",
            "a\tpos=V,\tb\n",
            "train.gz:1: '' is no string",
        ),
    ],
)
def test_what_is_broken_is_named_by_file_and_line(
    tiny, place, corpus, file, content, message
):
    place(file, content)
    with pytest.raises(ValueError, match=message):
        load(corpus)


def test_an_archive_that_is_none_is_named(place, tmp_path):
    with pytest.raises(MissingCorpus, match="cmudict.zip is not in the data folder"):
        load("cmudict")
    place("cmudict/cmudict.zip", CMUDICT)
    path = tmp_path / "cmudict/cmudict.zip"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is not the archive"):
        load("cmudict")


@pytest.mark.data
def test_the_real_corpora(data_folder, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(data_folder))
    nettalk, cmudict = load("nettalk"), load("cmudict")
    german = load("sigmorphon-german")
    for corpus in (nettalk, cmudict, german):
        assert_no_source_is_in_two_splits(corpus)
    assert [len(part) for part in nettalk[1:4]] == [17_921, 1_000, 1_000]
    assert {name: len(gold) for name, gold in nettalk.gold.items()} == {
        "test": 1_012,
        "dev": 1_015,
    }
    words = {pair.source for part in nettalk[1:4] for pair in part}
    assert len(words) == 19_801
    for gold in (pair for part in nettalk.gold.values() for pair in part):
        links = sorted(gold.sure)
        assert [t for t, _ in links] == list(range(len(gold.target)))
        assert all(a[1] < b[1] for a, b in zip(links, links[1:], strict=False))
    assert sources(nettalk.test) == sources(nettalk.gold["test"])
    assert nettalk.gold["test"][0] == GoldPair(
        tuple("abatis"),
        tuple("@bxti"),
        *[frozenset((place, place) for place in range(5))] * 2,
    )
    assert [len(part) for part in cmudict[1:4]] == [116_856, 2_670, 12_000]
    phonemes = {symbol for pair in cmudict.train for symbol in pair.target}
    letters = {symbol for pair in cmudict.train for symbol in pair.source}
    assert (len(phonemes), len(letters), len(cmudict.references)) == (39, 27, 1_039)
    assert cmudict.references[tuple("ABDUCTOR")] == (
        ("AE", "B", "D", "AH", "K", "T", "ER"),
        ("AH", "B", "D", "AH", "K", "T", "ER"),
    )
    stressed = load("cmudict", stress=True)
    assert sources(stressed.test) == sources(cmudict.test)
    assert [len(part) for part in german[1:4]] == [12_490, 755, 768]
