"""Labeled corpora: planted evidence, small literal files, and the real ones."""

import gzip
import inspect
import zipfile
from collections import Counter

import numpy as np
import pytest

from attnlab.corpora.folder import MissingCorpus
from attnlab.tasks.classification.corpora import CORPORA, load
from attnlab.tasks.classification.synthetic import (
    CUES,
    NEGATORS,
    RUMOURS,
    evidence,
    judged,
)
from configs.classification import get_config

FEW = {"train": 300, "dev": 20, "test": 100}


@pytest.mark.parametrize(
    "text, label, decided",
    [
        ("the plot good film", 1, {2}),
        ("not good film", 0, {0, 1}),
        ("not the good film", 0, {0, 2}),
        ("not the film good", 1, {3}),  # out of reach
        ("reportedly good dull", 0, {2}),
        ("allegedly the bad film never the stale", 1, {4, 6}),
        ("not good bad", 0, {0, 1, 2}),  # a negator has one cue
        ("not reportedly good fine", 1, {3}),  # the last marker counts
        ("reportedly never good", 0, {1, 2}),
        ("the reportedly good film not", None, set()),
    ],
)
def test_the_rule_read_off_words(text, label, decided):
    assert judged(text.split(), gap=1) == (label, decided)


def test_cues_for_both_classes_are_no_sentence():
    with pytest.raises(ValueError, match="both classes: 'good bad'"):
        judged(["good", "bad"], gap=1)


def test_every_sentence_follows_the_rule_and_needs_it():
    corpus = evidence(**FEW, lengths=(12, 30))
    for one in corpus.train + corpus.test:
        assert judged(one.words, gap=1) == (one.label, one.evidence)
        assert 12 <= len(one.words) <= 30
    every = corpus.train + corpus.test
    cues = [
        Counter(c for w in one.words for c in (0, 1) if w in CUES[c]) for one in every
    ]
    guess = [int(count[1] > count[0]) for count in cues]
    right = np.mean([g == one.label for g, one in zip(guess, every, strict=True)])
    assert right < 0.75  # counting cues is not enough
    first = [next(w for w in one.words if w in CUES[0] + CUES[1]) for one in every]
    right = np.mean([(w in CUES[1]) == o.label for w, o in zip(first, every, strict=1)])
    assert right < 0.75  # nor is the first one
    strays = [
        one
        for one in every
        for n, word in enumerate(one.words)
        if word in NEGATORS and n not in one.evidence
    ]
    assert len(strays) > 50
    assert sum(word in RUMOURS for one in every for word in one.words) > 200
    assert 0.4 < np.mean([one.label for one in every]) < 0.6


def test_the_same_arguments_give_the_same_text_and_splits_share_none():
    corpus = evidence(**FEW)
    assert evidence(**FEW) == corpus
    assert evidence(**FEW, seed=1).test != corpus.test
    assert evidence(**FEW | {"train": 5}).test == corpus.test
    held = [one.words for one in corpus.dev + corpus.test]
    assert len(set(held)) == len(held)
    assert not set(held) & {one.words for one in corpus.train}


def test_the_test_set_may_be_longer():
    corpus = evidence(**FEW, test_lengths=(40, 50))
    assert all(40 <= len(one.words) <= 50 for one in corpus.test)
    assert all(len(one.words) <= 30 for one in corpus.dev)


@pytest.mark.parametrize(
    "knobs, message",
    [
        ({"train": 0}, "train is 0"),
        ({"negated": 1.5}, r"negated is 1.5; it must be in \[0, 1\]"),
        ({"cues": 0}, "cues is 0; it must be at least 1"),
        ({"gap": -1}, "gap is -1"),
        ({"lengths": (8, 10)}, r"lengths is \(8, 10\).*at least 15"),
        ({"test_lengths": (30, 20)}, r"test_lengths is \(30, 20\)"),
    ],
)
def test_a_knob_out_of_range_is_named(knobs, message):
    with pytest.raises(ValueError, match=message):
        evidence(**FEW | knobs)


def test_the_configuration_knows_the_loaders_options():
    data = get_config().data
    for name in CORPORA:
        known = inspect.signature(CORPORA[name]).parameters
        settings = data.get(name)
        assert set(settings) <= set(known)
        for key in settings:
            assert settings[key] == known[key].default


def test_an_unknown_corpus_or_option_lists_the_choices():
    with pytest.raises(ValueError, match="'yelp'; choose evidence, imdb, polarity, s"):
        load("yelp")
    with pytest.raises(ValueError, match="unknown option 'size'.*choose classes"):
        load("sst", size=3)


@pytest.mark.parametrize("name", ["imdb", "polarity", "sst"])
def test_an_absent_corpus_is_a_line(name, tmp_path):
    with pytest.raises(MissingCorpus, match=f"{name}.*set ATTNLAB_DATA"):
        load(name, folder=tmp_path)


def zipped(path, lines):
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def test_imdb_is_read(tmp_path):
    review = "A <br /><br />Don't-miss film! It's 10/10...<br/>(tm)"
    lines = [f"{n % 2}\t7\tpos/{n}\t{review} {n}" for n in range(5)]
    zipped(tmp_path / "imdb/train.tsv.gz", lines)
    zipped(tmp_path / "imdb/test_first5k.tsv.gz", lines[:1])
    corpus = load("imdb", dev=2, folder=tmp_path)
    words = "a don't miss film it's 10 10 tm".split()
    assert corpus.train[0].words == (*words, "0")
    assert [one.label for one in corpus.train] == [0, 1, 0]
    assert [one.label for one in corpus.dev] == [1, 0]
    assert len(corpus.test) == 1
    with pytest.raises(ValueError, match="dev is 5; imdb has 5 reviews"):
        load("imdb", dev=5, folder=tmp_path)
    zipped(tmp_path / "imdb/train.tsv.gz", ["2\t7\tpos/1\tx"])
    with pytest.raises(ValueError, match="gz:1: label '2' is not 0 or 1"):
        load("imdb", folder=tmp_path)


def test_sst_is_read(tmp_path):
    lines = ["4 ||| A B", "2 ||| c", "0 ||| d ||| e", "3 ||| F"]
    for name in ("train", "dev", "test"):
        zipped(tmp_path / f"sst/sst5_{name}.txt.gz", lines)
    five, two = (load("sst", classes=n, folder=tmp_path) for n in (5, 2))
    assert [one[:2] for one in five.dev] == [
        (("a", "b"), 4),
        (("c",), 2),
        (("d", "|||", "e"), 0),
        (("f",), 3),
    ]
    assert [one[:2] for one in two.dev] == [
        (("a", "b"), 1),
        (("d", "|||", "e"), 0),
        (("f",), 1),
    ]
    assert len(five.classes) == 5 and len(two.classes) == 2
    with pytest.raises(ValueError, match="sst has no 3 classes; choose 2, 5"):
        load("sst", classes=3, folder=tmp_path)
    zipped(tmp_path / "sst/sst5_train.txt.gz", ["5 ||| x"])
    with pytest.raises(ValueError, match="sst5_train.txt.gz:1: not '0-4"):
        load("sst", folder=tmp_path)


def test_polarity_is_read_and_split(tmp_path):
    path = tmp_path / "sentence_polarity/sentence_polarity.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, sound in (("neg", "bad"), ("pos", "caf\xe9")):
            text = "".join(f"{sound} {n} \n" for n in range(2_000))
            archive.writestr(f"sentence_polarity/rt-polarity.{name}", text.encode("l1"))
    corpus = load("polarity", folder=tmp_path)
    sizes = [len(split) for split in (corpus.train, corpus.dev, corpus.test)]
    assert sizes == [4_000 - 2 * 1_066, 1_066, 1_066]
    for one in corpus.train + corpus.dev + corpus.test:
        assert one.words[0] == ("bad", "caf\xe9")[one.label]
    assert 0.45 < np.mean([one.label for one in corpus.test]) < 0.55
    assert load("polarity", seed=1, folder=tmp_path).test != corpus.test
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="is not the archive of NLTK"):
        load("polarity", folder=tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    "name, options, counts, first",
    [
        ("imdb", {}, (23_000, 2_000, 5_000), ("i", "think", "the", "bone")),
        ("polarity", {}, (8_530, 1_066, 1_066), None),
        ("sst", {}, (8_544, 1_101, 2_210), None),
        ("sst", {"classes": 2}, (6_920, 872, 1_821), None),
    ],
)
def test_the_real_files(name, options, counts, first, data_folder):
    corpus = load(name, **options, folder=data_folder)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == counts
    labels = {one.label for one in corpus.train}
    assert labels == set(range(len(corpus.classes)))
    if first:
        assert corpus.test[0].words[:4] == first
