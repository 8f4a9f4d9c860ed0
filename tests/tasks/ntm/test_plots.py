"""The figures of the algorithmic tasks, from run folders that nobody trained."""

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import figures
from attnlab.report.rows import Row, group
from attnlab.tasks.ntm import plots

SIZES = {"3": 0.5, "5": 1.5, "70": 7.0}  # bits an item


def write_run(root, name, order, seed, heads=1):
    """A finished run that wrote round the end of its memory of 16 slots."""
    folder = root / runs.slug(name) / str(seed)
    names = {"row": name, "slug": runs.slug(name), "seed": seed, "order": order}
    config = {**names, "task": "ntm", "train": {"batch_size": 4}}
    runs.write_json(folder / runs.CONFIG, config)
    for step in (10, 20):
        line = {"step": step, "kind": "dev", "bits": 100.0 / step + seed}
        runs.append_jsonl(folder / runs.METRICS, line)
    bits = {size: value + seed for size, value in SIZES.items()}
    result = {**names, "bits_per_item_by_size": bits, "size": "3"}
    runs.write_json(folder / runs.RESULT, result)
    arrays, random = {}, np.random.default_rng(0)
    for size in SIZES:
        steps = 2 * int(size) + 1
        weights = np.zeros((steps, heads, 16), np.float32)
        for step in range(7 if heads else 0):
            weights[step, :, (14 + step) % 16] = 1  # slots 14, 15, 0, ... 4
        arrays |= {
            f"{size}/inputs": random.integers(0, 2, (steps, 5)),
            f"{size}/targets": random.integers(0, 2, (steps, 4)),
            f"{size}/outputs": random.random((steps, 4)),
            f"{size}/scored": np.arange(steps) > int(size),
            f"{size}/reads": weights,
            f"{size}/writes": weights,
        }
    runs.write_arrays(folder / runs.EXAMPLES, arrays)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> list[Row]:
    root = tmp_path_factory.mktemp("sweep")
    for seed in range(2):
        write_run(root, "LSTM", 0, seed, heads=0)
        write_run(root, "NTM", 1, seed)
    return group(runs.find(root))


def line(axes, label):
    lines = {curve.get_label(): curve for curve in axes.get_lines()}
    return lines[label]


def test_every_figure_is_drawn_and_can_be_saved(rows, tmp_path):
    drawn = {}
    plots.draw(rows, {}, lambda figure, name, caption: drawn.update({name: figure}))
    assert list(drawn) == [
        "bits-by-sequences",
        "bits-by-size",
        "sequence-3-lstm",
        "sequence-5-lstm",  # 70 is too long for a picture
        "sequence-3-ntm",
        "sequence-5-ntm",
    ]
    for name in ("bits-by-size", "sequence-5-ntm"):
        (path,) = figures.save(drawn[name], tmp_path / name, formats=["png"])
        assert path.stat().st_size > 500


def test_bits_are_drawn_against_sequences_and_not_steps(rows):
    curves = plots.by_sequences(rows)
    assert curves["NTM"][1] == ([40, 80], [11.0, 6.0])
    (axes,) = plots.bits_by_sequences(curves, rows=["LSTM", "NTM"]).axes
    np.testing.assert_allclose(
        line(axes, "NTM").get_xydata(), [[0.04, 10.5], [0.08, 5.5]]
    )


def test_sizes_come_in_their_order_on_a_logarithmic_axis(rows):
    bins = plots.by_size(rows)
    assert bins.labels == ["3", "5", "70"]
    (axes,) = plots.bits_by_size(bins, rows=["LSTM", "NTM"]).axes
    assert axes.get_yscale() == "log"
    np.testing.assert_allclose(line(axes, "LSTM").get_ydata(), [1.0, 2.0, 7.5])


def test_a_sequence_shows_its_heads_and_what_they_used(rows):
    arrays = dict(plots.pictured(rows[1]))["5"]
    axes = plots.sequence(arrays).axes
    names = [panel.get_ylabel() for panel in axes]
    assert names == ["inputs", "targets", "outputs", "write", "read"]
    targets = np.ma.asarray(axes[1].get_images()[0].get_array())
    assert targets.shape == (4, 11) and targets.mask[:, :6].all()
    written = np.asarray(axes[3].get_images()[0].get_array())  # slots 12 to 6
    assert written.shape == (11, 11)
    assert [step for step in range(7) if written[2 + step, step] == 1] == [*range(7)]
    nothing = dict(plots.pictured(rows[0]))["5"]
    assert len(plots.sequence(nothing).axes) == 3


def test_the_slots_shown_go_round_the_circle():
    weights = np.zeros((1, 1, 16))
    assert plots.used(weights).tolist() == [*range(16)]
    weights[0, 0, [15, 1]] = 1
    assert plots.used(weights).tolist() == [13, 14, 15, 0, 1, 2, 3]
    assert plots.used(np.ones((1, 1, 4))).tolist() == [0, 1, 2, 3]
