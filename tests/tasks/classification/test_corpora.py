"""Labeled corpora: planted evidence, small literal files, and the real ones."""

import gzip
import zipfile
from collections import Counter

import numpy as np
import pytest

from attnlab.corpora.folder import MissingCorpus
from attnlab.tasks.classification.corpora import CORPORA
from attnlab.tasks.classification.imdb import imdb
from attnlab.tasks.classification.polarity import polarity
from attnlab.tasks.classification.sst import sst
from attnlab.tasks.classification.synthetic import (
    CUES,
    NEGATORS,
    RUMOURS,
    class_by_rule,
    evidence,
)

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
        ("not good bad", 0, {0, 1, 2}),  # a negator has sentence cue
        ("not reportedly good fine", 1, {3}),  # the last marker counts
        ("reportedly never good", 0, {1, 2}),
        ("the reportedly good film not", None, set()),
    ],
)
def test_the_rule_read_off_words(text, label, decided):
    assert class_by_rule(text.split(), gap=1) == (label, decided)


def test_cues_for_both_classes_are_no_sentence():
    with pytest.raises(ValueError, match="'good bad'"):
        class_by_rule(["good", "bad"], gap=1)


def test_every_sentence_follows_the_rule_and_needs_it():
    corpus = evidence(**FEW, lengths=(12, 30))
    for item in corpus.train + corpus.test:
        assert class_by_rule(item.words, gap=1) == (
            item.label,
            item.evidence,
        )
        assert 12 <= len(item.words) <= 30
    every = corpus.train + corpus.test
    cues = [
        Counter(c for w in item.words for c in (0, 1) if w in CUES[c]) for item in every
    ]
    guess = [int(count[1] > count[0]) for count in cues]
    right = np.mean([g == item.label for g, item in zip(guess, every, strict=True)])
    assert right < 0.75  # counting cues is not enough
    first = [next(w for w in item.words if w in CUES[0] + CUES[1]) for item in every]
    right = np.mean([(w in CUES[1]) == o.label for w, o in zip(first, every, strict=1)])
    assert right < 0.75  # nor is the first one
    strays = [
        item
        for item in every
        for n, word in enumerate(item.words)
        if word in NEGATORS and n not in item.evidence
    ]
    assert len(strays) > 50
    assert sum(word in RUMOURS for item in every for word in item.words) > 200
    assert 0.4 < np.mean([item.label for item in every]) < 0.6


def test_the_same_arguments_give_the_same_text_and_splits_share_none():
    corpus = evidence(**FEW)
    assert evidence(**FEW) == corpus
    assert evidence(**FEW, seed=1).test != corpus.test
    assert evidence(**FEW | {"train": 5}).test == corpus.test
    held = [sentence.words for sentence in corpus.dev + corpus.test]
    assert len(set(held)) == len(held)
    assert not set(held) & {sentence.words for sentence in corpus.train}


def test_the_test_set_may_be_longer():
    corpus = evidence(**FEW, test_lengths=(40, 50))
    assert all(40 <= len(sentence.words) <= 50 for sentence in corpus.test)
    assert all(len(sentence.words) <= 30 for sentence in corpus.dev)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("train", 0),
        ("negated", 1.5),
        ("cues", 0),
        ("gap", -1),
        ("lengths", (8, 10)),
        ("test_lengths", (30, 20)),
    ],
)
def test_an_option_out_of_range_is_named(option, value):
    with pytest.raises(ValueError) as caught:
        evidence(**FEW | {option: value})
    assert option in str(caught.value) and str(value) in str(caught.value)


@pytest.mark.parametrize("name", ["imdb", "polarity", "sst"])
def test_an_absent_corpus_is_a_line(name, tmp_path):
    with pytest.raises(MissingCorpus, match=f"{name}.*ATTNLAB_DATA"):
        CORPORA[name](folder=tmp_path)


def zipped(path, lines):
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def test_imdb_is_read(tmp_path):
    review = "A <br /><br />Don't-miss film! It's 10/10...<br/>(tm)"
    lines = [f"{n % 2}\t7\tpos/{n}\t{review} {n}" for n in range(5)]
    zipped(tmp_path / "imdb/train.tsv.gz", lines)
    zipped(tmp_path / "imdb/test_first5k.tsv.gz", lines[:1])
    corpus = imdb(dev=2, folder=tmp_path)
    words = "a don't miss film it's 10 10 tm".split()
    assert corpus.train[0].words == (*words, "0")
    assert [sentence.label for sentence in corpus.train] == [0, 1, 0]
    assert [sentence.label for sentence in corpus.dev] == [1, 0]
    assert len(corpus.test) == 1
    with pytest.raises(ValueError, match="dev is 5"):
        imdb(dev=5, folder=tmp_path)
    zipped(tmp_path / "imdb/train.tsv.gz", ["2\t7\tpos/1\tx"])
    with pytest.raises(ValueError, match="gz:1: .*'2'"):
        imdb(folder=tmp_path)


def test_sst_is_read(tmp_path):
    lines = ["4 ||| A B", "2 ||| c", "0 ||| d ||| e", "3 ||| F"]
    for name in ("train", "dev", "test"):
        zipped(tmp_path / f"sst/sst5_{name}.txt.gz", lines)
    five, two = (sst(classes=n, folder=tmp_path) for n in (5, 2))
    assert [sentence[:2] for sentence in five.dev] == [
        (("a", "b"), 4),
        (("c",), 2),
        (("d", "|||", "e"), 0),
        (("f",), 3),
    ]
    assert [sentence[:2] for sentence in two.dev] == [
        (("a", "b"), 1),
        (("d", "|||", "e"), 0),
        (("f",), 1),
    ]
    assert len(five.classes) == 5 and len(two.classes) == 2
    with pytest.raises(ValueError, match="(?s)classes.*5 or 2.*3"):
        sst(classes=3, folder=tmp_path)
    zipped(tmp_path / "sst/sst5_train.txt.gz", ["5 ||| x"])
    with pytest.raises(ValueError, match="sst5_train.txt.gz:1: .*'5"):
        sst(folder=tmp_path)


def test_polarity_is_read_and_split(tmp_path):
    path = tmp_path / "sentence_polarity/sentence_polarity.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, sound in (("neg", "bad"), ("pos", "caf\xe9")):
            text = "".join(f"{sound} {n} \n" for n in range(2_000))
            archive.writestr(f"sentence_polarity/rt-polarity.{name}", text.encode("l1"))
    corpus = polarity(folder=tmp_path)
    sizes = [len(split) for split in (corpus.train, corpus.dev, corpus.test)]
    assert sizes == [4_000 - 2 * 1_066, 1_066, 1_066]
    for sentence in corpus.train + corpus.dev + corpus.test:
        assert sentence.words[0] == ("bad", "caf\xe9")[sentence.label]
    assert 0.45 < np.mean([sentence.label for sentence in corpus.test]) < 0.55
    assert polarity(seed=1, folder=tmp_path).test != corpus.test
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="sentence_polarity.zip"):
        polarity(folder=tmp_path)


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
    corpus = CORPORA[name](**options, folder=data_folder)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == counts
    labels = {sentence.label for sentence in corpus.train}
    assert labels == set(range(len(corpus.classes)))
    if first:
        assert corpus.test[0].words[:4] == first
