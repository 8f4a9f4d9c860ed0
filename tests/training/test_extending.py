"""A finished run trained on: the numbers of a run in one go, and what is refused."""

import os
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.sweep.run_folders import RunSpec, write_folders
from attnlab.tasks import parse_settings
from attnlab.tasks.alignment.settings import AlignmentSettings
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.extending import (
    begin_extension,
    describe_schedule,
    plan_extension,
)
from attnlab.training.load import load_best
from attnlab.training.run import run
from attnlab.training.run_config import read_run_config
from tests.programs import run_program
from tests.tiny import TINY, tiny_folder

SETTINGS = {
    "train.schedule": "constant",
    "train.steps": 10,
    "train.evaluate_every": 5,
    "train.warmup": 3,
    "model.dropout": 0.2,
}
TIMES = ("seconds", "tokens_per_second", "seconds_per_step")
FOLDERS = {"row", "slug", "order", *TIMES}


def extend(source: Path, more: int, folder: Path) -> Path:
    extension = plan_extension(source, more)
    spec = RunSpec(
        Path(folder.name), extension.config, extension.settings, extension.row
    )
    write_folders([spec], folder.parent)
    begin_extension(extension, folder)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tiny_folder(tmp_path_factory.mktemp("finished"), **SETTINGS)
    run(folder, console=False)
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), os.stat(path).st_mtime)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def curves(folder: Path):
    """Lines of metrics.jsonl without times."""
    return [
        {name: value for name, value in line.items() if name not in TIMES}
        for line in runs.read_jsonl(folder / runs.METRICS)
    ]


def same_run(one: Path, other: Path) -> None:
    assert curves(one) == curves(other)
    results = [runs.read_json(folder / runs.RESULT) for folder in (one, other)]
    for result in results:
        for name in FOLDERS:
            del result[name]
    assert results[0] == results[1]
    best = [load_best(folder) for folder in (one, other)]
    assert best[0].step == best[1].step
    for ours, theirs in zip(*(jax.tree.leaves(b.params) for b in best), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_extended_run_is_the_run_in_one_go(finished, tmp_path):
    before = contents(finished)
    longer = extend(finished, 10, tmp_path / "longer" / "0")
    assert Checkpoints(longer / runs.CHECKPOINTS).latest_step == 10
    run(longer, console=False)
    whole = tiny_folder(tmp_path / "whole", **SETTINGS | {"train.steps": 20})
    run(whole, console=False)
    same_run(longer, whole)
    assert contents(finished) == before
    config = read_run_config(longer)
    assert config.settings.train.steps == 20
    assert config.plain["row"] == "general, 20 updates"
    former = read_run_config(finished).fingerprint
    extends = runs.read_json(longer / runs.CONFIG)["extends"]
    manifest = finished / runs.CHECKPOINTS / "10.manifest.json"
    assert extends == {
        "run": former,
        "step": 10,
        "checkpoint": runs.digest(manifest.read_bytes()),
    }
    # Another run than the one in one go, though here it has its numbers.
    assert config.fingerprint not in {former, read_run_config(whole).fingerprint}
    assert run(longer, console=False) == runs.read_json(longer / runs.RESULT)
    # And it may be extended again.
    again = plan_extension(longer, 5)
    assert again.settings.train.steps == 25
    assert again.row == "general, 25 updates"


@pytest.mark.filterwarnings("ignore:checkpoint of step 10 is left out")
def test_an_extension_goes_on_where_it_was_killed(finished, tmp_path, monkeypatch):
    # Cut short anywhere while it begins: the same call makes it whole.
    folder = tmp_path / "longer" / "0"

    def killed(self, manifest):
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "_write_manifest", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            extend(finished, 10, folder)
    line = "goes on from step 10 of another run, and has no checkpoint of that step"
    with pytest.raises(ValueError, match=line):  # not trained from the start
        run(folder, console=False)
    monkeypatch.undo()
    extend(finished, 10, folder)
    left = contents(folder)
    extend(finished, 10, folder)
    assert contents(folder).keys() == left.keys()
    # And while it trains: at the checkpoint of step 15.
    save = Checkpoints.save

    def save_and_die(self, step, *arguments, **more):
        save(self, step, *arguments, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(folder, console=False)
    monkeypatch.undo()
    assert Checkpoints(folder / runs.CHECKPOINTS).latest_step == 15
    extend(finished, 10, folder)
    run(folder, console=False)
    whole = tiny_folder(tmp_path / "whole", **SETTINGS | {"train.steps": 20})
    run(whole, console=False)
    same_run(folder, whole)


def test_a_run_that_stopped_early_goes_on(tmp_path):
    early = SETTINGS | {"train.steps": 100, "train.patience": 1}
    early |= {"train.learning_rate": 1e-9, "train.warmup": 0}
    source = tiny_folder(tmp_path / "early", **early)
    assert run(source, console=False)["stopped"] == "early"
    step = runs.read_json(source / runs.RESULT)["steps"]
    longer = extend(source, 5, tmp_path / "longer")
    result = run(longer, console=False)
    assert result["steps"] == step + 5 == read_run_config(longer).settings.train.steps


# ---- what settings say of the updates so far ---------------------------------------


def test_batches_stay_those_of_the_run():
    settings = TranslationSettings()
    assert settings.data.shapes == 0 and settings.train.steps == 1500
    assert settings.extended(9000).data.shapes == 3  # of 1,500 updates, not of 9,000
    fixed = settings.model_copy(
        update={"data": settings.data.model_copy(update={"shapes": 5})}
    )
    assert fixed.extended(9000).data.shapes == 5


def test_directions_that_agree_go_on_doing_so():
    settings = AlignmentSettings()
    train = settings.train
    for steps in (train.steps + 1, 7 * train.steps):
        longer = settings.extended(steps)
        assert longer.train.agree_from * steps == pytest.approx(
            train.agree_from * train.steps
        )
        assert longer.data.shapes == 3
    never = settings.model_copy(
        update={"train": train.model_copy(update={"agree_from": 1.0})}
    )
    assert never.extended(9000).train.agree_from == 1.0


def test_the_line_on_a_cosine_has_both_rates(finished):
    extension = plan_extension(finished, 10)
    assert "goes on from step 10 to 20; schedule constant goes on" in describe_schedule(
        extension
    )

    def cosine(settings):
        update = {"schedule": "cosine", "warmup": 0, "learning_rate": 1e-3}
        train = settings.train.model_copy(update=update)
        return settings.model_copy(update={"train": train})

    line = describe_schedule(
        extension._replace(
            former=cosine(extension.former), settings=cosine(extension.settings)
        )
    )
    # A tenth and a bit at the end, and half way down at the middle: 0.55.
    assert "from 0.00012 to 0.00055" in line


# ---- aligners ----------------------------------------------------------------------


def aligner(root: Path, **train) -> Path:
    data = {
        name: value for name, value in TINY.items() if name.startswith("data.synthetic")
    }
    synthetic = {name.rsplit(".", 1)[-1]: value for name, value in data.items()}
    config = {
        "task": "alignment",
        "data": {"name": "synthetic", "min_count": 1, "synthetic": synthetic},
        "model": {"embedding": 8, "spelling": 8, "reach": 3},
        "train": {
            **{"batch_size": 8, "token_budget": 0, "log_every": 5, "evaluate_every": 5},
            **{"candidates": 32, "schedule": "constant", **train},
        },
        "evaluate": {"sentences": 8, "edges": (12,), "dev_sentences": 8},
        "wandb": {"mode": "disabled"},
    }
    settings = parse_settings(config)
    names = {"row": "aligner", "slug": "aligner", "order": 0, "version": 4}
    plain = settings.model_dump(mode="json") | names
    (folder,) = write_folders([RunSpec(Path("0"), plain, settings, "aligner")], root)
    return folder


def test_an_aligner_is_extended_too(tmp_path):
    source = aligner(tmp_path / "short", steps=10, agree_from=0.5)
    run(source, console=False)
    longer = extend(source, 10, tmp_path / "longer" / "0")
    run(longer, console=False)
    whole = aligner(tmp_path / "whole", steps=20, agree_from=0.25)
    run(whole, console=False)
    same_run(longer, whole)


# ---- what is refused ---------------------------------------------------------------


@pytest.fixture
def copied(finished, tmp_path) -> Path:
    folder = tmp_path / "copied"
    shutil.copytree(finished, folder)
    return folder


def test_what_cannot_be_extended_is_one_line(copied, tmp_path):
    def refused(line: str, *options: str) -> None:
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        done = run_program(out, "experiments.train", *options)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("train: ") and line in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "new").exists()

    these = [f"--extend={copied}", f"--workdir={tmp_path / 'new'}"]
    for more in (0, -3):
        refused(f"{more} more updates; it must be at", *these, f"--steps={more}")
    refused("give --steps", *these)
    refused("give --workdir", these[0], "--steps=5")
    refused("the run itself", these[0], f"--workdir={copied}", "--steps=5")
    refused("leave out --config", *these, "--steps=5", "--config=configs/ntm.py")
    refused("no config.json in", f"--extend={tmp_path / 'no'}", these[1], "--steps=5")
    refused("--steps is for --extend", "--config=configs/ntm.py", "--steps=5")
    refused("train.steps is 2147483657", *these, "--steps=2147483647")


def test_an_unfinished_or_damaged_run_is_not_extended(copied):
    for name, line in (("10/state/_METADATA", "_METADATA is damaged"),):
        path = copied / runs.CHECKPOINTS / name
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(ValueError, match=line):
            plan_extension(copied, 5)
        path.write_bytes(content)
    for step in ("10", "5"):
        (copied / runs.CHECKPOINTS / f"{step}.manifest.json").unlink()
        there = {"10": "there: 5", "5": "there: none"}[step]
        line = f"has no checkpoint of its last step, 10; {there}"
        with pytest.raises(ValueError, match=line):
            plan_extension(copied, 5)
    (copied / runs.RESULT).unlink()
    with pytest.raises(ValueError, match="has not finished"):
        plan_extension(copied, 5)


def test_a_workdir_of_another_run_is_left_alone(finished, copied, tmp_path):
    before = contents(copied)
    with pytest.raises(ValueError, match="another configuration: .*steps was 10"):
        extend(finished, 5, copied)
    assert contents(copied) == before
    other = tmp_path / "other"
    other.mkdir()
    (other / "result.json").write_text("{}")
    with pytest.raises(ValueError, match="which no run of attnlab has written"):
        extend(finished, 5, other)


def test_the_program_trains_on(finished, tmp_path):
    options = [f"--extend={finished}", "--steps=5", f"--workdir={tmp_path / 'new'}"]
    done = run_program(tmp_path, "experiments.train", *options)
    assert done.returncode == 0, done.stderr
    assert "goes on from step 10 to 15; schedule constant goes on" in done.stderr
    assert runs.read_json(tmp_path / "new" / runs.RESULT)["steps"] == 15
