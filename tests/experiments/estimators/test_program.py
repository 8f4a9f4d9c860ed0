"""The bench of gradient estimators: a small run, its files, and mistakes."""

import ast
import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.estimators import __main__ as estimators
from experiments.estimators import tables

ROOT = Path(__file__).resolve().parents[3]
SMALL = {"model.embedding": 4, "model.hidden": 4, "model.readouts": 4}


@pytest.fixture
def quick(monkeypatch):
    """Less to compile, and without the compiler's care for speed."""
    from experiments.estimators import gradients, setup

    for module in (gradients, setup):
        monkeypatch.setattr(module, "QUICK", {"xla_backend_optimization_level": 0})
    monkeypatch.setattr(setup, "COUNTS", (1, 2))
    for name, value in SMALL.items():
        monkeypatch.setitem(estimators.SETTINGS, name, value)


def test_a_run_prints_its_table_and_writes_its_files(quick, tmp_path, capsys):
    asked = ["--only=expected reinforce soft step", "--samples=80", "--steps=3"]
    assert estimators.main([*asked, f"--out={tmp_path / 'new'}"]) == 0
    output = capsys.readouterr().out
    folder = tmp_path / "new"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    figures = {f"figures/variance-by-samples.{ending}" for ending in ("png", "pdf")}
    assert files == {"table.txt", "table.md", "estimators.csv"} | figures
    printed = (folder / "table.txt").read_text()
    assert output.startswith(printed)
    assert all(str(folder / name) in output for name in files)
    for words in ("after 3 updates", "perplexity", "entropy", "80 gradients"):
        assert words in " ".join(printed.split())
    titles, _, line = printed.split("\n\n")[1].split("\n")
    asked = "feed learning baseline credit temp. biased found bias |mean-exact|"
    assert titles.split() == [*asked.split(), "variance", "ms"]
    assert line.split()[:7] == "expected reinforce soft step — no no".split()
    assert "K = 1" in printed and "K = 2" in printed and "K = 4" not in printed
    assert "K samples have 1/K of the variance" in printed
    assert "No bias was found in 2 of the 2 estimators" in printed
    with open(folder / "estimators.csv", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["name"] == "expected reinforce soft step"
    assert (first["samples"], second["samples"]) == ("1", "2")
    variances = [float(row["variance"]) for row in (first, second)]
    assert variances[0] > variances[1] > 0 < float(first["seconds"])
    assert first["biased"] == first["found"] == "False"
    assert (folder / "table.md").read_text().count("\n|:--") == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--samples=79"], "samples is 79; must be at least 80"),
        (["--steps=0"], "train.steps is 0"),
        (["--seed=-1"], "seed is -1; it must be greater than or equal to 0"),
        (
            ["--only=zz"],
            "no estimator's name contains 'zz'; names are made of expected",
        ),
        (["--out=FILE"], "FILE"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    tmp_path, capsys, arguments, expected
):
    file = tmp_path / "file"
    file.write_text("mine")
    arguments = [argument.replace("FILE", str(file)) for argument in arguments]
    folder = f"--out={tmp_path / 'new'}"
    assert estimators.main([folder, *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("estimators: ")
    assert expected.replace("FILE", str(file)) in line
    assert file.read_text() == "mine"
    assert not list((tmp_path / "new").glob("*"))


def test_help_is_quick_and_says_what_is_written():
    code = (
        "import json, sys\n"
        "from experiments.estimators import __main__ as estimators\n"
        "try:\n"
        "    estimators.main(['--help'])\n"
        "except SystemExit as stop:\n"
        "    print(json.dumps([stop.code, sorted(sys.modules)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, last = done.stdout.splitlines()
    status, imported = json.loads(last)
    assert status == 0 and done.stderr == ""
    assert not {"jax", "flax", "matplotlib", "rich", "attnlab"} & set(imported)
    source = (ROOT / "experiments" / "estimators" / "__main__.py").read_text()
    assert ast.get_docstring(ast.parse(source)).splitlines()[0] in lines
    text = "\n".join(lines)
    for flag in ("--samples", "--steps", "--seed", "--only", "--out"):
        assert flag in text


def test_a_table_is_as_wide_as_it_must_be_and_a_paragraph_folds():
    grid = tables.Grid(["name", "n|m"], [["a", "1.5"], ["b" * 60 + "[c]", "12.25"]])
    parts = ["word " * 20, grid]
    lines = tables.text(parts, width=40).splitlines()
    assert lines[:4] == [*["word word word word word word word word"] * 2,
                         "word word word word", ""]  # fmt: skip
    title, _, first, second = lines[4:]
    assert title.split() == ["name", "n|m"]
    assert first.split() == ["a", "1.5"]
    assert second == f"{'b' * 60}[c]  12.25"
    assert len(title) == len(first) == len(second)  # numbers stand under each other
    paragraph, title, rule, _, last = (
        line for line in tables.markdown(["a*", grid]).splitlines() if line
    )
    assert paragraph == "a\\*"
    assert "n\\|m |" in title and f"{'b' * 60}\\[c\\] |" in last
    assert rule.startswith("|:-") and rule.endswith("-:|")
