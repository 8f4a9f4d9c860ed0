import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from attnlab import runs
from attnlab.report import curves, example_stats, figures, heatmaps, row_curves, rows
from attnlab.report.figures import Bins
from attnlab.report.shaded import ShadedText, shaded


@pytest.fixture
def pair():
    """Three target and four source words, some with a meaning to matplotlib."""
    rng = np.random.default_rng(0)
    return runs.AlignedSentence(
        ("$a$", "_b", "c", "d"),
        ("x", "$y", "z"),
        rng.dirichlet(np.ones(4), size=3).astype(np.float32),
        frozenset({(0, 0), (2, 3)}),
        frozenset({(0, 0), (2, 3), (1, 2)}),
    )


def labels(ticks):
    return [tick.get_text().replace("\\$", "$") for tick in ticks]


def image(axes):
    return np.asarray(axes.get_images()[0].get_array())


def test_heat_map_shows_words_weights_and_gold_where_they_belong(pair):
    axes = heatmaps.heat_map(pair, title="a title").axes[0]
    assert labels(axes.get_xticklabels()) == list(pair.source)
    assert labels(axes.get_yticklabels()) == list(pair.target)
    np.testing.assert_array_equal(image(axes), pair.weights)
    assert axes.get_images()[0].get_clim() == (0, 1)
    assert axes.get_images()[0].get_cmap()(1.0)[:3] == (1, 1, 1)  # white = 1
    assert axes.yaxis_inverted()  # the first target word is at the top
    marks = [m for m in axes.collections if isinstance(m, PathCollection)]
    sure, possible = (sorted(map(tuple, m.get_offsets())) for m in marks)
    assert sure == [(0, 0), (3, 2)]  # (s, t): across, down
    assert possible == [(2, 1)]
    assert len(marks[0].get_facecolor()) and not len(marks[1].get_facecolor())


def test_panel_shows_every_variant_and_gold_last(pair):
    other = pair._replace(weights=pair.weights[::-1])
    figure = heatmaps.panel({"one": pair, "two": other, "three": pair})
    drawn = [axes for axes in figure.axes if axes.get_images()]
    assert [axes.get_title() for axes in drawn] == ["one", "two", "three", "gold"]
    np.testing.assert_array_equal(image(drawn[1]), other.weights)
    assert not image(drawn[3]).any() and len(drawn[3].patches) == 3
    assert labels(drawn[0].get_xticklabels()) == list(pair.source)
    assert labels(drawn[2].get_yticklabels()) == list(pair.target)
    assert labels(drawn[3].get_xticklabels()) == []  # only the outer ones have words
    without = heatmaps.panel({"one": pair}, gold=None, marks=True)
    assert [a.get_title() for a in without.axes if a.get_images()] == ["one"]


def test_panel_refuses_other_sentences(pair):
    other = pair._replace(source=("e", "f", "g", "h"))
    with pytest.raises(ValueError, match="'two' has other words than 'one'"):
        heatmaps.panel({"one": pair, "two": other})
    with pytest.raises(ValueError, match="got none"):
        heatmaps.panel({})


def test_plot_alignment_shows_weights_words_and_links_of_pharaoh(pair):
    """Links are (source, target) here, and (t, s) in run folders."""
    turned = [[(s, t) for t, s in links] for links in (pair.sure, pair.possible)]
    figure = heatmaps.plot_alignment(
        pair.weights, pair.source, pair.target, *turned, title="a $title"
    )
    axes = figure.axes[0]
    np.testing.assert_array_equal(image(axes), pair.weights)
    assert labels(axes.get_xticklabels()) == list(pair.source)
    assert labels(axes.get_yticklabels()) == list(pair.target)
    assert axes.get_title(loc="left") == r"a \$title"
    marks = [m for m in axes.collections if isinstance(m, PathCollection)]
    sure, possible = (sorted(map(tuple, m.get_offsets())) for m in marks)
    assert sure == [(0, 0), (3, 2)] and possible == [(2, 1)]  # across, down
    assert figure._repr_png_().startswith(b"\x89PNG")  # what a notebook asks for


@pytest.mark.parametrize("shape", [(4, 3), (3,), (3, 4, 1), (3, 5), (0, 4)])
def test_plot_alignment_names_both_shapes(shape):
    with pytest.raises(ValueError) as error:
        heatmaps.plot_alignment(np.zeros(shape), "abcd", "xyz")
    assert str(shape) in str(error.value) and "(3, 4)" in str(error.value)


@pytest.mark.parametrize("weight", [np.nan, np.inf, -0.5, 1.5])
def test_weights_that_are_none_are_named(pair, weight):
    weights = np.array(pair.weights)
    weights[1, 2] = weight
    odd = pair._replace(weights=weights)
    expected = f"target word 1 and source word 2 is {weight}"
    for draw in (
        lambda: heatmaps.plot_alignment(weights, pair.source, pair.target),
        lambda: heatmaps.heat_map(odd),
        lambda: heatmaps.panel({"one": pair, "two": odd}),
    ):
        with pytest.raises(ValueError, match=expected):
            draw()


def test_a_heat_map_of_another_shape_is_refused(pair):
    with pytest.raises(ValueError, match=r"shape \(1, 1\)"):
        heatmaps.heat_map(pair._replace(weights=np.zeros((1, 1))))


@pytest.mark.parametrize("weights", [[0.5], [0.5, np.nan], [-0.1, 0.5], [[0.5, 0.5]]])
def test_words_are_not_shaded_by_what_are_no_weights(weights):
    with pytest.raises(ValueError, match="'title': .*weight"):
        shaded([ShadedText("title", ("a", "b"), np.array(weights))])


def test_plot_alignment_needs_words():
    with pytest.raises(ValueError, match=r"\(0, 0\)"):
        heatmaps.plot_alignment(np.zeros((0, 0)), (), ())


@pytest.mark.parametrize("link", [(4, 0), (0, 3), (-1, 0)])
def test_plot_alignment_names_a_link_that_is_outside(link):
    with pytest.raises(ValueError, match=re.escape(str(link))):
        heatmaps.plot_alignment(np.zeros((3, 4)), "abcd", "xyz", possible=[link])


def test_plot_alignment_draws_on_the_axes_given(pair, tmp_path):
    figure = Figure(figsize=(6, 3))
    left, right = figure.subplots(1, 2)
    words = pair.weights, pair.source, pair.target
    assert heatmaps.plot_alignment(*words, sure=[(0, 0)], ax=right) is figure
    assert figure.axes == [left, right] and not left.get_images()  # nothing is added
    np.testing.assert_array_equal(image(right), pair.weights)
    figures.save(figure, tmp_path / "two", ["png"])


def test_plot_alignment_leaves_weights_and_matplotlib_as_they_were(pair):
    before = dict(matplotlib.rcParams)
    weights = np.array([[0.2, 0.5]])
    heatmaps.plot_alignment(weights, "ab", "x", font="DejaVu Serif")
    np.testing.assert_array_equal(weights, [[0.2, 0.5]])
    assert dict(matplotlib.rcParams) == before
    with pytest.raises(ValueError, match="Nonesuch Sans"):
        heatmaps.plot_alignment(weights, "ab", "x", font="Nonesuch Sans")


def test_plot_alignment_uses_the_font_for_every_word():
    figure = heatmaps.plot_alignment(
        np.ones((1, 2)) / 2, ["a", "b"], ["x"], title="t", font="DejaVu Serif"
    )
    axes = figure.axes[0]
    texts = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.title]
    assert {text.get_fontfamily()[0] for text in texts} == {"DejaVu Serif"}


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (40, 30)])
def test_maps_of_odd_sizes_can_be_saved(tmp_path, size):
    t, s = size
    words = runs.AlignedSentence(("w",) * s, ("v",) * t, np.eye(t, s))
    for name, figure in (
        ("map", heatmaps.heat_map(words)),
        ("panel", heatmaps.panel({"a": words, "b": words})),
    ):
        (path,) = figures.save(figure, tmp_path / name, formats=["png"])
        assert path.stat().st_size > 500


def test_equal_figures_are_equal_files(tmp_path, pair):
    def draw(folder):
        bins = Bins(["1", "2"], [10, 20], {"$a$": np.array([[1.0, 2.0], [2.0, 4.0]])})
        written = figures.save(heatmaps.heat_map(pair), tmp_path / folder / "map")
        by_length = row_curves.bleu_by_length(bins).figure()
        written += figures.save(by_length, tmp_path / folder / "b")
        return {path.name: path.read_bytes() for path in written}

    first = draw("first")
    assert set(first) == {"map.png", "map.pdf", "b.png", "b.pdf"}
    assert draw("second") == first
    assert b"CreationDate" not in first["map.pdf"]


def line(axes, label):
    return next(line for line in axes.get_lines() if line.get_label() == label)


def test_learning_curves_are_means_as_far_as_all_seeds_reach():
    series = {
        "perplexity": {
            "a": [([1, 2, 3], [np.e**3, np.e**2, np.e]), ([1, 2], [np.e, 1.0])],
            "b": [([1, 2, 3], [None, float("nan"), np.e])],
            "c": [([1], [None])],
        },
        "BLEU": {"b": [([1, 2], [10.0, 12.0])]},
    }
    figure = row_curves.learning_curves(series, rows=["c", "b", "a"]).figure()
    perplexity, bleu = figure.axes
    mean = line(perplexity, "a")
    np.testing.assert_allclose(mean.get_xydata(), [[1, 2], [2, 1]], atol=1e-12)
    thin = [x for x in perplexity.get_lines() if x.get_linewidth() < 1]
    np.testing.assert_allclose(thin[0].get_xydata(), [[2, 2], [3, 1]], atol=1e-12)
    np.testing.assert_allclose(line(perplexity, "b").get_xydata(), [[3, 1]])
    np.testing.assert_allclose(line(bleu, "b").get_xydata(), [[1, 10], [2, 12]])
    assert line(bleu, "b").get_color() == line(perplexity, "b").get_color()
    assert mean.get_color() == figures.COLORS[2]  # by its place in the sweep


def test_variance_by_samples_has_both_axes_logarithmic_and_a_line_that_falls_as_1_k():
    curves = {
        "none": [(1, 8.0, 0.5), (4, 2.1, 0.1)],
        "soft": [(1, 2.0, 0.1), (4, 0.5, 0.1)],
    }
    axes = figures.variance_by_samples(curves).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert labels(axes.get_xticklabels()) == ["1", "4"]
    for place, bars in enumerate(axes.containers):
        name, (points, _, (segments,)) = list(curves)[place], bars
        assert bars.get_label() == name
        np.testing.assert_allclose(points.get_xydata(), [p[:2] for p in curves[name]])
        low, high = segments.get_segments()[1][:, 1]
        np.testing.assert_allclose(high - low, 4 * curves[name][1][2])
        assert points.get_color() == figures.COLORS[place]
    falling = [each for each in axes.get_lines() if each.get_linewidth() == 0.7]
    np.testing.assert_allclose(falling[0].get_xydata(), [[1, 8], [4, 2]])
    assert axes.get_legend().get_texts()[0].get_text() == "falls as 1/K"


def test_curves_over_bins_leave_empty_bins_out():
    values = {"a": np.array([[1.0, np.nan, 3.0], [3.0, np.nan, np.nan]])}
    drawn = row_curves.aer_by_distance(Bins("xyz", [4, 0, 2], values)).figure()
    (axes,) = drawn.axes
    np.testing.assert_array_equal(line(axes, "a").get_ydata(), [2, np.nan, 3])


def test_no_two_rows_look_the_same():
    looks = [figures.look_of(place) for place in range(24)]
    different = {(x["color"], x["marker"], str(x["linestyle"])) for x in looks}
    assert len(different) == 24


def test_an_unknown_font_names_itself():
    with (
        pytest.raises(ValueError, match="no font 'Nonesuch Sans'"),
        figures.font("Nonesuch Sans"),
    ):
        pass
    with figures.font("DejaVu Serif"):
        pass


@pytest.fixture(scope="module")
def swept(sweep):
    grouped = rows.group(runs.find(sweep))
    return grouped, {row.name: example_stats.read(row) for row in grouped}


def test_bleu_by_length_matches_the_metric(swept, sweep):
    from attnlab.metrics import bleu_score as bleu

    bins = curves.by_length(swept[1])
    run = runs.find(sweep)[0]
    texts = swept[1]["global (dot)"].texts[0]
    edges = curves.length_edges(np.array(texts.lengths))
    expected = bleu.by_length(
        run.lines(runs.HYPOTHESES), texts.references, texts.lengths, edges
    )
    np.testing.assert_allclose(
        bins.values["global (dot)"][0], [row.bleu for row in expected], rtol=1e-12
    )
    assert list(bins.counts) == [row.count for row in expected]
    assert bins.values["global (dot)"].shape == (3, len(edges) + 1)
    assert bins.labels[0].startswith("3–") and bins.labels[-1].endswith("16")


def test_local_windows_lose_far_links(swept):
    """The figure tells what the fixture was made to show."""
    bins = curves.by_distance(swept[1])
    assert bins.labels[:3] == ["0", "1", "2"] and bins.labels[-1].startswith("≥ ")
    near, far = 0, -1
    local = bins.values["local-m (general)"].mean(axis=0)
    anywhere = bins.values["local-p (general)"].mean(axis=0)
    assert local[near] < 0.5 and local[far] == 1.0 and anywhere[far] < 0.5
    pairs = swept[1]["global (dot)"].alignments[0].pairs
    assert sum(bins.counts) == sum(len(pair.sure) for pair in pairs)


def test_bins_hold_enough_sentences():
    lengths = np.array([1] * 3 + [4] * 30 + [9] * 5 + [14] * 12 + [55])
    edges = curves.length_edges(lengths)
    counts = np.histogram(lengths, [0, *edges, 1000])[0]
    assert len(edges) >= 1 and counts.min() >= curves.FEWEST
    assert curves.length_edges(np.array([5, 5, 5])) == []


def test_matplotlib_comes_with_the_first_figure():
    code = (
        "import sys, attnlab.report.report\n"
        "assert not {'matplotlib', 'jax', 'rich', 'PIL'} & set(sys.modules)\n"
        "from attnlab.report import row_curves\n"
        "row_curves.learning_curves({}).figure()\n"
        "assert 'matplotlib' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_words_are_inside_the_figure():
    figure = heatmaps.plot_alignment(
        np.eye(2), ["das", "Haus"], ["the", "house"], title="both"
    )
    box, size = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0
    assert box.x1 <= size[0] and box.y1 <= size[1]
