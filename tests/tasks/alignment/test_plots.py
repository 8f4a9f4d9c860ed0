"""Pictures of an aligner's pairs: of one, and side by side in a report."""

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import example_stats, rows
from attnlab.report.page import sentences as page
from attnlab.report.two_directions import lacking, two_directions
from attnlab.tasks import spec
from attnlab.tasks.alignment.trained import AlignedPair
from tests.report.conftest import sentences, write_run

FORWARD = np.array([[0.9, 0.1, 0.0], [0.1, 0.2, 0.1]])
BACKWARD = np.array([[0.8, 0.0, 0.0], [0.1, 0.8, 0.2]])
PAIR = AlignedPair(("le", "$chat", "noir"), ("a", "cat"), FORWARD, BACKWARD, 0.5)


def image(axes):
    return np.asarray(axes.get_images()[0].get_array())


def words(axes):
    ticks = [axes.get_xticklabels(), axes.get_yticklabels()]
    return [[tick.get_text().replace("\\$", "$") for tick in some] for some in ticks]


def marks(axes):
    return sorted(tuple(map(int, m)) for c in axes.collections for m in c.get_offsets())


def test_both_directions_their_null_and_the_mean_are_shown():
    figure = two_directions(*PAIR, title="a title")
    forward, null, backward, below, mean, _bar = figure.axes
    np.testing.assert_array_equal(image(forward), FORWARD)
    np.testing.assert_array_equal(image(backward), BACKWARD)
    np.testing.assert_allclose(image(null), [[0.0], [0.6]], atol=1e-12)
    np.testing.assert_allclose(image(below), [[0.1, 0.2, 0.8]], atol=1e-12)
    np.testing.assert_array_equal(image(mean), PAIR.alignment)
    assert words(forward) == [["le", "$chat", "noir"], ["a", "cat"]]
    assert words(null) == [["NULL"], []] and words(below) == [[], ["NULL"]]
    assert words(mean) == [["le", "$chat", "noir"], []]
    assert forward.get_title(loc="left").startswith("a title\nforward")
    # (0.9 + 0.8) / 2 and (0.2 + 0.8) / 2, which just reaches it: across, down.
    assert marks(mean) == [(0, 0), (1, 1)] == sorted(PAIR.links())
    assert marks(forward) == marks(backward) == []


def test_null_is_never_below_zero():
    rounded = np.array([[0.6, 0.4 + 1e-9]])
    assert lacking(rounded, 1).tolist() == [[0.0]]
    np.testing.assert_allclose(lacking(rounded, 0), [[0.4, 0.6 - 1e-9]])


@pytest.mark.parametrize("source", [1, 12, 40])
def test_words_stay_apart_and_pictures_within_the_page(source):
    some = np.full((3, source), 0.5 / source), np.full((3, source), 0.2)
    letters = ["w"] * source, ["x", "y", "z"]
    figure = two_directions(*letters, *some, 0.5)
    assert figure.get_size_inches()[0] < 6.8
    forward, backward, mean = (figure.axes[place] for place in (0, 2, 4))
    boxes = [axes.get_position() for axes in (forward, backward, mean)]
    stacked = source == 40
    for one, other in zip(boxes, boxes[1:], strict=False):
        assert other.y1 < one.y0 if stacked else other.x0 > one.x1
    assert words(mean) == ([[], letters[1]] if stacked else [letters[0], []])
    assert words(forward) == [*letters]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pair_is_plotted(tmp_path, dtype):
    pair = PAIR._replace(forward=FORWARD.astype(dtype), backward=BACKWARD.astype(dtype))
    (path,) = pair.plot(tmp_path / "new" / "pair.png", title="a title")
    assert path.read_bytes()[:4] == b"\x89PNG"
    if dtype == np.float64:
        both = pair.plot(tmp_path / "pair")
        assert [path.suffix for path in both] == [".png", ".pdf"]


def test_a_notebook_shows_a_pair_with_all_of_its_words():
    picture = PAIR._repr_html_()
    assert "<svg" in picture
    # Uncut it is no larger than its axes, and words are around them.
    size = picture.split('viewBox="')[1].split('"')[0].split()[2:]
    inches = two_directions(*PAIR).get_size_inches()
    assert all(float(points) > 72 * i for points, i in zip(size, inches, strict=True))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": (), "forward": FORWARD[:, :0], "backward": BACKWARD[:, :0]}, "''"),
        ({"target": (), "forward": FORWARD[:0], "backward": BACKWARD[:0]}, "''"),
        ({"backward": BACKWARD * np.nan}, "nan"),
        ({"forward": FORWARD + np.inf}, "inf"),
    ],
)
def test_what_cannot_be_drawn_is_named(tmp_path, change, reason):
    pair = PAIR._replace(**change)
    with pytest.raises(ValueError, match=reason):
        pair.plot(tmp_path / "pair.png")
    assert "<svg" not in pair._repr_html_() and "~" in pair._repr_html_()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options", "value"),
    [("a.jpg", {}, "'.jpg'"), ("a.png", {"font": "Nonesuch Sans"}, "Nonesuch Sans")],
)
def test_other_endings_and_fonts_are_refused(tmp_path, name, options, value):
    with pytest.raises(ValueError, match=value):
        PAIR.plot(tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """The folder of two aligners that nobody trained, and their rows."""
    root = tmp_path_factory.mktemp("aligners")
    for order, name in enumerate(("full", "no null")):
        folder = write_run(root, name, 0, order, sentences(30))
        config = runs.read_json(folder / runs.CONFIG)
        task = {"task": "alignment", "version": 2}
        runs.write_json(folder / runs.CONFIG, config | task)
    return root, rows.group([rows.checked(run) for run in runs.find(root)])


def test_a_report_shows_pairs_under_all_rows_with_gold(sweep):
    _, made = sweep
    stats = {row.name: example_stats.read(row) for row in made}
    drawn = {}

    def add(figure, name, caption):
        drawn[name] = figure

    spec("alignment").plots(made, stats, add)
    assert set(drawn) == {
        "aer-by-distance",
        "alignments-1",
        "alignments-2",
        "alignment-full",
        "alignment-no-null",
    }
    figure = drawn["alignments-1"]()
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert [title.split("   AER")[0] for title in titles] == ["full", "no null", "gold"]
    assert len(figure.axes[2].patches)  # the gold links


def test_the_page_has_the_sentences_of_all_rows(sweep, tmp_path):
    _, made = sweep
    (group,), sets_of, _ = page.write(tmp_path, made)
    assert group["name"] == "test" and group["count"] == 15
    assert sets_of == {"full": {"test": [0]}, "no-null": {"test": [0]}}
