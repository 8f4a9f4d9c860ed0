"""The run of a sweep's report as wandb has it, and the lines that a sweep prints."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attnlab import runs
from attnlab.report.report import write_report
from attnlab.settings import WandbSettings
from attnlab.sweep import wandb_report
from tests.report.conftest import write_sweep
from tests.wandb.offline import Offline, offline_runs

SETTINGS = WandbSettings(mode="offline", project="attnlab")
OFF = WandbSettings(mode="disabled")
ROWS = {"global (dot)": (0.25, 0.30, 99), "local-m (general)": (0.28, 0.25, 3)}


@pytest.fixture(scope="module", name="root")
def finished(tmp_path_factory) -> Path:
    """A sweep of two runs with its report, shown in wandb."""
    root = tmp_path_factory.mktemp("sweep") / "luong 2015"
    write_sweep(root, ROWS, seeds=1, count=12)
    assert wandb_report.conclude(root, folders(root), write_report(root), SETTINGS) == [
        f"wandb: 1 run is kept offline; to send: "
        f"wandb sync '{root}'/report/wandb/offline-run-*"
    ]
    return root


def folders(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("*/*/config.json"))


@pytest.fixture(scope="module", name="run")
def read_back(root) -> Offline:
    (run,) = offline_runs(root / "report")
    return run


def test_the_report_is_a_run_of_the_group_of_its_sweep(run):
    record = run.run
    assert (record.project, record.run_group) == ("attnlab", "luong 2015")
    assert (record.display_name, record.job_type) == ("report", "report")
    assert run.of("exit")[0].exit_code == 0


def test_the_table_is_summary_csv_with_its_numbers_as_numbers(run, root):
    (file,) = run.media("table")
    table = json.loads(file.read_text())
    with open(root / "report" / "summary.csv", newline="") as summary:
        columns, *lines = csv.reader(summary)
    assert table["columns"] == columns
    assert len(table["data"]) == len(lines) == 2
    for cells, texts in zip(table["data"], lines, strict=True):
        for name, cell, text in zip(columns, cells, texts, strict=True):
            if name in ("bleu", "aer", "parameters", "seed", "seconds"):
                assert cell == float(text)
            elif not text:
                assert cell is None
            else:
                assert str(cell) == text


def test_the_files_of_the_report_are_an_artifact_and_its_figures_images(run, root):
    contents = run.artifacts["luong-2015-report"].manifest.contents
    copies = {entry.path: Path(entry.local_path) for entry in contents}
    report = root / "report"
    below = [path for path in report.rglob("*") if path.is_file()]
    written = [
        path
        for path in below
        if "wandb" not in path.relative_to(report).parts
        # for the next report alone
        and path.name not in (".drawn.json", ".attnlab")
    ]
    assert {"summary.csv", "table.tex", "figures/learning-curves.png"} <= copies.keys()
    assert copies.keys() == {path.relative_to(report).as_posix() for path in written}
    for name, copy in copies.items():
        assert copy != report / name  # a report written later is another one
        assert copy.read_bytes() == (report / name).read_bytes()
    images = {path.name.rsplit("_", 2)[0] for path in run.media("images")}
    assert images == {path.stem for path in written if path.suffix == ".png"}


def test_a_report_is_shown_again_when_a_run_has_finished_since(root, tmp_path):
    root = Path(shutil.copytree(root, tmp_path / root.name, symlinks=True))
    written = sorted((root / "report").glob("*.*"))
    wandb_report.conclude(root, folders(root), written, SETTINGS)
    (first,) = offline_runs(root / "report")
    old = f"offline-run-20200101_000000-{first.run.run_id}"
    first.file.parent.rename(first.file.parent.with_name(old))
    os.utime(folders(root)[0] / runs.RESULT)
    wandb_report.conclude(root, folders(root), written, SETTINGS)
    _, second = offline_runs(root / "report")
    assert second.run.run_id == first.run.run_id


def test_one_line_sends_all_that_is_offline(tmp_path):
    children = [tmp_path / "a" / "0", tmp_path / "a" / "1"]
    assert wandb_report.unsent(tmp_path, children) is None
    for child in children:
        (child / "wandb" / "offline-run-2026-x").mkdir(parents=True)
    assert wandb_report.unsent(tmp_path, children) == (
        "wandb: 2 runs are kept offline; to send: "
        f"wandb sync {tmp_path}/*/*/wandb/offline-run-*"
    )
    for child in children:
        (child / "wandb" / "offline-run-2026-x" / "run-x.wandb.synced").touch()
    assert wandb_report.unsent(tmp_path, children) is None


def test_where_the_mirrors_of_runs_failed_the_sweep_says_so(tmp_path):
    children = [tmp_path / "a" / "0", tmp_path / "a" / "1"]
    for child, note in zip(children, ({}, {"wandb": "wandb failed"}), strict=True):
        runs.write_json(child / runs.ENVIRONMENT, note)
    assert wandb_report.conclude(tmp_path, children, [], OFF) == [
        f"wandb: trouble with 1 of 2 runs; {children[1]}: wandb failed"
    ]


def test_a_broken_wandb_costs_the_report_nothing(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setattr(wandb_report, "_is_new", lambda report, folders: True)
    written = sorted((root / "report").glob("*.*"))
    line, _ = wandb_report.conclude(root, folders(root), written, SETTINGS)
    assert "ModuleNotFoundError" in line and "report" in line


def test_a_sweep_without_wandb_does_not_import_it(tmp_path):
    code = f"""
import sys
from pathlib import Path
from attnlab.settings import WandbSettings
from attnlab.sweep.wandb_report import conclude
off = WandbSettings(mode="disabled")
assert conclude(Path({str(tmp_path)!r}), [], [Path("x")], off) == []
assert not {{"wandb", "matplotlib", "jax", "pandas"}} & sys.modules.keys()
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
