"""Text read as a stream is the text that is loaded, errors and all."""

import gzip
from functools import partial

import pytest

from attnlab.corpora.loading import load_corpus
from attnlab.text.parallel_corpora import CORPORA
from attnlab.text.streams import PairStream

load = partial(load_corpus, CORPORA)

SOURCE = "\ufeffDas Haus\r\n\nein  Boot\u2028alt\n\u00c4rger"
TARGET = "the house\nnothing\na boat\nanger\n"


def written(folder, source=SOURCE, target=TARGET):
    for name, text in (("a.de", source), ("b.en", target)):
        content = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(content)
    return f"{folder}/a.de,{folder}/b.en"


@pytest.mark.parametrize("lowercase", [False, True])
def test_a_stream_gives_what_is_loaded_as_often_as_asked(tmp_path, lowercase):
    train = written(tmp_path)
    loaded = load("files", train=train, lowercase=lowercase)
    streamed = load("files", train=train, lowercase=lowercase, stream=True)
    assert isinstance(streamed.train, PairStream)
    for _ in range(2):
        assert list(streamed.train) == loaded.train
        assert streamed.train.empty == 1
    assert len(loaded.train) == 3
    for name in ("name", "dev", "test", "gold", "about"):
        assert getattr(streamed, name) == getattr(loaded, name)


def test_columns_and_gzip(tmp_path):
    path = tmp_path / "text.tsv.gz"
    path.write_bytes(gzip.compress(b"a b\tc\tx\n \td\ne\tf\n"))
    loaded = load("files", train=str(path))
    streamed = load("files", train=str(path), stream=True)
    assert list(streamed.train) == loaded.train
    assert streamed.train.empty == 1


@pytest.mark.parametrize(
    ("source", "target"),
    [("a\nb\nc\n", "a\nb\n"), ("a\n", "a\nb\nc\n"), ("", "a\nb\n")],
)
def test_unequal_texts_give_the_error_that_loading_gives(tmp_path, source, target):
    train = written(tmp_path, source, target)
    with pytest.raises(ValueError, match="lines") as loading:
        load("files", train=train)
    with pytest.raises(ValueError) as streaming:
        list(load("files", train=train, stream=True).train)
    assert str(streaming.value) == str(loading.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [(b"b\xff", "not UTF-8"), (b"\xc3", "not UTF-8"), (b"b\0", "a NUL byte")],
)
def test_broken_text_is_named_by_file_and_line(tmp_path, line, told):
    train = written(tmp_path, "a\nb\n", b"a\n" + line)
    with pytest.raises(ValueError, match=rf"b\.en:2: {told}"):
        list(load("files", train=train, stream=True).train)


def test_a_short_row_and_half_a_gzip_file_give_the_same_errors(tmp_path):
    (tmp_path / "short.tsv").write_text("a\tb\nc\n")
    whole = gzip.compress(b"a\tb\n" * 1000)
    (tmp_path / "half.tsv.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "none.tsv.gz").write_bytes(b"a\tb\n")
    for name in ("short.tsv", "half.tsv.gz", "none.tsv.gz"):
        with pytest.raises(ValueError) as loading:
            load("files", train=f"{tmp_path}/{name}")
        with pytest.raises(ValueError) as streaming:
            list(load("files", train=f"{tmp_path}/{name}", stream=True).train)
        assert str(streaming.value) == str(loading.value)
        assert name in str(loading.value)


def test_missing_and_too_many_files_are_named_before_anything_is_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.de"):
        load("files", train=f"{tmp_path}/nowhere.de,{tmp_path}/b.en", stream=True)
    with pytest.raises(ValueError, match="train names 3 files"):
        load("files", train="a,b,c", stream=True)


def test_a_text_is_not_held(tmp_path):
    """Reading a stream takes the memory of a line: the peak stays below the file."""
    import tracemalloc

    line = b"wort " * 200 + b"\n"
    train = written(tmp_path, line * 2000, b"word\n" * 2000)
    stream = load("files", train=train, stream=True).train
    tracemalloc.start()
    assert sum(len(pair.source) for pair in stream) == 200 * 2000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(line) * 2000 / 10
