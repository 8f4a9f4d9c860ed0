"""`load`: the trained run of a folder, and one line for what cannot be loaded."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.sweep import rows
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.load import load
from attnlab.training.run import run, run_together

SETTINGS = {
    "data.copy.lengths": (1, 4),
    "data.copy.test": (2, 5),
    "model.hidden": 8,
    "model.slots": 8,
    "model.width": 4,
    "train.steps": 4,
    "train.batch_size": 2,
    "train.evaluate_every": 2,
    "evaluate.sequences": 4,
    "wandb.mode": "disabled",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, dict]:
    """The folder of a tiny machine that has learned a little, and its result."""
    root = tmp_path_factory.mktemp("machine")
    ntm = pytest.importorskip("configs.ntm")  # a task can be removed
    specs = rows.plan(ntm.get_config(), lambda add: add("machine", **SETTINGS))
    (folder,) = rows.write_folders(specs, root)
    return folder, run(folder, console=False)


@pytest.fixture
def copied(trained, tmp_path) -> Path:
    """A copy of that folder, to be damaged."""
    folder = tmp_path / "machine" / "0"
    shutil.copytree(trained[0], folder)
    return folder


def change(folder: Path, edit) -> None:
    """Edit config.json, and adapt what is written of its content."""
    config = runs.read_json(folder / runs.CONFIG)
    edit(config)
    runs.write_json(folder / runs.CONFIG, config)
    content = (folder / runs.CONFIG).read_bytes()
    runs.list_files(folder, {runs.CONFIG: content})


def message(folder: Path, kind: type[Exception]) -> str:
    """The one line that loading fails with."""
    with pytest.raises(kind) as caught:
        load(folder)
    (line,) = str(caught.value).splitlines()
    return line


def test_a_run_comes_back_with_its_best_parameters(trained):
    folder, result = trained
    machine = load(folder)
    assert type(machine).__name__ == "TrainedMachine"
    assert machine.step == result["best_step"]
    assert machine.settings.model.hidden == 8
    assert len(repr(machine)) < 200
    scores = machine.scores((5,), rows=4)
    for name in ("bits", "bits_per_item", "wrong_bits"):
        np.testing.assert_allclose(scores[name], result[f"{name}_by_size"]["5"], 1e-5)


def test_a_setting_that_config_json_lacks_counts_as_its_default(copied, trained):
    """Also where the checkpoints were saved with it: a file without that line."""
    change(copied, lambda config: config["train"].pop("clip_by"))
    assert load(copied).settings == load(trained[0]).settings
    # Another value than the default was learned under: the two do not fit together.
    change(copied, lambda config: config["model"].pop("hidden"))
    line = message(copied, ValueError)
    assert "config.json" in line and "other settings" in line


def test_a_run_that_is_still_training_loads_from_its_checkpoint(copied, trained):
    (copied / runs.RESULT).unlink()
    for one, two in zip(
        jax.tree.leaves(load(copied).params),
        jax.tree.leaves(load(trained[0]).params),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


def test_a_damaged_best_checkpoint_gives_way_to_the_next(copied):
    checkpoints = Checkpoints(copied / runs.CHECKPOINTS)
    best = checkpoints.best_step
    (checkpoints.folder / str(best) / "extra" / "metadata").write_text("x")
    with pytest.warns(RuntimeWarning, match=f"step {best} is left out"):
        machine = load(copied)
    assert machine.step != best


def test_no_run_and_no_checkpoint_are_named(copied, tmp_path):
    assert str(tmp_path / "none") in message(tmp_path / "none", FileNotFoundError)
    shutil.rmtree(copied / runs.CHECKPOINTS)
    assert str(copied / runs.CHECKPOINTS) in message(copied, FileNotFoundError)


def test_a_configuration_that_cannot_be_read_names_its_file(copied):
    for content in ("{", "[1]", '{"version": 2}'):
        (copied / runs.CONFIG).write_text(content)
        assert str(copied / runs.CONFIG) in message(copied, ValueError)


@pytest.mark.parametrize(
    ("edit", "parts"),
    [
        (lambda c: c["model"].update(attic=3), ["model.attic", "3", "newer"]),
        (lambda c: c.update(lab={"rats": 2}), ["lab.rats", "2", "newer"]),
        (lambda c: c["model"].update(hidden=0), ["model.hidden", "0", "equal to 1"]),
        (
            lambda c: c["model"].update(hidden=0, slots="8"),
            ["model.hidden", "model.slots", "'8'"],
        ),
        (lambda c: c.update(task="copying"), ["'copying'", "ntm"]),
        (lambda c: c.update(version=99), ["version", "99"]),
        (lambda c: c.update(version="2"), ["version", "'2'"]),
    ],
    ids=["unknown", "section", "value", "two", "task", "newer", "version"],
)
def test_settings_that_are_not_known_are_one_line_with_file_key_and_value(
    copied, edit, parts
):
    change(copied, edit)
    line = message(copied, ValueError)
    for part in [str(copied / runs.CONFIG), *parts]:
        assert part in line


def test_a_setting_that_a_run_lacks_has_its_default(copied):
    """As of a run from before there was such a setting, whose checkpoints know."""
    before = load(copied)
    change(copied, lambda config: config["model"].pop("addressing"))
    fingerprint = load_fingerprint(copied)
    for path in (copied / runs.CHECKPOINTS).glob("*.manifest.json"):
        manifest = runs.read_json(path) | {"fingerprint": fingerprint}
        runs.write_json(path, manifest | {"checksum": runs.checksum(manifest)})
    machine = load(copied)
    assert machine.settings == before.settings


def load_fingerprint(folder: Path) -> str:
    from attnlab.training.run_config import read_run_config

    return read_run_config(folder).fingerprint


def test_a_checkpoint_of_another_configuration_is_refused(copied):
    change(copied, lambda config: config["train"].update(learning_rate=0.5))
    line = message(copied, ValueError)
    assert load_fingerprint(copied) in line and str(copied) in line


def test_64_bits_are_refused_by_name_before_anything_is_written(tmp_path):
    ntm = pytest.importorskip("configs.ntm")  # a task can be removed
    specs = rows.plan(ntm.get_config(), lambda add: add("machine", **SETTINGS))
    (folder,) = rows.write_folders(specs, tmp_path)
    with jax.enable_x64(True):
        for use in (load, run, lambda folder: run_together([folder])):
            with pytest.raises(ValueError, match="^JAX_ENABLE_X64 is on"):
                use(folder)
    assert not (folder / runs.ERROR).exists()
