"""Memory networks that version 3 of the settings described go on as they were.

That version's encoding "released" is "released-words" today, its default schedule was
"sukhbaatar", it clipped the whole gradient and put its gaps "independent".
"""

import shutil
from pathlib import Path

import pytest

from attnlab import runs
from attnlab.runs.config import upgrade
from attnlab.sweep import rows
from attnlab.training.load import load
from attnlab.training.run import run
from attnlab.training.run_config import read_run_config
from configs.memn2n import get_config
from tests.tasks.memn2n.small import TINY

# Three updates an epoch, and a halving after each: rates matter within 12 updates.
SETTINGS = TINY | {
    "model.hops": 2,
    "model.linear_start": 3,
    "train.steps": 12,
    "train.warmup": 3,
    "train.halve_after": 1,
    "train.evaluate_every": 6,
}
THEN = {
    "model.encoding": "released-words",
    "model.gaps": "independent",
    "train.schedule": "sukhbaatar",
    "train.clip_by": "norm",
}
# What the code of version 3 made of these settings.
LOSSES = {
    "loss": 2.9328134059906006,
    "dev_loss": 3.137287139892578,
    "train_loss": 1.8093581199645996,
}


def planned(**changes) -> list[rows.RunSpec]:
    overrides = SETTINGS | changes
    return rows.plan(get_config(), lambda add: add("row"), overrides)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, dict]:
    """A sweep with the folder of such a run, trained today, and the run's result."""
    root = tmp_path_factory.mktemp("sweep")
    (folder,) = rows.write_folders(planned(**THEN), root)
    config = runs.read_json(folder / runs.CONFIG)
    config["model"]["encoding"] = "released"
    runs.write_json(folder / runs.CONFIG, config | {"version": 3})
    return root, run(folder, console=False)


def test_it_learns_what_it_learned_then(trained):
    _, result = trained
    for name, loss in LOSSES.items():
        assert result[name] == pytest.approx(loss, rel=1e-5)


def test_it_loads_as_what_it_was(trained):
    folder = trained[0] / "row" / "0"
    config = runs.read_json(folder / runs.CONFIG)
    assert (config["version"], config["model"]["encoding"]) == (3, "released")
    settings = read_run_config(folder).settings
    assert settings.model.encoding == "released-words"
    assert settings.train.schedule == "sukhbaatar"
    assert load(folder).step == 12


@pytest.mark.parametrize("finished", [True, False])
def test_todays_meaning_is_another_run_and_the_older_settings_are_named(
    trained, tmp_path, finished
):
    root = tmp_path / "sweep"
    shutil.copytree(trained[0], root)
    folder = root / "row" / "0"
    if not finished:
        (folder / runs.RESULT).unlink()
    before = (folder / runs.CONFIG).read_bytes()
    with pytest.raises(ValueError) as caught:
        rows.write_folders(planned(), root)
    for line in (
        "model.encoding was 'released-words', is now 'released'",
        "train.schedule was 'sukhbaatar', is now 'sukhbaatar-released'",
        "train.clip_by was 'norm', is now 'tables'",
        "model.gaps was 'independent', is now 'released'",
    ):
        assert line in str(caught.value)
    # The schedule alone does not make it the same.
    with pytest.raises(ValueError, match="model.encoding was 'released-words'"):
        rows.write_folders(planned(**{"train.schedule": "sukhbaatar"}), root)
    assert rows.write_folders(planned(**THEN), root, log=pytest.fail) == [folder]
    assert (folder / runs.CONFIG).read_bytes() == before


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"version": 3, "task": "memn2n"}, ["released-words", "sukhbaatar"]),
        ({"task": "answer"}, ["released-words", "sukhbaatar"]),
        (
            {"task": "memn2n", "version": 2, "model": {"encoding": "bag"}},
            ["bag", "sukhbaatar"],
        ),
        (
            {"task": "memn2n", "version": 3, "train": {"schedule": "cosine"}},
            ["released-words", "cosine"],
        ),
        (
            {"task": "memn2n", "version": 4, "model": {"encoding": "released"}},
            ["released", None],
        ),
        ({"task": "translation", "version": 3}, [None, None]),
    ],
)
def test_what_a_file_lacks_is_what_the_code_did_then(config, expected):
    today = upgrade(config)
    values = [
        today.get(section, {}).get(name)
        for section, name in (("model", "encoding"), ("train", "schedule"))
    ]
    assert values == expected


def test_values_that_are_none_stay_to_be_named():
    config = {"task": "memn2n", "version": 3, "model": {"encoding": ["a"]}, "train": 2}
    today = upgrade(config)
    assert today["model"] == {"encoding": ["a"], "gaps": "independent"}
    assert today["train"] == 2
