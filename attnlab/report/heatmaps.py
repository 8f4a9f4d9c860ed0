"""Alignments as heat maps: one with its gold links, or one sentence under all variants.

What they are drawn with, and why in gray, is in `heat_map_parts.py`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attnlab.report import figures
from attnlab.report.figures import blank, plain, styled
from attnlab.report.heat_map_parts import (
    cell_size,
    color_bar,
    label_words,
    mark,
    show,
)
from attnlab.report.meanings import MARKS
from attnlab.runs import AlignedSentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

GOLD = "#F07D13"
SLACK = 0.01  # of weights, beyond 0 and 1


def plot_alignment(
    weights: np.ndarray,
    source: Sequence[str],
    target: Sequence[str],
    sure: Iterable[tuple[int, int]] = (),
    possible: Iterable[tuple[int, int]] = (),
    ax: Axes | None = None,
    title: str = "",
    font: str | None = None,
) -> Figure:
    """An alignment as a heat map: source words across, target words down, white = 1.

        figure = plot_alignment(weights, "das Haus".split(), "the house".split(),
                                sure=[(0, 0), (1, 1)])
        figure.savefig("alignment.pdf")

    pyplot is not used, and no setting of matplotlib is changed.

    Args:
      weights: [T, S] in [0, 1]: row t = target word t, column s = source word s.
      source: S words.
      target: T words.
      sure: gold links (source, target), 0-based, as in the Pharaoh format; drawn as
        filled squares.
      possible: further gold links; drawn as open squares.
      ax: where to draw, on axes of yours; a new figure by default.
      title: above the picture.
      font: an installed font family, for letters that DejaVu Sans lacks (Chinese,
        Japanese, Korean).

    Returns:
      The figure: a new one, which notebooks show, or that of `ax`.

    Raises:
      ValueError: where the shape of the weights is not that of the words, a weight is
        not in [0, 1], a link is outside of them, or the font is not installed.
    """
    weights = np.asarray(weights, float)
    shape = (len(target), len(source))
    _check(weights, shape)
    # Turned: callers give (source, target), records hold (t, s).
    links = [frozenset((int(t), int(s)) for s, t in some) for some in (sure, possible)]
    for t, s in links[0] | links[1]:
        if not (0 <= t < shape[0] and 0 <= s < shape[1]):
            raise ValueError(
                f"link {(s, t)} (source, target) is outside of {len(source)} source "
                f"and {len(target)} target words"
            )
    pair = AlignedSentence(
        tuple(source), tuple(target), weights, links[0], links[0] | links[1]
    )
    with figures.font(font):
        if ax is None:
            return _with_room_for_words(heat_map(pair, title=title))
        return _draw_on(ax, pair, title)


def _check(weights: np.ndarray, shape: tuple[int, int]) -> None:
    """Refuse what is no alignment of T target and S source words."""
    if weights.shape != shape or not weights.size:
        raise ValueError(
            f"weights have shape {weights.shape}, and {shape[0]} target x {shape[1]} "
            f"source words ask for {shape}, each at least 1"
        )
    # Sums in bfloat16 may be a little more than one; nan is not in any range.
    wrong = ~((weights >= -SLACK) & (weights <= 1 + SLACK))
    if wrong.any():
        t, s = map(int, np.argwhere(wrong)[0])
        raise ValueError(
            f"the weight of target word {t} and source word {s} is {weights[t, s]}; "
            "weights must be in [0, 1]"
        )


def _with_room_for_words(figure: Figure) -> Figure:
    """The figure, large enough to show the words around its axes when it is saved.

    Our own files are cut to what is drawn (`figures.save`); a plain `savefig` is not.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    box = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer()).padded(0.05)
    old, new = figure.get_size_inches(), np.array([box.width, box.height])
    for axes in figure.axes:
        place = axes.get_position()  # in shares of the figure
        low = (np.array([place.x0, place.y0]) * old - [box.x0, box.y0]) / new
        axes.set_position((*low, *(np.array([place.width, place.height]) * old / new)))
    figure.set_size_inches(*new)
    return figure


@styled
def _draw_on(axes: Axes, pair: AlignedSentence, title: str) -> Figure:
    """Draw onto somebody else's axes: no color bar, as room beside them is not ours."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # axes have one until they are removed
    box = axes.get_window_extent()
    across, down = box.width / figure.dpi, box.height / figure.dpi  # inches
    _draw(axes, pair, min(across / len(pair.source), down / len(pair.target)), title)
    return figure


@styled
def heat_map(pair: AlignedSentence, *, title: str = "", gold: bool = True) -> Figure:
    """One alignment: source words across, target words down, white = weight 1.

    Args:
      pair: the words, weights [T, S] and gold links.
      title: above the picture.
      gold: mark the links: a filled square a sure one, an open one a possible link.

    Returns:
      The figure, with a color bar and a key to the marks.

    Raises:
      ValueError: where the weights are none of these words.
    """
    _check(np.asarray(pair.weights), (len(pair.target), len(pair.source)))
    cell = cell_size(len(pair.source), limit=0.21)
    figure, [[axes]] = _grid(pair, cell, rows=1, columns=1)
    image = _draw(axes, pair, cell, title, gold)
    color_bar(figure, axes, image)
    if gold and pair.possible:
        _mark_legend(axes, bool(pair.possible - pair.sure))
    # Notebooks ask for this; matplotlib itself has pictures for pyplot's figures only.
    figure._repr_png_ = partial(_png, figure)  # pyright: ignore
    return figure


def _draw(
    axes: Axes, pair: AlignedSentence, cell: float, title: str, gold: bool = True
) -> AxesImage:
    """Weights, words at the sides, marks of `cell` inches, and a title."""
    image = show(axes, pair.weights)
    label_words(axes, pair.source, pair.target, cell)
    if gold:
        _mark_gold(axes, pair, cell)
    if title:
        axes.set_title(plain(title), pad=5, loc="left")
    return image


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", dpi=120)
    return file.getvalue()


@styled
def panel(
    pairs: Mapping[str, AlignedSentence],
    *,
    gold: str | None = "gold",
    marks: bool = False,
    columns: int | None = None,
    cell: float | None = None,
    title: str = "",
) -> Figure:
    """One sentence pair under every variant, after Luong et al. 2015, Fig. 7.

    Args:
      pairs: {title: the same sentence pair with that variant's weights}.
      gold: title of the gold links, which come last, sure ones filled; None leaves
        them out.
      marks: draw the links into the other images as well, as `heat_map` does.
      columns: images side by side; by default as many as stay readable.
      cell: inches of a word; by default as many as let the figure fit into a text.
      title: above all images.

    Returns:
      The figure.

    Raises:
      ValueError: for no pair, pairs of other words, or weights that are none of them.
    """
    first = _same_words(pairs)
    for name, pair in pairs.items():
        try:
            _check(np.asarray(pair.weights), (len(pair.target), len(pair.source)))
        except ValueError as error:
            raise ValueError(f"{name!r}: {error}") from None
    images = len(pairs) + (gold is not None)
    columns = columns or _columns(images, len(first.source))
    cell = cell or cell_size(len(first.source) * columns, limit=0.16)
    rows = math.ceil(images / columns)
    figure, grid = _grid(first, cell, rows=rows, columns=columns)
    places = [axes for row in grid for axes in row]
    drawn = []
    for axes, (name, pair) in zip(places, pairs.items(), strict=False):
        drawn.append(show(axes, pair.weights))
        axes.set_title(plain(name), pad=4, fontsize=7.5)
        if marks:
            _mark_gold(axes, pair, cell)
    if gold is not None:
        # Black, on which gold links alone are seen.
        show(places[images - 1], np.zeros_like(first.weights))
        places[images - 1].set_title(plain(gold), pad=4, fontsize=7.5)
        _fill_gold(places[images - 1], first)
    for place, axes in enumerate(places[:images]):
        source = first.source if place < columns else ()
        target = first.target if place % columns == 0 else ()
        label_words(axes, source, target, cell)
    for axes in places[images:]:  # the last line of a grid may not be full
        axes.remove()
    color_bar(figure, places[columns - 1], drawn[-1])
    if gold is not None or marks:
        _mark_legend(places[images - 1], bool(first.possible - first.sure))
    if title:
        _title(figure, title)
    return figure


def _title(figure: Figure, title: str) -> None:
    """Write above all that is drawn, from its left edge on."""
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    place = box.x0 / width, (box.y1 + 0.08) / height
    figure.text(*place, plain(title), fontsize=9, va="bottom")


def _grid(
    pair: AlignedSentence, cell: float, *, rows: int, columns: int
) -> tuple[Figure, list[list[Axes]]]:
    """A figure with rows x columns axes in which every word is `cell` inches wide.

    Words around the images need no room here: `save` cuts the paper to what is drawn.
    """
    across, down = max(len(pair.source), 1) * cell, max(len(pair.target), 1) * cell
    gap, head = 0.12, 0.2
    width = columns * across + (columns - 1) * gap
    height = rows * down + (rows - 1) * head
    figure = blank(width, height)

    def place(r: int, c: int) -> tuple[float, float, float, float]:
        left = c * (across + gap) / width
        low = 1 - (r * (down + head) + down) / height
        return left, low, across / width, down / height

    grid = [[figure.add_axes(place(r, c)) for c in range(columns)] for r in range(rows)]
    return figure, grid


def _columns(images: int, words: int) -> int:
    """Columns for a panel: near square, fewer where long sentences need the width."""
    square = images if images <= 3 else math.ceil(math.sqrt(images))
    return max(1, min(square, int(6.0 / (0.08 * max(words, 1)))))


def _mark_gold(axes: Axes, pair: AlignedSentence, cell: float) -> None:
    mark(axes, pair.sure, cell, color=GOLD, filled=True)
    mark(axes, pair.possible - pair.sure, cell, color=GOLD, filled=False)


def _fill_gold(axes: Axes, pair: AlignedSentence) -> None:
    """Gold links as whole cells: sure ones filled, possible ones outlined."""
    from matplotlib.patches import Rectangle

    for t, s in sorted(pair.possible):
        inset, width = (0.0, 1.0) if (t, s) in pair.sure else (0.14, 0.72)
        axes.add_patch(
            Rectangle(
                (s - 0.5 + inset, t - 0.5 + inset),
                width,
                width,
                facecolor=GOLD if (t, s) in pair.sure else "none",
                edgecolor=GOLD,
                linewidth=0 if (t, s) in pair.sure else 0.9,
            )
        )


def _mark_legend(axes: Axes, possible: bool) -> None:
    """What the marks mean, below the image: beside a short one there is no room."""
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {
        "marker": "s",
        "linestyle": "",
        "markersize": 4.5,
        "markeredgecolor": GOLD,
    }
    labels = {MARKS["sure"]: GOLD}
    labels |= {MARKS["possible"]: "none"} if possible else {}
    handles = [
        Line2D([], [], label=label, markerfacecolor=face, **look)
        for label, face in labels.items()
    ]
    axes.legend(
        handles=handles,
        ncols=2,
        loc="upper right",
        bbox_to_anchor=(1.0, 0.0),
        handletextpad=0.1,
        columnspacing=1.0,
        borderpad=0.3,
        borderaxespad=0.2,
    )


def _same_words(pairs: Mapping[str, AlignedSentence]) -> AlignedSentence:
    if not pairs:
        raise ValueError("a panel needs one alignment or more, got none")
    first_name, first = next(iter(pairs.items()))
    for name, pair in pairs.items():
        if (pair.source, pair.target) != (first.source, first.target):
            raise ValueError(
                f"a panel shows one sentence pair, but {name!r} has other words than "
                f"{first_name!r}: {' '.join(pair.target)!r}, {' '.join(first.target)!r}"
            )
    return first
