"""Figures of captions: lit where the weights are, and drawn from run folders."""

import json

import numpy as np
import pytest

from attnlab import runs
from attnlab.report.report import write_report
from attnlab.tasks.captioning import plots
from attnlab.tasks.captioning.plots import DARK, CaptionExample, lit, panels, picture_of


def examples(hard=False, count=4):
    random = np.random.default_rng(0)
    words = [["a", "seven"], ["an", "eight", "above", "a", "two"], [], ["a"] * 9]
    arrays = {}
    for n, said in enumerate(words[:count]):
        arrays[f"pictures/{n}"] = random.integers(256, size=(12, 12, 1), dtype=np.uint8)
        arrays[f"weights/{n}"] = random.dirichlet(np.ones(9), len(said)).reshape(
            -1, 3, 3
        )
        if hard:
            arrays[f"reads/{n}"] = (
                arrays[f"weights/{n}"]
                == arrays[f"weights/{n}"].max((1, 2), keepdims=True)
            ).astype(float)
    said = {"names": [f"test-{n}" for n in range(count)], "words": words[:count]}
    text = json.dumps(said).encode()
    return arrays | {"captions": np.frombuffer(text, np.uint8)}


def write(root, name, order, hard=False):
    folder = root / runs.slug(name) / "0"
    names = {"row": name, "slug": runs.slug(name), "seed": 0, "order": order}
    runs.write_json(folder / runs.CONFIG, names | {"task": "captioning"})
    runs.write_json(folder / runs.RESULT, names | {"exact": 0.5, "parameters": 3})
    runs.write_arrays(folder / runs.EXAMPLES, examples(hard))


def test_a_picture_is_lit_where_the_weights_are():
    picture = np.ones((180, 180, 3))
    weights = np.zeros((3, 3))
    weights[0, 2] = 1.0
    found = lit(picture, weights)
    assert found.shape == picture.shape
    assert found[30, 150].min() > 0.85 and found[150, 30].max() < DARK + 0.02
    np.testing.assert_allclose(lit(picture, 0 * weights), DARK)
    half = lit(picture, weights + weights[:, ::-1])
    np.testing.assert_allclose(half, half[:, ::-1], atol=1e-6)


def test_pictures_are_brought_up_and_features_have_none():
    gray = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    example = CaptionExample("x", ("a",), gray, np.ones((1, 2, 2)), None)
    shown = picture_of(example)
    assert shown.shape == (180, 180, 3)
    assert shown[20, 20, 0] == 0 and shown[170, 170, 1] == pytest.approx(15 / 255)
    assert np.ptp(picture_of(example._replace(picture=None))) == 0


def test_a_report_shows_the_pictures_of_every_row(tmp_path):
    write(tmp_path, "soft", 0)
    write(tmp_path, "hard, marginal", 1, hard=True)
    (tmp_path / "none" / "0").mkdir(parents=True)  # unfinished
    names = {"row": "none", "slug": "none", "seed": 0, "order": 2, "task": "captioning"}
    runs.write_json(tmp_path / "none" / "0" / runs.CONFIG, names)
    written = {path.name for path in write_report(tmp_path)}
    drawn = ("captions-1", "captions-2", "captions-soft", "captions-hard-marginal")
    assert {f"{name}.png" for name in drawn} <= written
    page = (tmp_path / "report" / "report.md").read_text()
    assert "what a pass that samples read there" in page


def test_rows_with_other_pictures_are_not_compared(tmp_path):
    write(tmp_path, "soft", 0)
    write(tmp_path, "other", 1)
    path = tmp_path / "other" / "0" / runs.EXAMPLES
    arrays = runs.read_arrays(path)
    changed = {n: 255 - a if n.startswith("pictures") else a for n, a in arrays.items()}
    runs.write_arrays(path, changed)
    written = {found.name for found in write_report(tmp_path)}
    assert "captions-1.png" not in written
    assert {"captions-soft.png", "captions-other.png"} <= written


def test_a_caption_longer_than_a_line_goes_on_below(tmp_path):
    path = tmp_path
    runs.write_arrays(path / runs.EXAMPLES, examples(hard=True))
    found = plots.read_examples(path)
    figure = panels({example.name: example for example in found}, columns=6)
    titles = [axes.get_title() for axes in figure.axes]
    assert sum(map(bool, titles)) == 2 + 5 + 0 + 9
    assert sum(len(axes.patches) for axes in figure.axes) == 4 + 16
    for axes in figure.axes:
        box = axes.get_position()
        assert -1e-6 <= box.x0 and box.x1 <= 1 + 1e-6 and box.y0 >= -1e-6


def test_damaged_examples_are_named(tmp_path):
    arrays = examples()
    del arrays["weights/1"]
    runs.write_arrays(tmp_path / runs.EXAMPLES, arrays)
    with pytest.raises(ValueError, match="examples.npz is damaged"):
        plots.read_examples(tmp_path)
    with pytest.raises(ValueError, match="no picture to draw"):
        panels({})
