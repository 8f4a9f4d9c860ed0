"""Figures of a corpus: its lengths, what a vocabulary covers, its word order, and the
shapes that its pairs are padded to."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attnlab.report.figures import COLORS, DASHES, WIDTH, blank, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 2
BINS = 48  # of a panel, at most
DRAWN = 0.99  # share of the numbers that a panel shows: a tail says little and is long
WHOLE = 30  # a range of so many numbers is shown with its tail

Series = Mapping[str, tuple[Sequence[int] | np.ndarray, np.ndarray]]


@styled
def corpus_panels(panels: Sequence[tuple[str, str, Series]]) -> "Figure":
    """A panel of curves for each (kind, label of x, {name: (x, share)}).

    Args:
      panels: as `attnlab.corpora.corpus_stats` makes them. Of kind "shares", x are
        whole numbers in a row, drawn as steps, several to a step where there are many;
        of "coverage", x are sizes of a vocabulary, from few words to many.

    Returns:
      The figure, two panels a row.
    """
    rows = math.ceil(len(panels) / COLUMNS)
    height, gap = 1.9, 0.62
    figure = blank(WIDTH, rows * (height + gap) - gap)
    total = rows * (height + gap) - gap
    for place, (kind, x, series) in enumerate(panels):
        row, column = divmod(place, COLUMNS)
        bottom = (total - row * (height + gap) - height) / total
        axes = figure.add_axes((column * 0.57, bottom, 0.43, height / total))
        (_coverage if kind == "coverage" else _shares)(axes, series)
        axes.set_xlabel(x)
        if len(series) > 1:
            axes.legend(handlelength=1.6)
    return figure


def _shares(axes: "Axes", series: Series) -> None:
    low, high = _range(series)
    width = max(1, math.ceil((high - low + 1) / BINS))
    for place, (name, (values, parts)) in enumerate(series.items()):
        heights = _binned(np.asarray(values), parts, low, high, width)
        # Half a number down, so that a step stands over the numbers that it counts.
        edges = low - 0.5 + width * np.arange(len(heights) + 1)
        color = COLORS[place % len(COLORS)]
        dashes = DASHES[place // len(COLORS) % len(DASHES)]
        outline = axes.stairs(heights, edges, linewidth=1.2, color=color)
        outline.set(linestyle=dashes, label=plain(name))
        axes.stairs(heights, edges, fill=True, alpha=0.1, color=color)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("share" if width == 1 else f"share ({width} numbers a step)")
    axes.yaxis.set_major_formatter(_percent)
    axes.locator_params(axis="x", integer=True)
    axes.margins(x=0.01)


def _range(series: Series) -> tuple[int, int]:
    """From the least number to where DRAWN of each curve have been seen."""
    low = min(int(values[0]) for values, _ in series.values())
    last = max(int(values[-1]) for values, _ in series.values())
    if last - low <= WHOLE:
        return low, last
    ends = [
        int(np.asarray(values)[np.searchsorted(np.cumsum(parts), DRAWN)])
        for values, parts in series.values()
    ]
    return low, max(ends)


def _binned(
    values: np.ndarray, parts: np.ndarray, low: int, high: int, width: int
) -> np.ndarray:
    """Shares of low, ..., low + width - 1, and so on; those above high left out."""
    bins = (high - low) // width + 1
    drawn = values <= low + bins * width - 1
    return np.bincount((values[drawn] - low) // width, parts[drawn], minlength=bins)


def _coverage(axes: "Axes", series: Series) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for place, (name, (sizes, covered)) in enumerate(series.items()):
        color = COLORS[place % len(COLORS)]
        look = {"linestyle": DASHES[place % len(DASHES)], "marker": "o"}
        label = plain(name)
        axes.plot(sizes, covered, color=color, label=label, clip_on=False, **look)
    axes.set_xscale("log")
    axes.set_ylim(top=1.0)
    axes.set_ylabel("share of words known")
    axes.yaxis.set_major_formatter(_percent)
    axes.xaxis.set_major_locator(LogLocator(numticks=9))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _percent(value: float, _: float) -> str:
    return f"{100 * value:.3g} %"


@styled
def pair_lengths(lengths: np.ndarray, widths: Sequence[tuple[int, int]]) -> "Figure":
    """Pairs by length, source across and target up; darker is more of them.

    Args:
      lengths: of the pairs' source and target, [N, 2].
      widths: (source, target) of each shape, a rectangle; a pair is padded to the
        corner of the smallest that holds it.

    Returns:
      The figure.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle

    high = np.maximum(lengths.max(axis=0), np.max(widths, axis=0))
    counts = np.zeros(high + 1, int)
    np.add.at(counts, tuple(lengths.T), 1)
    figure = blank(3.6, 3.6 * high[1] / high[0])
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.grid(False)
    image = axes.imshow(
        # Zero has no logarithm; masked cells stay white.
        np.ma.masked_equal(counts.T, 0),
        cmap="Greys",
        # A range of no extent (all cells have one pair) cannot be drawn.
        norm=LogNorm(1, max(int(counts.max()), 2)),
        origin="lower",
        aspect="auto",
    )
    for source, target in widths:
        corner = Rectangle(
            (0.5, 0.5), source, target, fill=False, edgecolor=COLORS[1], linewidth=0.9
        )
        axes.add_patch(corner)
    axes.set_xlim(0.5, high[0] + 1)  # no sentence has length 0
    axes.set_ylim(0.5, high[1] + 1)
    axes.set_xlabel("source length (units with the end mark)")
    axes.set_ylabel("target length")
    bar = figure.colorbar(image, ax=[axes], cax=figure.add_axes((1.04, 0.0, 0.03, 1.0)))
    bar.set_label("pairs")
    return figure
