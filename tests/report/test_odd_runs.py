"""One odd run, link or figure costs itself, and is named; the report is written."""

import errno
import json
import os
import shutil

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import figures, heatmaps, report
from attnlab.report.summary import summary_csv

DEEP = "[" * 100_000
LONG = int("9" * 400)


def text_of(record: dict) -> str:
    return json.dumps(record)


def changed(name, **values):
    """Give a JSON file of a run other values; None removes one."""

    def change(folder):
        path = folder / name
        record = json.loads(path.read_text()) | values
        path.write_text(text_of({k: v for k, v in record.items() if v is not None}))

    return change


def written(name, content):
    def change(folder):
        (folder / name).write_text(content)

    return change


def replaced(name, make):
    def change(folder):
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return change


def alignments(**values):
    """Another alignments.npz: weights, or the first sentence's words."""

    def change(folder):
        arrays = runs.read_arrays(folder / runs.ALIGNMENTS)
        sentences = json.loads(arrays["test/sentences"].tobytes())
        weights = values.pop("weights", None)
        if weights is not None:
            arrays["test/weights"] = weights(arrays["test/weights"])
        sentences[0] |= values
        text = json.dumps(sentences).encode()
        arrays["test/sentences"] = np.frombuffer(text, np.uint8)
        runs.write_arrays(folder / runs.ALIGNMENTS, arrays)

    return change


def first_nan(weights):
    weights = weights.copy()
    weights[0] = np.nan
    return weights


CONFIG, RESULT, METRICS = runs.CONFIG, runs.RESULT, runs.METRICS
ODD = {
    "seed of letters": (CONFIG, changed(CONFIG, seed="abc")),
    "seed nan": (CONFIG, changed(CONFIG, seed=float("nan"))),
    "seed inf": (CONFIG, changed(CONFIG, seed=float("inf"))),
    "seed list": (CONFIG, changed(CONFIG, seed=[1])),
    "seed long": (CONFIG, changed(CONFIG, seed=LONG)),
    "order of letters": (CONFIG, changed(CONFIG, order="abc")),
    "order list": (CONFIG, changed(CONFIG, order=[0])),
    "model 5": (CONFIG, changed(CONFIG, model=5)),
    "data 5": (CONFIG, changed(CONFIG, data=5)),
    "window of letters": (
        CONFIG,
        changed(CONFIG, model={"window": "local-p", "half_width": "abc"}),
    ),
    "surrogate row": (CONFIG, changed(CONFIG, row="a\ud800")),
    "long row": (CONFIG, changed(CONFIG, row="a" * 100_000)),
    "long slug": (CONFIG, changed(CONFIG, slug="a" * 300)),
    "NUL slug": (CONFIG, changed(CONFIG, slug="a\0b")),
    "slug elsewhere": (CONFIG, changed(CONFIG, slug="../../b")),
    "deep config": (CONFIG, written(CONFIG, DEEP)),
    "config link": (CONFIG, replaced(CONFIG, lambda path: path.symlink_to(path))),
    "config pipe": (CONFIG, replaced(CONFIG, os.mkfifo)),
    "deep result": (RESULT, written(RESULT, DEEP)),
    "result folder": (RESULT, replaced(RESULT, os.mkdir)),
    "result pipe": (RESULT, replaced(RESULT, os.mkfifo)),
    "gold list": (RESULT, changed(RESULT, gold=[])),
    "gold section": (RESULT, changed(RESULT, gold={})),
    "long bleu": (RESULT, changed(RESULT, bleu=LONG)),
    "surrogate key": (RESULT, changed(RESULT, **{"a\ud800": 1.0})),
    "deep metrics": (METRICS, written(METRICS, DEEP + "\n")),
    "metrics folder": (METRICS, replaced(METRICS, os.mkdir)),
    "step of letters": (METRICS, written(METRICS, '{"step": "a"}\n')),
    "long step": (METRICS, written(METRICS, f'{{"step": {LONG}}}\n')),
    "infinite step": (METRICS, written(METRICS, '{"step": 1e400, "kind": "dev"}\n')),
    "list folder": (runs.MANIFEST, replaced(runs.MANIFEST, os.mkdir)),
    "nan weights": (runs.ALIGNMENTS, alignments(weights=first_nan)),
    "text weights": (runs.ALIGNMENTS, alignments(weights=lambda w: w.astype(str))),
    "words of numbers": (runs.ALIGNMENTS, alignments(source=[1, 2, 3])),
    "words of lists": (runs.ALIGNMENTS, alignments(source=[["a"], ["b"]])),
    "links of letters": (runs.ALIGNMENTS, alignments(sure=[["a", "b"]])),
    "a link outside": (runs.ALIGNMENTS, alignments(possible=[[0, 999]])),
    "surrogate word": (runs.ALIGNMENTS, alignments(source=["a\ud800", "b"])),
}


@pytest.fixture(scope="module")
def two_rows(tmp_path_factory):
    """A sweep of two rows and two seeds, to be copied."""
    from tests.report.conftest import write_sweep

    root = tmp_path_factory.mktemp("odd") / "sweep"
    quality = {"general": (0.2, 0.2, 99), "dot": (0.3, 0.3, 99)}
    return write_sweep(root, quality, seeds=2, count=20)


@pytest.fixture
def copied(two_rows, tmp_path):
    shutil.copytree(two_rows, tmp_path / "sweep")
    return tmp_path / "sweep"


@pytest.fixture
def undrawn(monkeypatch):
    """Reports without figures, which have tests of their own."""
    monkeypatch.setattr(report, "draw", lambda *args: ([], []))


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_file_costs_its_run_and_is_named(copied, undrawn, odd):
    name, change = ODD[odd]
    change(copied / "dot" / "1")
    report.write_report(copied)
    text = (copied / "report" / "table.txt").read_text(encoding="utf-8")
    assert name in " ".join(text.split())
    made = report.make_table(copied)
    lines = {line.name: line for line in made.lines}
    assert lines["general"].cells["bleu"].seeds == 2
    assert lines["dot"].cells["bleu"].seeds == 1
    (failed,) = (line for line in made.lines if line.failure)
    assert name in failed.failure and "\n" not in failed.failure


def test_rows_and_runs_behind_links_are_in_the_report(copied, tmp_path, undrawn):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(copied / "general", elsewhere)
    (copied / "general").symlink_to(elsewhere)
    shutil.move(copied / "dot" / "1", tmp_path / "one")
    (copied / "dot" / "1").symlink_to(tmp_path / "one")
    made = report.make_table(copied)
    assert [line.cells["bleu"].seeds for line in made.lines] == [2, 2]
    report.write_report(copied)
    assert (copied / "report" / "summary.csv").read_text().count("finished") >= 4


def test_a_folder_that_is_met_twice_counts_once(copied):
    (copied / "again").symlink_to(copied / "general")
    (copied / "dot" / "up").symlink_to(copied)  # a circle
    found = runs.find(copied)
    assert [run.folder.relative_to(copied).as_posix() for run in found] == [
        *("general/0", "general/1", "dot/0", "dot/1")
    ]


@pytest.mark.parametrize("place", ["general", "general/1"])
def test_a_folder_that_may_not_be_listed_is_named(copied, monkeypatch, undrawn, place):
    scandir = os.scandir

    def refuse(path):
        if str(path) == str(copied / place):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    made = report.make_table(copied)
    (failed,) = (line for line in made.lines if line.failure)
    assert failed.name.startswith("general, seed")
    assert "cannot be listed: Permission denied" in failed.failure


def test_a_copied_run_is_no_further_seed(copied):
    before = report.make_table(copied)
    shutil.copytree(copied / "general" / "0", copied / "general" / "0.bak")
    after = report.make_table(copied)
    assert after.lines == before.lines
    assert set(after.notes) - set(before.notes) == {
        "general, seed 0: left out 0.bak, which is another run of that seed."
    }
    assert summary_csv(report.read_rows(copied)).count("0.bak") == 0


def test_runs_of_other_settings_in_a_row_are_named(copied):
    folder = copied / "general" / "1"
    changed(runs.CONFIG, train={"steps": 10, "devices": 1}, version=3)(folder)
    other = {"steps": 20, "devices": 2, "clip": 1.0}
    changed(runs.CONFIG, train=other)(copied / "general" / "0")
    notes = report.make_table(copied).notes
    assert [note for note in notes if "differ in more than the seed" in note] == [
        "general: its runs differ in more than the seed: train.steps (20; 10)."
    ]


def test_a_figure_that_cannot_be_drawn_costs_itself(copied, monkeypatch):
    save, root = figures.save, copied / "report"

    def broken(figure, stem, *options):
        # Tables are there before any figure.
        assert (root / "summary.csv").exists() and (root / "table.txt").exists()
        if stem.name == "bleu-by-length":
            raise IndexError("string index out of range")
        return save(figure, stem, *options)

    monkeypatch.setattr(figures, "save", broken)
    paths = report.write_report(copied)
    assert paths[0].exists()
    said = "The figure bleu-by-length could not be drawn (IndexError: string index out"
    for name in ("table.txt", "report.md", "index.html"):
        text = " ".join((root / name).read_text(encoding="utf-8").split())
        assert said in text.replace("\\", "")
    names = {path.name for path in paths}
    assert "learning-curves.png" in names and "bleu-by-length.png" not in names


def test_a_full_disk_is_no_bad_figure(copied, monkeypatch):
    def full(figure, stem, *options):
        raise OSError(28, "No space left on device", str(stem))

    monkeypatch.setattr(figures, "save", full)
    with pytest.raises(OSError, match="No space left"):
        report.write_report(copied)


def test_a_killed_save_leaves_the_figure_that_was_there(tmp_path, monkeypatch):
    figure = figures.blank(1.0, 1.0)
    (png,) = figures.save(figure, tmp_path / "a", ["png"])
    before = png.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *paths: pytest.exit("killed"))
    figure.text(0.5, 0.5, "x")
    with pytest.raises(BaseException, match="killed"):
        figures.save(figure, tmp_path / "a", ["png"])
    assert png.read_bytes() == before


def test_a_gold_set_may_be_called_gold(copied):
    """As that of data.files.gold is, where it is the only one."""
    path = sorted(copied.rglob(runs.RESULT))[0]
    result = runs.read_json(path)
    result |= {"gold": "gold", "aers": {"gold": {"aer": 0.25}}}
    runs.write_json(path, result)
    runs.list_files(path.parent, {runs.RESULT: path.read_bytes()})
    (run,) = runs.find(path.parent)
    assert run.error is None and run.result is not None


@pytest.mark.parametrize(
    "name", ["x\ny", "x\ry", "x\0y", "\ud800", 5, None, "a" * 2000]
)
def test_what_is_no_name_names_no_row(name):
    with pytest.raises(ValueError, match="is no name"):
        runs.slug(name)


def test_halves_of_letters_are_drawn_as_signs(tmp_path):
    words = ("n0\udcff", "b")
    pair = runs.AlignedSentence(words, words, np.eye(2, dtype=np.float32))
    drawn = figures.save(heatmaps.heat_map(pair), tmp_path / "map", ["png", "pdf"])
    assert all(path.stat().st_size > 1000 for path in drawn)


def test_a_mark_of_byte_order_inside_a_word_is_drawn(tmp_path):
    figure = figures.blank(1.0, 1.0)
    figure.text(0.5, 0.5, figures.plain("\ufeffword"))
    assert all(path.stat().st_size for path in figures.save(figure, tmp_path / "a"))


def test_a_sweep_whose_name_is_not_utf8_is_reported(copied, tmp_path, undrawn):
    root = copied.rename(tmp_path / os.fsdecode(b"a\xff"))
    report.write_report(root)
    assert (root / "report" / "index.html").is_file()


def test_a_report_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    def refuse(path, content):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(report, "write_bytes", refuse)
    with pytest.raises(OSError, match="Read-only") as caught:
        report.claim(tmp_path / "out")
    assert caught.value.filename == str(tmp_path / "out")
