"""Runs that the first version of attnlab wrote load, resume, report and align.

tests/fixtures/runs_v1 holds a finished run (a local window) and one that was stopped
after its first checkpoint (a hard read with a moving baseline), both by that version;
resumed.json is the result it gave when it resumed the second one.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.sweep import rows
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.load import load
from attnlab.training.run import run
from attnlab.training.run_config import learned_fingerprint, read_run_config
from configs.translation import get_config
from experiments import align, report
from tests.tiny import TINY

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "runs_v1"
FINISHED, UNFINISHED = "local-p-general/0", "hard-reinforce/0"
TIMES = ("seconds", "tokens_per_second", "seconds_per_step")
# The strategy was jit by default then; it is no part of what is learned.
FOR_ALL = {"train.steps": 20, "train.log_every": 5, "train.strategy": "jit"}


def sweep(add):
    add(
        "local-p (general)",
        window="local-p",
        score="general",
        half_width=2,
        evaluate_every=20,
    )
    add(
        "hard (reinforce)",
        score="general",
        read="hard",
        learning="reinforce",
        baseline="moving-average",
        evaluate_every=10,
    )


def planned(**changes) -> list[rows.RunSpec]:
    """The sweep that the old runs are of, as it is planned today."""
    tiny = {k: v for k, v in TINY.items() if k != "train.evaluate_every"}
    return rows.plan(get_config(), sweep, tiny | FOR_ALL | changes)


@pytest.fixture
def root(tmp_path) -> Path:
    """A copy of the sweep's folder."""
    for place in (FINISHED, UNFINISHED):
        shutil.copytree(FIXTURES / place, tmp_path / "sweep" / place)
    return tmp_path / "sweep"


def assert_same(value, expected) -> None:
    """Equal; of floats all but the last digits, in which machines may differ."""
    if isinstance(expected, float | dict):
        assert value == pytest.approx(expected, rel=1e-5)
    else:
        assert value == expected


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_fixtures_are_of_the_first_version_and_whole():
    for place in (FINISHED, UNFINISHED):
        config = runs.read_json(FIXTURES / place / runs.CONFIG)
        assert "version" not in config
        assert config["task"] == "translate" and "optimiser" in config["train"]
        assert runs.damaged_files(FIXTURES / place) == []
        (fingerprint,) = Checkpoints(FIXTURES / place / runs.CHECKPOINTS).fingerprints
        assert fingerprint == learned_fingerprint(config)
        assert len(list((FIXTURES / place).rglob("*.manifest.json"))) == 1


@pytest.mark.parametrize("place", [FINISHED, UNFINISHED])
def test_settings_have_todays_names(place):
    config = read_run_config(FIXTURES / place)
    assert config.settings.task == "translation"
    assert config.settings.model.normalizer == "softmax"
    assert config.settings.train.optimizer == "adam"
    # The default of before, under which they were trained.
    then = planned(**{"data.shapes": 6})
    assert config.settings in [spec.settings for spec in then]


@pytest.mark.parametrize(("place", "step"), [(FINISHED, 20), (UNFINISHED, 10)])
def test_they_load_and_translate(place, step):
    before = contents(FIXTURES)
    trained = load(FIXTURES / place)
    assert trained.step == step
    assert trained.translate("one two three").alignment.shape[1] == 3
    assert contents(FIXTURES) == before


def test_the_finished_one_translates_its_test_set_as_it_did():
    trained = load(FIXTURES / FINISHED)
    sources, hypotheses = (
        runs.read_lines(FIXTURES / FINISHED / name)
        for name in (runs.SOURCES, runs.HYPOTHESES)
    )
    translations = trained.translate(sources)
    assert [str(translation) for translation in translations] == hypotheses


def test_the_unfinished_one_resumes_to_the_numbers_of_the_old_code(root):
    folder = root / UNFINISHED
    assert rows.write_folders(planned(), root, log=pytest.fail)[1] == folder
    result = run(folder, console=False)
    expected = runs.read_json(FIXTURES / "resumed.json")
    assert result.keys() == expected.keys()
    for name in expected.keys() - {*TIMES, "aers"}:
        assert_same(result[name], expected[name])
    for name, scores in expected["aers"].items():
        assert_same(result["aers"][name], scores)
    assert result["steps"] == 20 and runs.damaged_files(folder) == []
    # It has gone on under the names of its own version, whose checkpoints it has.
    assert Checkpoints(folder / runs.CHECKPOINTS).steps == [10, 20]
    assert len(Checkpoints(folder / runs.CHECKPOINTS).fingerprints) == 1
    steps = [line["step"] for line in runs.read_jsonl(folder / runs.METRICS)]
    assert steps == sorted(steps) and max(steps) == 20
    best = load(folder)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(best.params))


def test_a_sweep_takes_them_for_its_runs_and_changes_nothing(root):
    before = contents(root)
    folders = rows.write_folders(planned(), root, log=pytest.fail)
    assert folders == [root / FINISHED, root / UNFINISHED]
    assert contents(root) == before


def test_how_the_unfinished_one_is_tested_may_change(root):
    specs = [planned(**{"evaluate.beams": 3})[1]]
    rows.write_folders(specs, root, log=pytest.fail)
    config = read_run_config(root / UNFINISHED)
    assert config.settings.evaluate.beams == 3
    (fingerprint,) = Checkpoints(root / UNFINISHED / runs.CHECKPOINTS).fingerprints
    assert config.fingerprint == fingerprint


@pytest.mark.parametrize("place", [0, 1])
def test_another_setting_is_named_as_today(root, place):
    before = contents(root)
    specs = [planned(**{"train.optimizer": "sgd"})[place]]
    with pytest.raises(ValueError, match="train.optimizer was 'adam', is now 'sgd'"):
        rows.write_folders(specs, root)
    assert contents(root) == before


@pytest.mark.processes
def test_train_takes_the_finished_one_for_its_run(root):
    changes = TINY | FOR_ALL | {"train.evaluate_every": 20}
    changes |= {"model.window": "local-p", "model.half_width": 2}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "experiments.train",
            "--config=configs/translation.py",
            f"--workdir={root / FINISHED}",
            *(f"--config.{name}={value}" for name, value in changes.items()),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = runs.read_json(FIXTURES / FINISHED / runs.RESULT)
    assert f'"perplexity": {result["perplexity"]!r}' in done.stdout


def test_they_are_reported(root, capsys):
    assert report.main([f"--runs={root}"]) == 0
    table = capsys.readouterr().out
    assert "local-p (general)" in table and "hard (reinforce)" in table
    result = runs.read_json(root / FINISHED / runs.RESULT)
    assert f"{result['perplexity']:.2f}" in table
    summary = (root / "report" / "summary.csv").read_text(encoding="utf-8")
    assert "local-p (general)" in summary


def test_they_are_aligned(root, tmp_path, capsys):
    source = runs.read_lines(root / FINISHED / runs.SOURCES)[0]
    target = runs.read_lines(root / FINISHED / runs.REFERENCES)[0]
    for place in (FINISHED, UNFINISHED):
        picture = tmp_path / "alignment.png"
        words = [f"--run={root / place}", f"--source={source}", f"--target={target}"]
        assert align.main([*words, f"--out={picture}"]) == 0
        printed = capsys.readouterr().out.splitlines()
        assert printed[0] == target
        assert picture.stat().st_size > 1000


def test_a_setting_that_an_old_run_lacks_has_its_default(root):
    """As of a run from before there was `coverage`: here taken out of a copy."""
    folder = root / FINISHED
    config = runs.read_json(folder / runs.CONFIG)
    assert config["model"].pop("coverage") is False
    runs.write_json(folder / runs.CONFIG, config)
    content = (folder / runs.CONFIG).read_bytes()
    runs.list_files(folder, {runs.CONFIG: content})
    assert runs.damaged_files(folder) == []
    assert rows.write_folders(planned(), root, log=pytest.fail)[0] == folder
    assert read_run_config(folder).settings.model.coverage is False


def test_a_setting_that_nobody_knows_is_one_line_with_file_and_key(root, capsys):
    folder = root / FINISHED
    config = runs.read_json(folder / runs.CONFIG)
    config["model"]["attic"] = 3
    runs.write_json(folder / runs.CONFIG, config)
    runs.list_files(folder, {runs.CONFIG: (folder / runs.CONFIG).read_bytes()})
    assert align.main([f"--run={folder}", "--source=a"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(folder / runs.CONFIG) in line and "model.attic" in line
    with pytest.raises(ValueError, match="model.attic") as caught:
        rows.write_folders(planned(), root)
    assert str(folder) in str(caught.value)
