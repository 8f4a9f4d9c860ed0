"""Hostile files and settings: a success, or one line that names what is wrong.

ATTNLAB_EXAMPLES=2000 tries as many of each; by default fewer are tried.
"""

import importlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attnlab import runs
from attnlab.parsing import fields_of
from attnlab.sweep import rows
from attnlab.tasks import TASKS, spec
from attnlab.tasks.captioning.images import read_picture
from attnlab.tasks.captioning.karpathy import folder as pictures
from attnlab.tasks.classification.files import labeled_files
from attnlab.tasks.cloze.corpora import question_files
from attnlab.tasks.cloze.questions import read_questions
from attnlab.tasks.memn2n.babi import parse
from attnlab.tasks.memn2n.files import story_files
from attnlab.text.files import files
from attnlab.text.read_text import read_lines
from attnlab.text.shards import Shards
from attnlab.text.streams import PairStream
from attnlab.text.subwords import load_codec
from attnlab.text.vocabulary import HEADER

EXAMPLES = int(os.environ.get("ATTNLAB_EXAMPLES", "40"))
some = settings(
    max_examples=EXAMPLES,
    deadline=10_000,  # milliseconds; a hang is an error
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Read = Callable[[Path], object]


def text_of(path: Path) -> Path:
    """The other side of a text, of as many lines."""
    other = path.with_name("other")
    count = max(1, path.read_bytes().count(b"\n"))
    other.write_text("a b c\n" * count)
    return other


def gold(kind: str) -> Read:
    def read(path: Path) -> object:
        other = text_of(path)
        paths = f"{other},{other},{path}"
        return files(train=f"{other},{other}", gold=paths, gold_format=kind)

    return read


def questions(path: Path) -> object:
    below = path.parent / "q"
    below.mkdir(exist_ok=True)
    (below / "file.question").write_bytes(path.read_bytes())
    return read_questions(below)


def ending(name: str, load: Callable[[str], object]) -> Read:
    """Your own examples, in a file whose name says what they are."""

    def read(path: Path) -> object:
        named = path.with_name(f"file{name}")
        named.write_bytes(path.read_bytes())
        return load(str(named))

    return read


def three(load: Callable[..., object]) -> Callable[[str], object]:
    return lambda path: load(train=path, dev=path, test=path)


def of_run(name: str, read: Callable[[Path], object]) -> Read:
    def under_its_name(path: Path) -> object:
        (path.parent / name).write_bytes(path.read_bytes())
        return read(path.parent)

    return under_its_name


def a_run(folder: Path) -> object:
    """A folder of runs, whose files are hostile: never an error."""
    found = runs.find(folder)
    return [(run.row, run.slug, run.seed, run.order) for run in found]


ALIGNED = runs.AlignedSentence(("a", "b"), ("c",), np.array([[0.5, 0.5]]))


def npz(write: Callable[[Path], None], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return (Path(folder) / name).read_bytes()


CONFIG = {"task": "translation", "seed": 1, "order": 0, "row": "a", "slug": "a"}
PICTURE = {"filename": "a.png", "split": "train", "sentences": [{"raw": "a dog"}]}
QUESTION = "url\n\n@entity0 went\n\n@placeholder went\n\n@entity0\n\n@entity0:x\n"
# How a file is read, and one that is right.
READERS: dict[str, tuple[Read, bytes]] = {
    "lines": (read_lines, "a b\nç d\n".encode()),
    "one side": (
        lambda path: files(train=f"{path},{text_of(path)}"),
        "a b\n\nç d\n".encode(),
    ),
    "two columns": (lambda path: files(train=str(path)), b"a b\tc d\ne\tf\n"),
    "three columns": (
        lambda path: files(train=f"{text_of(path)},{text_of(path)}", gold=str(path)),
        b"a b\tc d\t0-0 1?1\n",
    ),
    "stream": (lambda path: list(PairStream([path, text_of(path)])), b"a b\nc d\n"),
    "pharaoh": (gold("pharaoh"), b"0-0 1?1 2p2\n\n"),
    "wpt": (gold("wpt"), b"1 1 1 S\n0001 2 2 P 0.5\n"),
    "questions": (questions, QUESTION.encode()),
    "stories": (
        lambda path: parse(read_lines(path), "1", str(path)),
        b"1 Mary went home.\n2 Where is Mary?\thome\t1\n",
    ),
    "labels": (ending(".tsv", three(labeled_files)), b"good\ta b.\nbad\tc d\n"),
    "labels, JSON": (
        ending(".jsonl", three(labeled_files)),
        b'{"label": 1, "text": "a"}\n{"label": 2, "text": "b"}\n',
    ),
    "stories, JSON": (
        ending(".jsonl", three(story_files)),
        b'{"story": ["a b"], "question": "a", "answer": "b", "support": [0]}\n',
    ),
    "questions, JSON": (
        ending(".jsonl", three(question_files)),
        b'{"passage": "a B c", "question": "a @placeholder", "answer": "B", '
        b'"candidates": ["B"]}\n',
    ),
    "captions": (
        lambda path: pictures(json=str(path), images=str(path.parent)),
        json.dumps({"images": [PICTURE]}).encode(),
    ),
    "picture": (lambda path: read_picture(path.read_bytes(), 8, str(path)), b""),
    "vocabulary": (load_codec, f"{HEADER}\na\nb\n".encode()),
    "json": (runs.read_json, json.dumps({"a": [1, 2.5, None]}).encode()),
    "metrics": (runs.read_jsonl, b'{"step": 1, "kind": "dev", "bleu": 2.5}\n'),
    "losses": (of_run(runs.LOSSES, runs.read_losses), b"1.5\t3\n2.25\t4\n"),
    "alignments": (
        of_run(runs.ALIGNMENTS, runs.read_alignments),
        npz(lambda at: runs.write_alignments(at, {"t": [ALIGNED]}), runs.ALIGNMENTS),
    ),
    "counts": (
        of_run(runs.EXAMPLE_COUNTS, runs.read_example_counts),
        npz(
            lambda at: runs.write_example_counts(at, ["a"], {"x": [[1, 2]]}),
            runs.EXAMPLE_COUNTS,
        ),
    ),
    "shards": (of_run("manifest.json", Shards), b'{"version": 1, "files": {}}'),
    "a run's settings": (of_run(runs.CONFIG, a_run), json.dumps(CONFIG).encode()),
}
NEVER_WRONG = ("a run's settings",)  # what is wrong is the run's reason
TOKENS = [
    *(b"\0", b"\r", b"\r\n", b"\xff", b"\xef\xbb\xbf", b"\t", b"\n", b" ", b"-"),
    *(
        "\u00a0".encode(),
        "\u2028".encode(),
        "\u0301".encode(),
        "\ud800".encode("utf-8", "surrogatepass"),
    ),
    *(b"null", b"NaN", b"1e400", b"-1", b"9" * 400, b"9" * 5000, b"true", b'"', b"{"),
    *(b"[" * 3000, b"}", b"]", b",", b"<unk>", b"<pad>", b"0-0", b"@placeholder"),
    *(b'"seed": "x"', b'"order": []', b'"row": "\\ud800"', b'"slug": "../a"'),
]


@st.composite
def changed(draw, right: bytes) -> bytes:
    """A file that is right, cut and mixed with what no reader likes."""
    content = right
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 6)))
        new = draw(st.sampled_from(TOKENS) | st.binary(max_size=6))
        content = content[:start] + new + content[end:]
    return content


@pytest.mark.parametrize("name", READERS)
def test_a_hostile_file_is_read_or_named(name):
    read, right = READERS[name]

    @some
    @given(st.one_of(changed(right), st.binary(max_size=200)))
    def attempt(content):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(content)
            try:
                read(path)
            except (FileNotFoundError, ValueError) as error:
                assert name not in NEVER_WRONG
                message = str(error)
                assert "\n" not in message and len(message) < 5000
                assert "file" in message or folder in message
            assert path.read_bytes() == content

    attempt()


def test_the_files_that_are_right_are_read(tmp_path):
    for name, (read, right) in READERS.items():
        if name not in ("picture", "captions", "shards"):
            path = tmp_path / "file"
            path.write_bytes(right)
            assert read(path) is not None


HOSTILE = st.one_of(
    st.sampled_from([0, -1, 1, 2**31, 2**63, 2**70, -(2**70), 10**400]),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e308, -1e-320, -0.5]),
    st.sampled_from(["", "nan", "none", "\0", "../a", "a,b", "1", "a" * 3000]),
    st.sampled_from([None, True, False, [], {}, (0,), (-1, 5), (float("nan"), 3)]),
    st.sampled_from([("a", "b"), {"a": 1}, [[1]], (3, 3), (9, 1)]),
    st.floats(),
    st.integers(),
)


@pytest.mark.parametrize("task", TASKS)
def test_a_hostile_value_of_a_setting_is_taken_or_named(task):
    base = importlib.import_module(f"configs.{task}").get_config()
    names = [name for name, _ in fields_of(spec(task).settings)]

    @some
    @given(st.sampled_from(names), HOSTILE)
    def attempt(name, value):
        try:
            config = rows.resolve(base, {}, {name: value})
            rows.make_run_spec(config, Path("0"), "row", "row")
        except ValueError as error:
            for line in str(error).splitlines():
                assert name.rsplit(".", 1)[-1] in line
                assert len(line) < 5000

    attempt()
