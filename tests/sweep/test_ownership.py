"""Somebody else's files in a run's folder, a report's or among checkpoints stay."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from attnlab import runs
from attnlab.report.report import write_report
from attnlab.runs.lock import LOCK
from attnlab.runs.ownership import NAMES
from attnlab.sweep import rows
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.run import run, run_together
from tests.report import conftest as made
from tests.tiny import plan, tiny_folder

OTHERS = {  # what another program may have left where a run is to go
    "a model": {"config.json": '{"architectures": ["BertModel"]}', "model.bin": "w"},
    "no JSON": {"config.json": "{ // of a web project\n", "thesis.tex": "x"},
    "a list": {"config.json": "[1, 2]", "log.txt": "mine"},
    "results": {"result.json": '{"accuracy": 1}', "metrics.jsonl": "", "a.py": ""},
    "steps": {"checkpoints/1000/params.bin": "w", "notes.md": "x"},
    "digests": {"config.json": "{}", "files.sha256": f"{'0' * 64} *model.bin\n"},
    "sentences": {"sources.txt": "a b\n", "references.txt": "b a\n"},
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def everything(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", OTHERS)
def test_a_folder_of_somebody_else_is_refused_and_left_alone(tmp_path, name):
    folder = tmp_path / "general" / "0"
    write(folder, OTHERS[name])
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="which no run of attnlab has written"):
        rows.write_folders(plan(), tmp_path)
    assert everything(tmp_path) == before
    if (folder / runs.CONFIG).exists():
        for train in (run, lambda folder: run_together([folder])):
            with pytest.raises(ValueError, match="which no run of attnlab has written"):
                train(folder)
    assert everything(tmp_path) == before


def test_one_such_folder_refuses_the_whole_sweep(tmp_path):
    def two(add):
        add("first")
        add("second", score="dot")

    write(tmp_path / "second" / "0", OTHERS["a model"])
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="second"):
        rows.write_folders(plan(two), tmp_path)
    assert everything(tmp_path) == before and not (tmp_path / "first").exists()


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "general").mkdir()
    (tmp_path / "general" / "0").write_text("x")
    with pytest.raises(ValueError, match="0 is no folder"):
        rows.write_folders(plan(), tmp_path)


@pytest.mark.parametrize("above", [".", "general"])
def test_a_run_is_not_trained_above_others(tmp_path, above):
    tiny_folder(tmp_path)
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="holds runs, such as"):
        runs.check_folder(tmp_path / above)
    assert everything(tmp_path) == before


def test_a_lock_of_somebody_else_is_refused(tmp_path):
    folder = tmp_path / "general" / "0"
    write(folder, {LOCK: "mine"})
    with pytest.raises(ValueError, match="holds .lock, which no run"):
        rows.write_folders(plan(), tmp_path)
    assert everything(tmp_path) == {folder / LOCK: b"mine"}
    (folder / LOCK).unlink()
    os.mkfifo(folder / LOCK)
    with pytest.raises(ValueError, match="holds .lock, which no run"):
        rows.write_folders(plan(), tmp_path)


@pytest.mark.parametrize("place", ["", "general"])
def test_a_config_above_runs_is_refused(tmp_path, place):
    """A report would take it for the run, and see none of those below."""
    write(tmp_path / place, OTHERS["a model"])
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="is no folder of a sweep"):
        rows.write_folders(plan(), tmp_path)
    assert everything(tmp_path) == before
    (alone,) = plan()  # experiments.train has one folder, wherever that lies
    spec = alone._replace(place=Path("0"))
    assert rows.write_folders([spec], tmp_path / place) == [tmp_path / place / "0"]


@pytest.mark.parametrize(
    "name", [runs.CONFIG, runs.RESULT, runs.METRICS, runs.LOG, "source.codec"]
)
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_has_a_file_s_name_and_is_none_is_refused(tmp_path, name, make):
    folder = tiny_folder(tmp_path)
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    with pytest.raises(ValueError, match=f"holds {name}, which no run of attnlab"):
        rows.write_folders(plan(), tmp_path)
    assert (folder / name).exists() and not (folder / name).is_file()


def test_a_file_in_place_of_checkpoints_is_refused(tmp_path):
    folder = tiny_folder(tmp_path)
    (folder / runs.CHECKPOINTS).write_text("x")
    with pytest.raises(ValueError, match="holds checkpoints, which no run of attnlab"):
        rows.write_folders(plan(), tmp_path)


def test_hidden_files_of_others_are_no_leftovers(tmp_path):
    ours = [".result.json.7.tmp", ".source.codec.12.tmp"]
    others = [".draft.tmp", ".thesis.7.tmp", ".config.json.7.tmp", ".lock.ab.tmp"]
    write(tmp_path, dict.fromkeys([*ours, *others], "x"))
    assert [path.name for path in runs.leftovers(tmp_path)] == ours


def test_other_files_beside_a_run_stay_when_it_is_made_anew(tmp_path):
    folder = tiny_folder(tmp_path)
    mine = {"thesis.tex": "x", "model.safetensors": "w", "notes/a.md": "n"}
    write(folder, mine)
    write(
        folder, {"source.codec": "", runs.METRICS: "", runs.LOG: "", runs.ERROR: "{}"}
    )
    rows.write_folders(plan(**{"model.hidden": 4}), tmp_path)
    assert {path.relative_to(folder).as_posix() for path in everything(folder)} - {
        LOCK
    } == {*mine, runs.CONFIG}
    assert runs.read_json(folder / runs.CONFIG)["model"]["hidden"] == 4


def test_a_step_of_another_program_stops_a_run_before_it_begins(tmp_path):
    folder = tiny_folder(tmp_path)
    write(folder, {"checkpoints/1000/params.bin": "w"})
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="1000 is no checkpoint of attnlab"):
        rows.write_folders(plan(), tmp_path)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("damage", ["", "{}", None])
def test_what_is_left_of_a_run_tells_that_it_is_one(tmp_path, damage):
    folder = tiny_folder(tmp_path)
    Checkpoints(folder / runs.CHECKPOINTS).save(1, {"w": np.ones(2)})
    config = folder / runs.CONFIG
    config.unlink() if damage is None else config.write_text(damage)
    runs.check_folder(folder)
    Checkpoints(folder / runs.CHECKPOINTS).check_own()


def test_every_file_of_a_run_is_known(finished_run):
    folder, _ = finished_run
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert files >= {runs.CONFIG, runs.RESULT, runs.ALIGNMENTS, "source.codec"}
    known = {path.name for path in runs.own_files(folder)}
    assert {name for name in files if not name.startswith(".")} == known
    constants = {value for name, value in vars(runs).items() if name.isupper()}
    stages = {name for name in constants if "." not in str(name)}  # words, a folder
    assert constants - stages <= NAMES | {LOCK}


@pytest.mark.parametrize(
    "files",
    [
        {"index.html": "<h1>My page</h1>"},
        {"summary.csv": "a,b\n"},
        {"figures/photo.png": "x"},
        {"data/people.js": "x"},
    ],
)
def test_a_report_overwrites_nothing_of_somebody_else(tmp_path, files):
    root = tmp_path / "sweep"
    made.write_run(root, "a", 0, 0, [], "unfinished")
    for folder in (tmp_path / "site", root / "report"):
        write(folder, files)
        before = everything(folder)
        with pytest.raises(ValueError, match="which no report of attnlab has written"):
            write_report(root, folder=folder)
        assert everything(folder) == before


def test_other_files_beside_a_report_stay(tmp_path):
    made.write_run(tmp_path, "a", 0, 0, [], "unfinished")
    report = tmp_path / "report"
    write(report, {"notes.md": "mine"})
    (page, *_) = write_report(tmp_path)
    write(report, {"figures/mine.png": "x", "data/mine.js": "x"})
    (report / "data" / "folder.js").mkdir()
    write_report(tmp_path)
    (report / ".attnlab").unlink()  # an older report has none, but its page tells
    write_report(tmp_path)
    for name in ("notes.md", "figures/mine.png", "data/mine.js"):
        assert (report / name).read_text() in ("mine", "x")
    assert json.dumps("attnlab report")[1:-1] in page.read_text(encoding="utf-8")
