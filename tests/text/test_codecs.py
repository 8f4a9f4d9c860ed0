"""Vocabulary and Subwords through one battery, then each alone."""

import os

import numpy as np
import pytest

from attnlab.text.subwords import Subwords, load_codec
from attnlab.text.synthetic import synthetic
from attnlab.text.vocabulary import BOS, EOS, HEADER, PAD, UNK, Vocabulary

SENTENCES = [pair.target for pair in synthetic(train=300, dev=0, test=0).train]
CODECS = {
    "words": lambda: Vocabulary.build(SENTENCES),
    "bpe": lambda: Subwords.train(SENTENCES, 60),
    "unigram": lambda: Subwords.train(SENTENCES, 60, kind="unigram"),
}


@pytest.fixture(scope="module", params=CODECS)
def codec(request):
    return CODECS[request.param]()


def test_decoding_undoes_encoding(codec):
    for words in SENTENCES[:50]:
        assert codec.decode(codec.encode(words).ids) == list(words)


def test_every_unit_has_its_word(codec):
    for words in SENTENCES[:50]:
        ids, owner = codec.encode(words)
        assert len(ids) == len(owner)
        assert sorted(set(owner)) == list(range(len(words)))
        assert owner == sorted(owner)
        for index, word in enumerate(words):
            units = [unit for unit, own in zip(ids, owner, strict=True) if own == index]
            assert codec.decode(units) == [word]


def test_ids_are_below_the_size_and_above_the_specials(codec):
    ids = [unit for words in SENTENCES for unit in codec.encode(words).ids]
    assert min(ids) > max(PAD, BOS, EOS, UNK)
    assert max(ids) < codec.size == len(codec)


def test_decoding_stops_at_eos_and_skips_padding(codec):
    (first,), (second,) = (codec.encode([word]).ids[:1] for word in ("la", "le"))
    tokens = np.array([BOS, first, PAD, EOS, second, EOS], np.int32)
    assert codec.decode(tokens) == codec.decode([first])
    assert codec.decode([]) == codec.decode([EOS]) == []


def test_unknown_words_are_unk(codec):
    ids, owner = codec.encode(["la", "\u65e5\u672c", "le"])
    assert UNK in ids and set(owner) == {0, 1, 2}
    assert codec.decode(ids) == ["la", "<unk>", "le"]


def test_ids_outside_are_refused(codec):
    with pytest.raises(ValueError, match=f"id {codec.size} is outside"):
        codec.decode([codec.size])
    with pytest.raises(ValueError, match="id -1 is outside"):
        codec.decode([-1])


def test_a_saved_codec_is_the_same_and_known_by_its_content(codec, tmp_path):
    path = tmp_path / "source.codec"
    codec.save(path)
    loaded = load_codec(path)
    assert type(loaded) is type(codec) is type(type(codec).load(path))
    for words in SENTENCES[:50]:
        assert loaded.encode(words) == codec.encode(words)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_words_are_numbered_by_frequency_then_alphabet():
    vocabulary = Vocabulary.build([["b", "a", "c"], ["c", "<unk>", "<eos>"]])
    special = ("<pad>", "<bos>", "<eos>", "<unk>")
    assert vocabulary.words == (*special, "c", "<eos>", "<unk>", "a", "b")
    assert vocabulary.encode(["a", "x", "<eos>"]).ids == [7, UNK, 5]


def test_rare_words_and_those_beyond_the_size_are_left_out():
    sentences = [["a"] * 3 + ["b"] * 2 + ["c"]]
    assert Vocabulary.build(sentences, min_count=2).words[4:] == ("a", "b")
    assert Vocabulary.build(sentences, max_size=5).words[4:] == ("a",)
    assert len(Vocabulary.build(sentences, max_size=100)) == 7
    with pytest.raises(ValueError, match="max_size is 4"):
        Vocabulary.build(sentences, max_size=4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b", "a"], "word 'a' is in the vocabulary more than once"),
        (["<pad>", "<pad>"], "word '<pad>' is in the vocabulary more than once"),
        (["a b"], "'a b' is empty or holds a blank"),
        ([""], "'' is empty"),
    ],
)
def test_bad_words_are_named(words, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(words)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"the\nof\n", "first line is 'the'"),
        (b"", "first line is ''"),
        (b"\xff\xfe", "is not a vocabulary file"),
        (f"{HEADER}\nthe\nof".encode(), "is cut short"),
        (f"{HEADER}".encode(), "is cut short"),
        (f"{HEADER}\nthe\nthe\n".encode(), "bad.vocab: word 'the' is in"),
    ],
)
def test_a_bad_vocabulary_file_is_named(tmp_path, content, message):
    path = tmp_path / "bad.vocab"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        Vocabulary.load(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_codec_is_named(tmp_path):
    path = tmp_path / "bad"
    path.write_bytes(b"neither this nor that")
    with pytest.raises(ValueError, match="bad is not a subword model"):
        load_codec(path)
    with pytest.raises(FileNotFoundError):
        load_codec(tmp_path / "absent")


def test_training_subwords_is_deterministic_and_copes_with_little_text():
    assert Subwords.train(SENTENCES, 60)._model == Subwords.train(SENTENCES, 60)._model
    assert Subwords.train(SENTENCES, 60).size == 60
    assert Subwords.train([["aa", "bb"]], 500).size < 500


def test_groups_are_the_pieces_of_each_word():
    codec = Subwords.train(SENTENCES, 60)
    groups = codec.groups(SENTENCES[0])
    assert [len(group) > 0 for group in groups] == [True] * len(SENTENCES[0])
    ids, owner = codec.encode(SENTENCES[0])
    assert [piece for group in groups for piece in group] == ids
    assert [owner.count(index) for index in range(len(groups))] == list(
        map(len, groups)
    )


def test_bad_subword_arguments_are_named():
    with pytest.raises(ValueError, match="'wordpiece'; choose bpe, unigram"):
        Subwords.train(SENTENCES, 60, kind="wordpiece")
    with pytest.raises(ValueError, match="cannot train 5 subwords: .*smaller than"):
        Subwords.train(SENTENCES, 5)


def test_a_pipe_is_no_vocabulary_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "source.codec")
    with pytest.raises(ValueError, match="source.codec is no file"):
        load_codec(tmp_path / "source.codec")
