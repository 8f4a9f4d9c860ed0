"""What a word is: the same for all readers of text that is cut, and for ours."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnlab.tasks.captioning.images import words_of as caption_words
from attnlab.tasks.classification.imdb import words_of as review_words
from attnlab.tasks.cloze.questions import read_questions
from attnlab.tasks.memn2n.babi import words_of as story_words
from attnlab.text.files import files
from attnlab.text.read_text import read_lines
from attnlab.text.streams import PairStream
from attnlab.text.subwords import Subwords
from attnlab.text.vocabulary import SPECIALS, Vocabulary
from attnlab.text.words import find_words, split_words

# Blanks and separators that Python's `split` cuts at, and the tools of links do not.
OTHERS = (
    "\u00a0\u3000\u2009\u202f\u2028\u2029\u0085\u001c\u001f\u000b\u000c\u1680\ufeff"
)
LINE = f"a{OTHERS}b  c\td"
WORDS = (f"a{OTHERS}b", "c", "d")


def by_hand(line):
    """The words of a line, sign by sign."""
    words, word = [], ""
    for sign in f"{line} ":
        if sign in " \t":
            words += [word] * bool(word)
            word = ""
        else:
            word += sign
    return words


@given(st.text())
def test_a_line_is_cut_at_blanks_and_tabs_alone(line):
    assert split_words(line) == by_hand(line)


def test_every_reader_cuts_alike(tmp_path):
    for name in ("a.de", "a.en"):
        (tmp_path / name).write_text(f"{LINE}\n", encoding="utf-8")
    two = f"{tmp_path}/a.de,{tmp_path}/a.en"
    column = LINE.replace("\t", " ")
    table = tmp_path / "a.tsv"
    table.write_text(f"{column}\t{column}\t0-0 2-2\n", encoding="utf-8")
    (tmp_path / "a.links").write_text("0-0 2-2\n")
    corpus = files(train=two, test=str(table), gold=f"{two},{tmp_path}/a.links")
    pairs = [*corpus.train, *corpus.test, *corpus.gold["gold"]]
    pairs += files(train=two, gold=str(table)).gold["gold"]
    pairs += PairStream([tmp_path / "a.de", tmp_path / "a.en"])
    assert [tuple(pair[:2]) for pair in pairs] == [(WORDS, WORDS)] * 5
    question = tmp_path / "q" / "a.question"
    question.parent.mkdir()
    lines = ["url", "", f"@entity0 {LINE}", "", "@placeholder c", "", "@entity0", ""]
    lines += ["@entity0:x"]
    question.write_text("\n".join(lines), encoding="utf-8")
    (read,) = read_questions(question.parent)
    assert f"a{OTHERS}b" in read.passage


def test_words_with_such_signs_come_back():
    vocabulary = Vocabulary.build([WORDS])
    assert vocabulary.decode(vocabulary.encode(WORDS).ids) == list(WORDS)
    plain = [
        sign for sign in OTHERS if sign not in "\u2028\u2029\u0085\x0b\x0c\x1c\x1f"
    ]
    words = ["a".join(plain), "c"]
    subwords = Subwords.train([words] * 20, 40)
    assert subwords.decode(subwords.encode(words).ids) == words


LETTERS = {
    "Devanagari": "किताब हिन्दी क्षेत्र",
    "Tamil": "தமிழ் புத்தகம்",
    "pointed Hebrew": "שָׁלוֹם עוֹלָם",
    "decomposed accents": unicodedata.normalize("NFD", "café naïve élève"),
    "Persian with a joiner": "می\u200cخواهم کتاب",
}


@pytest.mark.parametrize("script", LETTERS)
@pytest.mark.parametrize("cut", [caption_words, review_words, story_words])
def test_letters_keep_their_marks(script, cut):
    text = LETTERS[script]
    assert list(cut(f"{text}!")) == text.lower().split(" ")


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_where_there_are_no_marks_a_pattern_finds_what_it_did(text):
    pattern = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
    found = find_words(pattern, text)
    marked = any(
        unicodedata.category(sign)[0] == "M" or sign in "\u200c\u200d" for sign in text
    )
    if not marked:
        assert found == pattern.findall(text)
    # Nothing is lost but blanks, and nothing is said twice.
    assert "".join(found) == "".join(text.split())


@pytest.mark.parametrize("content", ["a b\rc d\n", "a\rb\rc", "a\r\r\nb\n"])
def test_a_carriage_return_alone_is_named_with_its_line(tmp_path, content):
    path = tmp_path / "a.de"
    path.write_bytes(f"fine\r\n{content}".encode())
    (tmp_path / "a.en").write_text("x\ny\nz\n")
    message = r"a.de:2: a carriage return inside a line"
    with pytest.raises(ValueError, match=message):
        files(train=f"{path},{tmp_path}/a.en")
    with pytest.raises(ValueError, match=message):
        list(PairStream([path, tmp_path / "a.en"]))


def test_text_that_spells_our_marks_comes_back_as_it_was():
    words = ["a", *SPECIALS, "<s>", "</s>"]
    vocabulary = Vocabulary.build([words])
    ids = vocabulary.encode(words).ids
    assert min(ids) >= len(SPECIALS)
    assert vocabulary.decode(ids) == words


def test_marks_that_are_no_words_of_a_vocabulary_are_unknown():
    vocabulary = Vocabulary.build([["a", "b"]])
    ids = vocabulary.encode(["<pad>", "<eos>", "a"]).ids
    assert vocabulary.decode(ids) == ["<unk>", "<unk>", "a"]


def test_such_a_vocabulary_is_read_again(tmp_path):
    vocabulary = Vocabulary.build([["a", *SPECIALS]])
    vocabulary.save(tmp_path / "a.codec")
    assert Vocabulary.load(tmp_path / "a.codec").words == vocabulary.words


def test_a_mark_of_byte_order_is_one_at_the_start_of_a_file_alone(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffa b\ufeff\n\ufeffc\n".encode())
    lines = [split_words(line) for line in read_lines(path)]
    assert lines == [["a", "b\ufeff"], ["\ufeffc"]]
