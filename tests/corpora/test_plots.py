"""The figure of a corpus shows the numbers that it is given."""

import numpy as np

from attnlab.corpora.plots import portrait
from attnlab.report import figures


def steps(axes):
    """(heights, edges) of each curve: its outline, without the tint below."""
    return [p.get_data()[:2] for p in axes.patches if not p.get_fill()]


def test_a_panel_for_each_and_a_name_where_there_are_several(tmp_path):
    x = np.arange(3, 6)
    one = {"train": (x, np.array([0.5, 0.25, 0.25]))}
    two = one | {"dev $1$": (np.array([5, 6]), np.array([0.5, 0.5]))}
    curve = {"dev": ([10, 100], np.array([0.4, 0.9]))}
    figure = portrait(
        [("shares", "words", one), ("shares", "words", two), ("coverage", "n", curve)]
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
    found = np.zeros(1000)
    found[:192] = 0.995 / 192  # 1 to 192, and one far off
    found[-1] = 0.005
    (axes,) = portrait([("shares", "words", {"train": (x, found)})]).axes
    ((heights, edges),) = steps(axes)
    assert np.diff(edges).tolist() == [4.0] * len(heights)
    assert edges[0] == 0.5 and len(heights) == 48
    np.testing.assert_allclose(heights[:-1], 4 * 0.995 / 192)
    assert "4 numbers a step" in axes.get_ylabel()
