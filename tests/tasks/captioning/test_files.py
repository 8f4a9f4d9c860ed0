"""One's own pictures: a folder and a file of captions; trained on, asked about."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import attnlab
from attnlab import runs
from attnlab.corpora.loading import load_corpus
from attnlab.sweep import rows
from attnlab.tasks.captioning.pictures import PICTURES
from attnlab.training.run import run
from configs.photographs import get_config

COLORS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}
FILES = [f"{name}{n}.png" for n in range(4) for name in COLORS]
SMALL = {
    "data.files.size": 16,
    "data.shapes": 1,
    "model.channels": (3, 4),
    "model.embedding": 4,
    "model.hidden": 4,
    "model.attention_hidden": 4,
    "train.steps": 2,
    "train.batch_size": 4,
    "train.log_every": 1,
    "train.evaluate_every": 2,
    "evaluate.pictures": 4,
    "evaluate.longest": 5,
    "wandb.mode": "disabled",
}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in FILES:
        color = COLORS[name[:-5]]
        Image.new("RGB", (24, 20), color).save(tmp_path / "photos" / name)
    lines = [f"{name}\tAll {name[:-5]}.\n{name}\tNothing else!\n" for name in FILES]
    (tmp_path / "a.tsv").write_text("".join(lines))
    return tmp_path


def load(**options):
    usual = {"images": "photos", "train": "a.tsv", "size": 16}
    return load_corpus(PICTURES, "files", **usual | options)


def test_captions_are_gathered_and_pictures_split(here):
    pictures = load()
    sizes = [len(s) for s in (pictures.train, pictures.dev, pictures.test)]
    assert sizes == [10, 1, 1]
    item = next(item for item in pictures.train if item.name.startswith("green"))
    assert item.captions == (("all", "green"), ("nothing", "else"))
    assert item.picture.shape == (16, 16, 3) and (item.picture == COLORS["green"]).all()


def test_json_lines_and_a_header(here):
    (here / "b.jsonl").write_text('{"filename": "red0.png", "caption": "It\'s red"}\n')
    (here / "c.tsv").write_text("caption\tfilename\nBlue\tblue1.png\n")
    pictures = load(dev="b.jsonl", test="c.tsv")
    assert len(pictures.train) == 12
    assert [item.captions for item in pictures.dev] == [(("it's", "red"),)]
    assert [item.name for item in pictures.test] == ["blue1.png"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("red9.png\tred\n", {}, "^b.tsv:1: there is no picture 'photos/red9.png'"),
        ("red0.png\tred\nbad.png\tred\n", {}, "^b.tsv:2: photos/bad.png is no picture"),
        ("red0.png\t...\n", {}, "^b.tsv:1: caption is '...', not a text of words"),
        ("red0.png\t\n", {}, "^b.tsv:1: caption is '', not a text of some signs"),
        ("\tred\n", {}, "^b.tsv:1: filename is '', not a text of some signs"),
        ("red0.png\n", {}, "^b.tsv:1: 1 tab-separated columns, not 2"),
        ("", {}, "^b.tsv holds no example"),
        ("red0.png\tred\n", {"images": "nowhere"}, "images is 'nowhere', not a folder"),
        (
            "red0.png\tred\n",
            {"images": None},
            "data.files.images is None, not a folder",
        ),
        ("red0.png\tred\n", {"train": None}, "needs train: data.files.train"),
        ("red0.png\tred\n", {"size": 4}, "size"),
    ],
)
def test_what_is_wrong_is_named(here, text, options, message):
    (here / "photos/bad.png").write_bytes(b"no picture")
    (here / "b.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load(**{"dev": "b.tsv"} | options)


def test_a_run_describes_as_it_was_judged(here):
    options = SMALL | {"data.files.images": "photos", "data.files.train": "a.tsv"}
    plan = rows.plan(get_config("files"), lambda add: add("row"), options)
    (folder,) = rows.write_folders(plan, here / "runs")
    run(folder, console=False)
    texts = json.loads((folder / runs.TEXTS).read_text())
    assert set(texts) == {"data.files.images", "data.files.train"}
    test = load().test
    (here / "a.tsv").unlink()  # a run needs its captions no more
    trained = attnlab.load(folder)
    (name,) = (folder / runs.SOURCES).read_text().splitlines()
    caption = trained.caption(here / "photos" / name)
    assert f"{caption}\n" == (folder / runs.HYPOTHESES).read_text()
    (again,) = trained.caption(test)
    assert again.words == caption.words
    np.testing.assert_allclose(again.weights, caption.weights, rtol=1e-5)
    (path,) = caption.plot(here / "caption.png", title=name)
    assert path.stat().st_size > 1000
