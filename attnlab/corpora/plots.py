"""The figure of a corpus: its lengths, what a vocabulary covers, its word order."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attnlab.report.figures import COLORS, DASHES, WIDTH, blank, plain, styled

COLUMNS = 2
BINS = 48  # of a panel, at most
DRAWN = 0.99  # share of the numbers that a panel shows: a tail says little and is long
WHOLE = 30  # a range of so many numbers is shown with its tail

Panel = tuple[str, str, Mapping[str, tuple[Sequence[int] | np.ndarray, np.ndarray]]]


@styled
def portrait(panels: Sequence[Panel]) -> Any:
    """A panel of curves for each (kind, label of x, {name: (x, share)}).

    kind `shares`: x are whole numbers in a row, drawn as steps, several to a step where
    there are many; `coverage`: x are sizes of a vocabulary, from few words to many.
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


def _shares(axes: Any, series: Mapping[str, tuple]) -> None:
    low, high = _range(series)
    width = max(1, math.ceil((high - low + 1) / BINS))
    for place, (name, (values, found)) in enumerate(series.items()):
        heights = _binned(np.asarray(values), found, low, high, width)
        edges = low - 0.5 + width * np.arange(len(heights) + 1)
        look = {"color": COLORS[place % len(COLORS)], "label": plain(name)}
        dashes = DASHES[place // len(COLORS) % len(DASHES)]
        axes.stairs(heights, edges, linewidth=1.2, linestyle=dashes, **look)
        axes.stairs(heights, edges, fill=True, alpha=0.1, color=look["color"])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("share" if width == 1 else f"share ({width} numbers a step)")
    axes.yaxis.set_major_formatter(_percent)
    axes.locator_params(axis="x", integer=True)
    axes.margins(x=0.01)


def _range(series: Mapping[str, tuple]) -> tuple[int, int]:
    """From the least number to where DRAWN of each curve have been seen."""
    low = min(int(values[0]) for values, _ in series.values())
    last = max(int(values[-1]) for values, _ in series.values())
    if last - low <= WHOLE:
        return low, last
    ends = [
        int(values[np.searchsorted(np.cumsum(found), DRAWN)])
        for values, found in series.values()
    ]
    return low, max(ends)


def _binned(values, found, low: int, high: int, width: int) -> np.ndarray:
    """Shares of low, ..., low + width - 1, and so on; those above high left out."""
    bins = (high - low) // width + 1
    kept = values <= low + bins * width - 1
    return np.bincount((values[kept] - low) // width, found[kept], minlength=bins)


def _coverage(axes: Any, series: Mapping[str, tuple]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for place, (name, (sizes, known)) in enumerate(series.items()):
        color = COLORS[place % len(COLORS)]
        look = {"linestyle": DASHES[place % len(DASHES)], "marker": "o"}
        label = plain(name)
        axes.plot(sizes, known, color=color, label=label, clip_on=False, **look)
    axes.set_xscale("log")
    axes.set_ylim(top=1.0)
    axes.set_ylabel("share of words known")
    axes.yaxis.set_major_formatter(_percent)
    axes.xaxis.set_major_locator(LogLocator(numticks=9))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _percent(value: float, _: int) -> str:
    return f"{100 * value:.3g} %"
