"""`experiments.data` as its user meets it, with a small catalogue and a mirror."""

import hashlib
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from attnlab.corpora import catalogue, fetching
from attnlab.corpora.catalogue import Entry, File
from attnlab.text.synthetic import synthetic
from experiments import data_describe, data_files
from tests.corpora.mirror import dead_address, mirror_of
from tests.programs import run_program

ROOT = Path(__file__).resolve().parents[2]
CONTENTS = {f"tiny/{name}.gz": name.encode() * 5000 for name in ("a", "bb", "ccc")}
FILES = tuple(
    File(path, len(content), hashlib.sha256(content).hexdigest())
    for path, content in CONTENTS.items()
)
TINY = Entry(
    "tiny",
    "a text",
    (1, 2, 3),
    "open: yes",
    "https://up.org",
    ("tiny",),
    task="translation",
)


@pytest.fixture(autouse=True)
def small_world(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(catalogue, "sums", lambda: FILES)
    monkeypatch.setattr(fetching.time, "sleep", lambda seconds: None)


@pytest.fixture
def mirror(tmp_path):
    root = tmp_path / "served"
    write(root)
    with mirror_of(root) as server:
        yield server


def write(folder: Path) -> None:
    for path, content in CONTENTS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def test_fetch_brings_what_is_missing_and_says_whose_it_is(mirror, tmp_path, capsys):
    folder = tmp_path / "data"
    (folder / "tiny").mkdir(parents=True)
    (folder / "tiny/a.gz").write_bytes(CONTENTS["tiny/a.gz"])
    assert data_files.fetch([TINY], folder, [mirror.address]) == 0
    assert {p: (folder / p).read_bytes() for p in CONTENTS} == CONTENTS
    assert [path for path, _ in mirror.seen] == ["/tiny/bb.gz", "/tiny/ccc.gz"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "tiny: 2 of 3 files to fetch; open: yes" in err
    assert "https://up.org" in err and "2 files fetched" in err
    assert data_files.fetch([TINY], folder, [mirror.address]) == 0
    assert len(mirror.seen) == 2
    assert "tiny: complete" in capsys.readouterr().err


def test_one_file_that_fails_does_not_stop_the_others(mirror, tmp_path, capsys):
    mirror.plan = ["status 404"]
    assert data_files.fetch([TINY], tmp_path / "data", [mirror.address]) == 1
    err = capsys.readouterr().err
    assert f"FAILED tiny/a.gz:\n  {mirror.address}: 404 Not Found" in err
    assert "2 files fetched" in err and "1 failed" in err


def test_the_mirror_that_gave_a_file_is_asked_first(mirror, tmp_path):
    with mirror_of(tmp_path / "empty") as other:
        addresses = [other.address, mirror.address]
        assert data_files.fetch([TINY], tmp_path / "data", addresses) == 0
        assert len(other.seen) == 1 and len(mirror.seen) == 3


def test_without_an_answer_nothing_more_is_asked(mirror, tmp_path, capsys):
    assert data_files.fetch([TINY], tmp_path / "data", [dead_address()]) == 1
    err = capsys.readouterr().err
    assert "tiny/a.gz" in err and "bb.gz" not in err
    assert err.count("again in") == 4
    assert "the same command goes on from here" in err


def test_without_a_mirror_it_says_where_the_text_is_from(tmp_path, capsys):
    assert data_files.fetch([TINY], tmp_path / "data", []) == 2
    err = capsys.readouterr().err
    assert "https://up.org" in err and "open: yes" in err
    assert "no mirror is named" in err and "ATTNLAB_MIRROR" in err
    assert not (tmp_path / "data").exists()


def test_verify_names_what_is_missing_and_what_is_damaged(tmp_path, capsys):
    write(tmp_path)
    assert data_files.verify([TINY], tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[2].split() == ["tiny", *"3300"]
    (tmp_path / "tiny/a.gz").write_bytes(b"a" * 4999 + b"b")
    (tmp_path / "tiny/bb.gz").unlink()
    (tmp_path / "tiny/ccc.gz").unlink()
    (tmp_path / "tiny/ccc.gz").mkdir()
    assert data_files.verify([TINY], tmp_path) == 1
    head, _, row, _, *wrong = capsys.readouterr().out.splitlines()
    assert head == f"in {tmp_path}" and row.split() == ["tiny", *"3012"]
    got = hashlib.sha256(b"a" * 4999 + b"b").hexdigest()
    assert wrong == [
        f"damaged  tiny/a.gz  expected sha256 {FILES[0].sha256}, got {got}",
        "missing  tiny/bb.gz",
        "unreadable  tiny/ccc.gz  Is a directory",
        "3 files are not as they must be; `fetch tiny` mends them",
    ]


def test_list_says_what_is_here(tmp_path, capsys):
    def state():
        data_files.list_json([TINY], tmp_path)
        (record,) = json.loads(capsys.readouterr().out)
        assert [file["path"] for file in record["files"]] == list(CONTENTS)
        data_files.list_entries([TINY], tmp_path, details=False)
        assert record["state"] in capsys.readouterr().out
        return record["state"]

    assert state() == "missing"
    write(tmp_path)
    assert state() == "complete"
    (tmp_path / "tiny/bb.gz").unlink()
    assert state() == "partial"
    (tmp_path / "tiny/a.gz").write_bytes(b"short")
    assert state() == "damaged"
    data_files.list_entries([TINY], tmp_path, details=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tiny (translation): a text"
    assert [line.split()[0] for line in lines[5:8]] == ["5,000", "-", "15,000"]


@pytest.fixture
def run(tmp_path_factory):
    """Runs the program; returns its exit status and what it printed."""

    def program(*arguments, **environment):
        folder = tmp_path_factory.mktemp("program")
        return run_program(folder, "experiments.data", *arguments, **environment)

    return program


def test_an_embedded_corpus_is_described_and_drawn(run, tmp_path):
    plot = tmp_path / "scenes.png"
    few = [f"--option={split}=9" for split in ("train", "dev", "test")]
    done = run("describe", "scenes", *few, f"--plot={plot}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "pictures of 24 x 24 x 1" in done.stdout
    assert done.stdout.splitlines()[-1] == f"wrote {plot}"
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "few", "expected"),
    [
        ("classification", "evidence", "evidence: Generated word salad"),
        ("translation", "synthetic", "training as this config has it: 300 pairs"),
        ("ntm", None, "copy: 9 inputs and 8 outputs a step"),
    ],
)
def test_the_corpus_of_a_config_is_described(name, few, expected, tmp_path, capsys):
    config = importlib.import_module(f"configs.{name}").get_config()
    if few:
        config.data[few].update({"train": 300, "dev": 9, "test": 9})
    plot = tmp_path / "plot.pdf"
    data_describe.describe_config(config, plot)
    out, err = capsys.readouterr()
    assert expected in out and err == ""
    assert plot.read_bytes().startswith(b"%PDF")


def test_options_of_a_loader_are_numbers_lists_and_words():
    given = ["a=3", "b=[1, 2]", "c=False", "d=true", "e=1-20", "f=full", "g=x=y", "h="]
    assert dict(map(data_describe.option, given)) == {
        "a": 3,
        "b": [1, 2],
        "c": False,
        "d": True,
        "e": "1-20",
        "f": "full",
        "g": "x=y",
        "h": "",
    }
    with pytest.raises(ValueError, match="--option=size is not NAME=VALUE"):
        data_describe.option("size")


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="scenes.train is 'many'"):
        data_describe.describe_name("scenes", {"train": "many"}, None)
    monkeypatch.setenv("ATTNLAB_DATA", str(tmp_path))
    (tmp_path / "babi").mkdir()
    (tmp_path / "babi/babi_tasks_v1-2_en_1k.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="(?s)1k.tar.gz is not a whole archive: .*"):
        data_describe.describe_name("babi", {}, None)


def test_a_corpus_that_is_not_here_is_one_line(run, tmp_path):
    done = run("describe", "sst", ATTNLAB_DATA=str(tmp_path))
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("data: sst/sst5_train.txt.gz is not in the data folder")
    assert "experiments.data fetch" in line
    done = run("verify", ATTNLAB_DATA=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == f"data: no corpus is in {tmp_path}; see `list`\n"


@pytest.mark.data
def test_options_replace_what_is_described_by_default(data_folder, capsys, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(data_folder))
    data_describe.describe_name("tatoeba", {}, None)
    assert "silver_dev" in capsys.readouterr().out
    data_describe.describe_name("tatoeba", {"size": "full"}, None)
    out = capsys.readouterr().out
    assert "164,659" in out and "silver" not in out


def test_a_reader_that_stops_early_gets_no_traceback():
    told = f"{sys.executable} -m experiments.data list --json | head -1"
    done = subprocess.run(
        told, shell=True, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[\n" and "Traceback" not in done.stderr


def test_the_training_text_of_a_config_is_written_for_other_programs(run, tmp_path):
    """In the order in which train.guide reads links: that of the corpus."""
    sides = [tmp_path / "new" / name for name in ("a.source", "a.target")]
    asked = ("--config=configs/translation.py", f"--out={sides[0]},{sides[1]}")
    few = "--config.data.synthetic.train=7"
    done = run("text", *asked, few)
    assert done.returncode == 0 and "7 lines each" in done.stderr
    expected = synthetic(train=7).train
    for side, path in zip(("source", "target"), sides, strict=True):
        lines = path.read_text().splitlines()
        assert lines == [" ".join(getattr(pair, side)) for pair in expected]
    again = run("text", *asked, few)
    assert again.returncode == 2 and "exists" in again.stderr


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--config=configs/translation.py"], "--out=SOURCE,TARGET"),
        (["hansards", "--out=a,b"], "--out=SOURCE,TARGET"),
        (["--config=configs/ntm.py", "--out=a,b"], "no training pairs"),
    ],
)
def test_a_corpus_without_pairs_is_not_written(run, words, expected):
    done = run("text", *words)
    assert done.returncode == 2 and expected in done.stderr
