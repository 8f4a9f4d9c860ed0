"""A run and its text: another content is refused, another place is not."""

import json
import os
import shutil
from pathlib import Path

import pytest

import attnlab
from attnlab import runs
from attnlab.sweep import rows
from attnlab.tasks import parse_settings
from attnlab.training.run import run
from attnlab.training.run_texts import check_texts, digests, named_files
from configs.captioning import get_config as captioning
from configs.cloze import get_config as cloze
from experiments.evaluate import main as evaluate
from tests.tiny import plan

SIDES = {"de": "das ist ein Haus", "en": "this is a house"}
TIMES = ("seconds", "tokens_per_second", "seconds_per_step")


def write_text(folder: Path) -> Path:
    folder.mkdir()
    for name, words in SIDES.items():
        lines = [" ".join(words.split()[n % 3 :]) for n in range(24)]
        (folder / f"a.{name}").write_text("\n".join(lines) + "\n")
    (folder / "a.links").write_text("0-0\n" * 24)
    return folder


def specs(folder: Path, **more):
    text = f"{folder}/a.de,{folder}/a.en"
    return plan(
        **{
            "data.name": "files",
            "data.files.train": text,
            "data.files.dev": text,
            "data.files.test": text,
            "data.files.gold": f"{text},{folder}/a.links",
            "train.steps": 20,
            "evaluate.gold": "gold",
        }
        | more
    )


@pytest.fixture
def text(tmp_path):
    return write_text(tmp_path / "text")


@pytest.fixture
def begun(text, tmp_path):
    """A run that has learned from the text, stopped half way."""
    (folder,) = rows.write_folders(specs(text), tmp_path / "runs")
    run(folder, console=False)
    (folder / runs.RESULT).unlink()
    for step in ("20",):
        shutil.rmtree(folder / runs.CHECKPOINTS / step)
        (folder / runs.CHECKPOINTS / f"{step}.manifest.json").unlink()
    return folder


def capitals(text: Path) -> None:
    path = text / "a.de"
    path.write_text(path.read_text().upper())


def test_a_text_that_was_changed_is_refused(begun, text):
    capitals(text)
    rows.write_folders(specs(text), begun.parents[1])
    with pytest.raises(
        ValueError, match=r"data.files.train: .*a.de is not what the run"
    ):
        run(begun, console=False)


def test_also_before_the_first_checkpoint(text, tmp_path):
    (folder,) = rows.write_folders(specs(text), tmp_path / "runs")
    check_texts(folder, specs(text)[0].settings)  # what a run does before it reads them
    capitals(text)
    with pytest.raises(ValueError, match=r"a.de is not what the run was begun with"):
        run(folder, console=False)


def test_a_text_that_cannot_be_read_may_be_mended(text, tmp_path):
    whole = (text / "a.de").read_text()
    (text / "a.de").write_text(whole + "ein Haus\n")
    (folder,) = rows.write_folders(specs(text), tmp_path / "runs")
    with pytest.raises(ValueError, match="25"):
        run(folder, console=False)
    (text / "a.de").write_text(whole)
    assert run(folder, console=False)["steps"] == 20


def test_also_where_a_finished_run_is_mended(begun, text, tmp_path):
    run(begun, console=False)
    (begun / runs.HYPOTHESES).write_text("x\n")
    capitals(text)
    rows.write_folders(specs(text), begun.parents[1])
    with pytest.raises(ValueError, match=r"a.de is not what the run was begun with"):
        run(begun, console=False)


def test_a_pipe_is_no_text(begun, text):
    (text / "a.de").unlink()
    os.mkfifo(text / "a.de")
    with pytest.raises(ValueError, match="a.de is no file"):
        run(begun, console=False)


def test_gold_links_are_part_of_it(begun, text):
    (text / "a.links").write_text("0-1\n" * 24)
    with pytest.raises(ValueError, match=r"data.files.gold: .*a.links is not what"):
        run(begun, console=False)


@pytest.mark.parametrize("finished", [False, True])
def test_the_same_text_at_another_place_is_the_same_run(
    begun, text, tmp_path, finished
):
    if finished:
        before = run(begun, console=False)
    shutil.move(text, tmp_path / "elsewhere")
    moved = specs(tmp_path / "elsewhere")
    for _ in range(2):  # and once more, from there
        assert rows.write_folders(moved, begun.parents[1], log=pytest.fail) == [begun]
    config = json.loads((begun / runs.CONFIG).read_text())
    assert "elsewhere" in config["places"]["data.files.train"]
    assert "elsewhere" not in config["data"]["files"]["train"]
    result = run(begun, console=False)
    assert not runs.damaged_files(begun)
    if finished:
        assert result == before
    assert runs.read_config(begun)["data"]["files"]["train"].count("elsewhere") == 2
    shutil.move(tmp_path / "elsewhere", text)
    rows.write_folders(specs(text), begun.parents[1], log=pytest.fail)
    assert not json.loads((begun / runs.CONFIG).read_text()).get("places")


def test_another_text_at_another_place_is_another_run(begun, text, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(text, other)
    capitals(other)
    with pytest.raises(
        ValueError, match=r"holds a run of another .* data.files.train was"
    ):
        rows.write_folders(specs(other), begun.parents[1])


def test_programs_can_be_told_the_place(begun, text, tmp_path, capsys):
    run(begun, console=False)
    other = tmp_path / "other"
    shutil.move(text, other)
    pair = f"{other}/a.de,{other}/a.en"
    names = {
        "train": pair,
        "dev": pair,
        "test": pair,
        "gold": f"{pair},{other}/a.links",
    }
    places = {f"data.files.{name}": value for name, value in names.items()}
    loaded = attnlab.load(begun, places=places)
    assert len(loaded.settings.data.load().train) == 24
    words = [f"--place={name}={value}" for name, value in places.items()]
    assert evaluate([f"--run={begun}", *words]) == 0
    assert "prior" in capsys.readouterr().out
    capitals(other)
    with pytest.raises(ValueError, match=r"a.de is not what the run was begun with"):
        attnlab.load(begun, places=places)
    with pytest.raises(ValueError, match="no setting data.files.trian"):
        attnlab.load(begun, places={"data.files.trian": pair})


def test_a_run_that_is_older_than_such_lists_goes_on(begun, text):
    (begun / runs.TEXTS).unlink()
    assert run(begun, console=False)["steps"] == 20
    assert (begun / runs.TEXTS).exists()


def test_folders_and_files_of_other_systems_are_named(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for config, values in (
        (captioning(), {"name": "folder", "json": "a.json", "images": str(images)}),
        (cloze(), {"name": "files", "train": str(images)}),
    ):
        config.data.name = name = values.pop("name")
        for option, value in values.items():
            config.data[name][option] = value
        settings = parse_settings(json.loads(config.to_json()))
        files = named_files(settings)
        assert list(files) == [f"data.{name}.{option}" for option in values]
        (images / "1.png").write_text("x")
        here = digests(settings)
        assert list(here) == [list(files)[-1]]  # a.json is not there
        (images / "1.png").rename(images / "2.png")
        assert digests(settings) != here
        (images / "2.png").unlink()
