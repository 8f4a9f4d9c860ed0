"""Examples of the user's own: lines of JSON or columns, and how they are split."""

import gzip
import json

import pytest

from attnlab.text.example_files import read_examples, read_splits


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        content = text.encode() if isinstance(text, str) else text
        packed = gzip.compress(content) if name.endswith(".gz") else content
        (tmp_path / name).write_bytes(packed)
        return name

    return write


def fields(paths, columns=("label", "text")):
    return [dict(line.fields) for line in read_examples(paths, columns)]


FIRST = {"label": "good", "text": "not bad"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "good\tnot bad\n"),
        ("a.txt.gz", "good\tnot bad\r\n\n"),
        ("a.tsv", "Text\tLABEL\nnot bad\tgood\n"),
        ("a.jsonl", json.dumps(FIRST) + "\n \n"),
        ("a.ndjson.gz", json.dumps(FIRST)),
    ],
)
def test_columns_and_json_are_the_same_examples(write, name, text):
    assert fields(write(name, text)) == [FIRST]


def test_further_fields_stay_and_several_files_are_one(write):
    write("a.tsv", "id\tlabel\ttext\n7\tgood\tnot bad\n")
    write("b.jsonl", '{"label": 1, "text": "x", "id": [2]}')
    assert fields("a.tsv,b.jsonl") == [
        FIRST | {"id": "7"},
        {"label": 1, "text": "x", "id": [2]},
    ]
    wheres = [line.where for line in read_examples("a.tsv,b.jsonl", ("label", "text"))]
    assert wheres == ["a.tsv:2", "b.jsonl:1"]


def test_texts_are_one_line(write):
    write("a.jsonl", json.dumps({"a": " x\n\ty\u2028\u00a0z ", "b": ["u ", "v\r\nw"]}))
    (line,) = read_examples("a.jsonl", ())
    assert line.text("a") == "x y\u2028\u00a0z"
    assert line.texts("b") == ["u", "v w"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "", "^a.tsv holds no example$"),
        ("a.tsv", "label\ttext\n", "^a.tsv holds no example$"),
        ("a.tsv", "\ngood\n", "^a.tsv:2: 1 tab-separated columns, not 2: 'label', 'te"),
        ("a.tsv", "a\tb\nc\td\te\n", "^a.tsv:2: 3 tab-separated columns, not 2"),
        ("a.tsv", "id\ttext\tlabel\n1\t2\n", "a.tsv:2: 2 .* not 3: 'id', 'text', 'la"),
        ("a.tsv", b"a\tb\n\xff\tb\n", "^a.tsv:2: not UTF-8"),
        ("a.tsv", b"a\tb\n\0\tb\n", "^a.tsv:2: a NUL byte"),
        ("a.tsv.gz", None, "a.tsv.gz is not a whole gzip file"),
        (
            "a.jsonl",
            '{"a": 1}\n{"a": \n',
            r"^a.jsonl:2: '\{\"a\": ' is no JSON: Expecting value in column 7$",
        ),
        ("a.jsonl", "[1]\n", r"^a.jsonl:1: '\[1\]' is no JSON object"),
        ("a.jsonl", "[" * 100_000, r"^a.jsonl:1: .*\.\.\. is no JSON: "),
        ("a.jsonl", '{"a": 9' + "9" * 5000 + "}", "^a.jsonl:1: .* is no JSON: "),
    ],
)
def test_a_broken_line_is_named(write, tmp_path, name, text, message):
    if text is None:
        (tmp_path / name).write_bytes(b"no gzip")
    else:
        write(name, text)
    with pytest.raises(ValueError, match=message) as caught:
        fields(name)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["nowhere.tsv", ""])
def test_a_file_that_is_not_there_is_named(write, name):
    write("a.tsv", "a\tb\n")
    for paths in (name, f"a.tsv,{name}"):
        with pytest.raises(FileNotFoundError, match=f"no file '{name}'"):
            fields(paths)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "^a.jsonl:1: no 'x'; the line has nothing"),
        ({"y": 1, "z": 2}, "no 'x'; the line has 'y', 'z'"),
        ({"x": ""}, "^a.jsonl:1: x is '', not a text"),
        ({"x": " \n"}, "x is ' .n', not a text"),
        ({"x": None}, "x is None, not a text"),
        ({"x": 1.5}, "x is 1.5, not a text"),
        ({"x": ["a"]}, r"x is \['a'\], not a text"),
        ({"x": "a\ud800"}, "x is 'a.ud800', not a text"),
        ({"x": []}, r"^a.jsonl:1: x is \[\], not a list of texts"),
        ({"x": "a"}, "x is 'a', not a list of texts"),
        ({"x": ["a", 3]}, r"^a.jsonl:1: x\[1\] is 3, not a text"),
        ({"x": ["a", ""]}, r"x\[1\] is '', not a text"),
    ],
)
def test_a_field_of_another_kind_is_named(write, value, message):
    write("a.jsonl", json.dumps(value))
    (line,) = read_examples("a.jsonl", ())
    several = "a list of texts" in message or "[1" in message.replace("\\", "")
    read = line.texts if several else line.text
    with pytest.raises(ValueError, match=message):
        read("x")


def numbers(path):
    """The examples of "30": the numbers below, each twice, under their half."""
    return [(f"text {n // 2}", n) for n in range(int(path))]


def test_what_has_no_file_is_held_out_by_whole_texts():
    splits = read_splits(numbers, "100", None, None, 0.1)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 80,
        "dev": 10,
        "test": 10,
    }
    assert sorted(sum(splits.values(), [])) == list(range(100))
    halves = [{n // 2 for n in split} for split in splits.values()]
    assert sum(map(len, halves)) == 50
    backwards = read_splits(lambda path: numbers(path)[::-1], "100", None, None, 0.1)
    assert {k: sorted(v) for k, v in backwards.items()} == splits


def test_files_are_taken_as_they_are():
    splits = read_splits(numbers, "10", "4", "6", 0.1)
    assert splits == {
        name: [*range(n)] for name, n in zip(splits, (10, 4, 6), strict=True)
    }
    splits = read_splits(numbers, "100", None, "6", 0.2)
    assert [len(split) for split in splits.values()] == [80, 20, 6]
    assert splits["test"] == [*range(6)]


def test_a_text_that_has_to_stay_is_trained_on():
    for n in range(8):
        splits = read_splits(
            numbers, "16", None, None, 0.3, stays=lambda keyed, n=n: {f"text {n}"}
        )
        assert 2 * n in splits["train"] and len(splits["dev"]) == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, "2", "2"), "needs train: data.files.train"),
        (
            ("4", None, None),
            "4 has 2 different texts: too few to hold out 2 for dev an",
        ),
        (("2", None, "2"), "1 different texts: too few to hold out 1 for dev; name"),
    ],
)
def test_what_cannot_be_split_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        read_splits(numbers, *given, 0.1)
