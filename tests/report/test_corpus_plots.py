"""The figure of a corpus shows the numbers that it is given."""

import numpy as np

from attnlab.report import figures
from attnlab.report.corpus_plots import corpus_panels, pair_lengths


def steps(axes):
    """(heights, edges) of each curve: its outline, without the tint below."""
    return [p.get_data()[:2] for p in axes.patches if not p.get_fill()]


def test_a_panel_for_each_and_a_name_where_there_are_several(tmp_path):
    x = np.arange(3, 6)
    single = {"train": (x, np.array([0.5, 0.25, 0.25]))}
    double = single | {"dev $1$": (np.array([5, 6]), np.array([0.5, 0.5]))}
    curve = {"dev": ([10, 100], np.array([0.4, 0.9]))}
    figure = corpus_panels(
        [
            ("shares", "words", single),
            ("shares", "words", double),
            ("coverage", "n", curve),
        ]
    )
    first, second, third = figure.axes
    ((heights, edges),) = steps(first)
    assert heights.tolist() == [0.5, 0.25, 0.25]
    assert edges.tolist() == [2.5, 3.5, 4.5, 5.5]
    assert first.get_legend() is None and first.get_xlabel() == "words"
    (_, dev) = steps(second)
    assert dev[0].tolist() == [0, 0, 0.5, 0.5]
    names = [text.get_text() for text in second.get_legend().get_texts()]
    assert names == ["train", r"dev \$1\$"]
    (line,) = third.get_lines()
    assert line.get_xdata().tolist() == [10, 100]
    assert line.get_ydata().tolist() == [0.4, 0.9]
    assert third.get_xscale() == "log"
    (written,) = figures.save(figure, tmp_path / "corpus", ("png",))
    assert written.stat().st_size > 10_000


def test_many_numbers_share_a_step_and_a_long_tail_is_cut():
    x = np.arange(1, 1001)
    parts = np.zeros(1000)
    parts[:192] = 0.995 / 192  # 1 to 192, and one far off
    parts[-1] = 0.005
    (axes,) = corpus_panels([("shares", "words", {"train": (x, parts)})]).axes
    ((heights, edges),) = steps(axes)
    assert np.diff(edges).tolist() == [4.0] * len(heights)
    assert edges[0] == 0.5 and len(heights) == 48
    np.testing.assert_allclose(heights[:-1], 4 * 0.995 / 192)
    assert "4 numbers a step" in axes.get_ylabel()


def test_pairs_are_counted_and_shapes_drawn():
    lengths = np.array([(2, 3), (2, 3), (4, 2)])
    axes = pair_lengths(lengths, [(3, 3), (4, 3)]).axes[0]
    (image,) = axes.get_images()
    counts = np.asarray(image.get_array().filled(0))  # [target, source]
    assert counts.shape == (4, 5)
    assert counts[3, 2] == 2 and counts[2, 4] == 1 and counts.sum() == 3
    assert not axes.yaxis_inverted()
    sizes = [(patch.get_width(), patch.get_height()) for patch in axes.patches]
    assert sizes == [(3, 3), (4, 3)]
