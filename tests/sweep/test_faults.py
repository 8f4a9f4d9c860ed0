"""The bench of faults: that its pieces can find what they look for."""

import csv
import os
import random
import re
import shutil
from pathlib import Path

import pytest

from attnlab import runs
from attnlab.report import rows
from attnlab.report.summary import summary_csv
from attnlab.sweep import replica_groups
from attnlab.sweep.local import hardware
from attnlab.training.checkpoint import Checkpoints
from benchmarks.faults import __main__ as bench_main
from benchmarks.faults import trials
from benchmarks.faults.damage import WAYS, Case, kinds, loads, outcomes, states
from benchmarks.faults.kills import what
from benchmarks.faults.sweeps import (
    ROOT,
    TIMES,
    FaultBench,
    Outcome,
    half_written,
    summary,
)


def write_summary(root: Path) -> None:
    (root / "report").mkdir(exist_ok=True)
    text = summary_csv(rows.group(runs.find(root)), root)
    (root / "report" / "summary.csv").write_text(text)


@pytest.fixture
def bench(finished_run, tmp_path):
    """A bench whose undisturbed sweep is of one run, and a copy of it to disturb."""
    for name in ("whole", "other"):
        shutil.copytree(finished_run[0].parents[1], tmp_path / name)
        write_summary(tmp_path / name)
    return FaultBench(tmp_path, lambda line: None), tmp_path / "other"


def test_a_number_that_differs_is_found_and_times_are_not(bench):
    bench, other = bench
    assert bench.differences(other) == []
    path = other / "report" / "summary.csv"
    with open(path, newline="") as file:
        lines = list(csv.DictReader(file))
    names = list(lines[0])
    assert {*TIMES} <= {*names}

    def change(name, value):
        changed = [line | {name: value} for line in lines]
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(changed)
        return bench.differences(other)

    for name in TIMES:
        assert change(name, "17.5") == []
    (line,) = change("perplexity", "17.5")
    assert line == f"general/0 perplexity: 17.5, was {lines[0]['perplexity']}"
    path.unlink()
    said = [name for name in names if name not in TIMES and "." not in name]
    assert len(bench.differences(other)) == len(said)


def test_every_file_of_a_run_has_a_kind_and_can_be_damaged(bench):
    bench, other = bench
    folder = other / "general" / "0"
    found = kinds(folder)
    for name in (runs.CONFIG, runs.RESULT, runs.METRICS, ".lock", "source.codec"):
        assert found[name] == folder / name
    assert {"newest checkpoint: state/d/*", "best checkpoint: manifest"} <= set(found)
    saved = Checkpoints(folder / runs.CHECKPOINTS)
    kept = {p.relative_to(folder).parts[1].split(".")[0] for p in found.values()
            if p.parent != folder}  # fmt: skip
    assert kept == {str(saved.latest_step), str(saved.best_step)}
    moments = random.Random(0)
    for content in (b"", b"a", bytes(1000)):
        assert WAYS["flipped"](content, moments) != content
        assert not content or len(WAYS["cut short"](content, moments)) < len(content)
    for finished in (True, False):
        borne = [case for load in loads(folder, finished, moments) for case in load]
        assert sorted(borne) == sorted(Case(k, w) for k in found for w in WAYS)


def test_a_silently_wrong_number_is_told_from_a_reported_one(bench):
    bench, other = bench
    assert states(bench, other) == {"general/0": "right"}
    path = other / "general" / "0" / runs.RESULT
    path.write_text(path.read_text().replace('"steps": 30', '"steps": 31'))
    assert states(bench, other) == {"general/0": "failed"}
    (path.parent / runs.MANIFEST).unlink()  # as if nothing was checked
    assert states(bench, other) == {"general/0": "wrong"}
    told = [
        (Case("a", "flipped"), "LOST: x"),
        (Case("b", "flipped"), "reported, mended"),
    ]
    flipped, cut = outcomes(told, "finished")
    assert flipped[1:5] == (2, 1, 1, 1) and cut[1:5] == (0, 0, 0, 0)


def test_half_written_files_and_what_was_going_on_are_seen(bench):
    _, other = bench
    folder = other / "general" / "0"
    assert half_written(other) == [] and what(other) == "in the report"
    (folder / runs.ALIGNMENTS).write_bytes(b"PK")
    (folder / "source.codec").write_bytes(b"attnlab")
    assert len(half_written(other)) == 2
    (folder / runs.RESULT).unlink()
    assert what(other) == "in a test"
    for name in (runs.HYPOTHESES, runs.LOSSES):
        (folder / name).unlink()
    assert what(other) == "between runs"
    with runs.only_one(folder):
        assert what(other) == "in training"
        (folder / runs.METRICS).unlink()
        assert what(other) == "while a run started"
    (folder / "checkpoints" / "7.orbax-checkpoint-tmp").mkdir()
    assert what(other) == "while a checkpoint was written"


def test_the_document_has_what_was_found(tmp_path, monkeypatch):
    path = tmp_path / "reliability.md"
    path.write_text(f"# Before\n\n{bench_main.BEGIN}\nold\n{bench_main.END}\n\nAfter\n")
    monkeypatch.setattr(bench_main, "DOCUMENT", path)
    outcome = Outcome("SIGKILL", 50, 49, 1, 2, note="a | b")
    others = Outcome("files of others", 3, 3, 3, 0, 1, "a")
    files = [[["config.json", "flipped"], "said, mended"]]
    record = {"outcomes": [outcome, others], "files": files, "when": "2025-01-31"}
    bench_main.write(bench_main.document({"kills": record, "finished": record}))
    text = path.read_text()
    assert text.startswith("# Before\n") and text.endswith("\n\nAfter\n")
    assert "old" not in text and "2025-01-31" in text
    assert "| SIGKILL | 50 | 49 | 1 | 2 |  | a \\| b |" in text
    assert "| files of others | 3 | 3 | 3 | 0 | 1 | a |" in text
    assert "| `config.json` | said, mended |  |" in text


def test_files_of_others_that_were_touched_are_counted(tmp_path):
    trials.write(tmp_path, {"a/b.txt": "x", "c.txt": "y", "d.txt": "z", "folder/": ""})
    os.mkfifo(tmp_path / "pipe")
    before = trials.digests(tmp_path)
    assert {*before} == {"a", "a/b.txt", "c.txt", "d.txt", "folder", "pipe"}
    assert trials.changes(before, trials.digests(tmp_path)) == 0
    (tmp_path / "c.txt").unlink()
    (tmp_path / "d.txt").write_text("changed")
    (tmp_path / "a" / "new.txt").write_text("new")
    assert trials.changes(before, trials.digests(tmp_path)) == 3
    named = trials.digests(tmp_path, ["a/b.txt", "c.txt"])
    assert named == {"a/b.txt": before["a/b.txt"]}


def test_a_refusal_is_one_line_with_status_2():
    line = "sweep: runs/a holds config.json"
    assert trials.ProgramEnd(2, [line]).refused("runs/a")
    for status, lines in (
        (1, [line]),
        (None, [line]),
        (2, []),
        (2, [line, line]),
        (2, ["another line"]),
    ):
        assert not trials.ProgramEnd(status, lines).refused("runs/a")


def test_trials_that_went_wrong_are_named():
    good = trials.Trial("a page, sweep", True, True, touched=0)
    outcome = trials.outcome("others", [good, good._replace(name="a page, train")])
    assert outcome == Outcome("others", 2, 2, 2, 0, 0, "a page, sweep, a page, train")
    for wrong in ({"survived": False}, {"touched": 2}, {"lost": 1}):
        bad = good._replace(name="steps", **wrong)
        assert trials.outcome("others", [good, bad]).note == "WRONG: steps"
    assert trials.outcome("x", [trials.Trial("a", True)]).touched is None


def test_an_unfinished_run_has_its_earlier_checkpoints(bench):
    _, other = bench
    (run,) = trials.run_folders(other)
    steps = Checkpoints(run / runs.CHECKPOINTS).steps
    trials.unfinish(run)
    assert Checkpoints(run / runs.CHECKPOINTS).steps == steps[:-1]
    assert not (run / runs.RESULT).exists()


def test_every_promise_names_tests_that_are_there():
    text = bench_main.DOCUMENT.read_text(encoding="utf-8")
    promises = text.partition("## What is promised")[2].partition("\n## ")[0]
    for promise in re.split(r"^- ", promises, flags=re.MULTILINE)[1:]:
        tests = re.findall(r"tests/[\w/*]+\.py", promise)
        assert tests, promise
        for name in tests:
            assert list(ROOT.glob(name)), name


@pytest.mark.slow
def test_the_quick_bench_loses_nothing(tmp_path):
    faults = ["kills", "rows", "finished", "ownership", "surroundings"]
    arguments = ["--quick", f"--workdir={tmp_path}", "--only", *faults]
    assert bench_main.main(arguments) == 0
    assert summary(tmp_path / "whole")


def test_a_sweep_of_one_run_stands_for_few_faults(capsys):
    for words in (["--only", "kills"], ["--quick", "--only", "kills", "texts"]):
        with pytest.raises(SystemExit):
            bench_main.main(["--one-run", *words])
        assert "--one-run needs --quick and --only" in capsys.readouterr().err


def test_a_sweep_of_the_bench_begins_with_replicas_decided_against(tmp_path):
    folder = FaultBench(tmp_path, print).begin(tmp_path / "sweep")
    decision = replica_groups.recall(folder / ".compiled", hardware())
    assert decision is not None and not decision.pays
