"""One sentence pair as both directions of an aligner see it, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attnlab.report.figures import blank, plain, styled
from attnlab.report.heat_map_parts import (
    cell_size,
    color_bar,
    label_words,
    mark,
    show,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

LINK = "#0072B2"  # gold links are orange
NOTHING = "NULL"
BESIDE = 0.3  # cells between the words and NULL
NARROWEST = 1.15  # inches of a panel, so that its title stays its own
GAP, HEAD = 0.15, 0.4  # inches between panels; HEAD has the lines of a title
SMALLEST = 0.085  # inches of a word in panels side by side; below they are stacked


class _Panel(NamedTuple):
    """An image of a figure: its title, weights [T, S], and NULL's beside or below."""

    title: str
    weights: np.ndarray
    beside: np.ndarray | None = None  # [T, 1]
    below: np.ndarray | None = None  # [1, S]


def lacking(posterior: np.ndarray, axis: int) -> np.ndarray:
    """What rows or columns lack to one: the probability of NULL.

    Args:
      posterior: [T, S] in [0, 1].
      axis: that is summed over: 1 for rows, 0 for columns.

    Returns:
      [T, 1] or [1, S] in [0, 1].
    """
    sums = posterior.sum(axis=axis, keepdims=True, dtype=float)
    return np.clip(1.0 - sums, 0.0, 1.0)  # sums may be above one by rounding


@styled
def two_directions(
    source: Sequence[str],
    target: Sequence[str],
    forward: np.ndarray,
    backward: np.ndarray,
    threshold: float,
    title: str = "",
) -> Figure:
    """Three heat maps: forward, backward, and their mean with its links marked.

    Source words across, target words down, white = 1. Forward is a distribution over
    source words a row, and what a row lacks to one is NULL's column; backward is one
    over target words a column, with NULL's row. Long sentences have the three below
    each other.

    Args:
      source: S words, at least one.
      target: T words, at least one.
      forward: [T, S], p(source word | target word).
      backward: [T, S], p(target word | source word).
      threshold: of the mean, from which on a link is marked.
      title: above the picture.

    Returns:
      The figure, with a color bar.
    """
    mean = 0.5 * (forward + backward)
    panels = (
        _Panel("forward\np(source | target)", forward, beside=lacking(forward, 1)),
        _Panel("backward\np(target | source)", backward, below=lacking(backward, 0)),
        _Panel(f"mean\nlinks from {threshold:g} on", mean),
    )
    cell = cell_size(3 * (len(source) + 1), limit=0.21)
    stacked = cell < SMALLEST
    if stacked:
        cell = cell_size(len(source) + 1, limit=0.16)
    figure, axes = _places(panels, cell, stacked)
    images = [_draw(*each, cell) for each in zip(axes, panels, strict=True)]
    for place, (panel, (words, *_)) in enumerate(zip(panels, axes, strict=True)):
        first = place == 0
        across = source if first or not stacked else ()
        down = target if first or stacked else ()
        label_words(words, across, down, cell)
        above = f"{title}\n" if title and first else ""
        words.set_title(plain(above + panel.title), pad=4, loc="left", fontsize=7.5)
    links = [(t, s) for t, s in np.argwhere(mean >= threshold).tolist()]
    mark(axes[2][0], links, cell, color=LINK, filled=True)
    # Beside what ends furthest at the right and highest.
    color_bar(figure, axes[0][-1] if stacked else axes[2][0], images[-1])
    return figure


def _draw(grid: Sequence[Axes], panel: _Panel, cell: float) -> AxesImage:
    """Weights, and NULL's with its name."""
    image = show(grid[0], panel.weights)
    if panel.beside is not None:
        show(grid[1], panel.beside)
        label_words(grid[1], [NOTHING], (), cell)
    if panel.below is not None:
        show(grid[1], panel.below)
        label_words(grid[1], (), [NOTHING], cell)
    return image


def _places(
    panels: Sequence[_Panel], cell: float, stacked: bool
) -> tuple[Figure, list[list[Axes]]]:
    """A figure, and each panel's axes: of the words, and of NULL where it has one."""
    rows, columns = np.shape(panels[0].weights)
    across, down = columns * cell, rows * cell
    extra = (1 + BESIDE) * cell
    widths = [across + extra * (panel.beside is not None) for panel in panels]
    heights = [down + extra * (panel.below is not None) for panel in panels]
    if stacked:
        lefts, tops = [0.0] * len(panels), _starts(heights, HEAD)
    else:
        wide = [max(width, NARROWEST) for width in widths]
        lefts, tops = _starts(wide, GAP), [0.0] * len(panels)
    width = max(left + size for left, size in zip(lefts, widths, strict=True))
    height = max(top + size for top, size in zip(tops, heights, strict=True))
    figure = blank(width, height)

    def add(left: float, top: float, wide: float, tall: float) -> Axes:
        low = height - top - tall
        box = (left / width, low / height, wide / width, tall / height)
        return figure.add_axes(box)

    grids = []
    for panel, left, top in zip(panels, lefts, tops, strict=True):
        grid = [add(left, top, across, down)]
        if panel.beside is not None:
            grid.append(add(left + across + BESIDE * cell, top, cell, down))
        if panel.below is not None:
            grid.append(add(left, top + down + BESIDE * cell, across, cell))
        grids.append(grid)
    return figure, grids


def _starts(sizes: Sequence[float], gap: float) -> list[float]:
    """Where parts of these sizes begin, one after the other."""
    starts = [0.0]
    for size in sizes[:-1]:
        starts.append(starts[-1] + size + gap)
    return starts
