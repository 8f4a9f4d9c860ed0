"""Curves of a sweep with one line a variant: first as data, then printed or on a page.

`learning_curves`, `bleu_by_length` and `aer_by_distance` return what there is to draw.
matplotlib draws few rows of it (`RowCurves.figure`); the page shows all of them, and
its SVG is written without matplotlib's objects (`page.charts`), which for a thousand
rows would take minutes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attnlab.report.figures import (
    WIDTH,
    Bins,
    Series,
    band,
    blank,
    look_of,
    plain,
    row_legend,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOGARITHMIC = {"perplexity": "ln perplexity (nats per token)"}  # how curves show it
BAND = 0.14  # opacity of a band
# The line of a seed that ran longer than the others.
THIN: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.7}
BEADS = 15  # points of a line; with a marker at each of more it would look like beads


class Learned(NamedTuple):
    """A row's learning curve.

    steps: [n] that all seeds reached.
    values: [seeds, n] at those steps.
    rests: what single seeds did after the last of them.
    """

    steps: list[float]
    values: np.ndarray
    rests: list[Series]


class RowLine(NamedTuple):
    """A row's line in a panel.

    row: its name, which the legend and the page show.
    place: of the row in the sweep, which chooses color, marker and dashes.
    x: [n].
    mean: [n]; NaN leaves a gap.
    ends: lower and upper end of the band around the line [n]; None without one.
    rests: thin lines beside it.
    """

    row: str
    place: int
    x: np.ndarray
    mean: np.ndarray
    ends: tuple[np.ndarray, np.ndarray] | None = None
    rests: Sequence[Series] = ()

    @property
    def markers(self) -> tuple[int, float]:
        """At every how many points there is a marker, and its size in points."""
        return (len(self.x) // 8, 3.0) if len(self.x) > BEADS else (1, 3.6)


class CurvePanel(NamedTuple):
    """One axes of curves.

    box: its left, bottom, width and height, as parts of the figure's.
    x_label, y_label: of its axes.
    lines: one a row.
    bins: names of the bins that x counts from 0, and how many `counted` each holds;
      None where x is a training step.
    counted: "sentences", say.
    """

    box: tuple[float, float, float, float]
    x_label: str
    y_label: str
    lines: Sequence[RowLine]
    bins: tuple[Sequence[str], Sequence[int]] | None = None
    counted: str = ""

    def place_of(self, line: RowLine, n: int) -> str:
        """What x is at point n of a line, in words.

        Args:
          line: one of the panel's.
          n: from 0.

        Returns:
          "step 1,200", or "3-5 (12 sentences)".
        """
        if self.bins is None:
            return f"step {line.x[n].item():,}"
        labels, counts = self.bins
        return f"{labels[n]} ({counts[n]} {self.counted})"

    def limits(self) -> np.ndarray:
        """The rectangle that holds all lines and bands.

        Returns:
          Lowest and highest corner [2, 2]; [0, 2] where there is nothing to draw.
        """
        pairs = [pair for line in self.lines for pair in _curves_of(line)]
        xs, ys = (
            np.concatenate([np.asarray(part, float) for part in parts] or [[]])
            for parts in (zip(*pairs, strict=True) if pairs else ((), ()))
        )
        points = np.stack([xs, ys], axis=1)
        points = points[np.isfinite(points).all(axis=1)]
        return np.stack([points.min(0), points.max(0)]) if len(points) else points


class RowCurves(NamedTuple):
    """A figure with a line a row, to be drawn.

    size: its width and height in inches.
    panels: side by side.
    """

    size: tuple[float, float]
    panels: Sequence[CurvePanel]

    @property
    def rows(self) -> list[str]:
        """The names of the rows that have a line, in their order."""
        lines = [line for panel in self.panels for line in panel.lines]
        return list(dict.fromkeys(line.row for line in lines))

    def only(self, rows: Collection[str] | None) -> RowCurves:
        """The same figure of some rows.

        Args:
          rows: names of those that stay; None for all.

        Returns:
          The figure without the other lines.
        """
        if rows is None:
            return self
        panels = [
            panel._replace(lines=[line for line in panel.lines if line.row in rows])
            for panel in self.panels
        ]
        return self._replace(panels=panels)

    @styled
    def figure(self) -> Figure:
        """The curves as matplotlib draws them.

        Returns:
          A figure with a legend; without axes where there are no curves.
        """
        figure, all_axes = _made(self, with_lines=True)
        if all_axes:
            row_legend(all_axes[-1])
        return figure

    @styled
    def frame(self) -> tuple[Figure, list[Axes]]:
        """The figure without its lines, for whoever draws those otherwise.

        Returns:
          It, and the axes of the panels with the limits that the lines need.
        """
        return _made(self, with_lines=False)


def learning_curves(
    curves: Mapping[str, Mapping[str, Sequence[Series]]],
    *,
    rows: Sequence[str] | None = None,
) -> RowCurves:
    """Scores on the development set by training step, one axes a score.

    The line is the mean over the seeds, as far as all of them reach, the band their
    range; a seed that ran longer goes on as a thin line. Perplexity is drawn as its
    natural logarithm, as in Luong et al. 2015, Fig. 5.

    Args:
      curves: {score: {row: [(steps, values) a seed]}}; values that are not finite are
        left out.
      rows: all rows of the sweep in order, so that each looks the same in every figure.

    Returns:
      The curves, without panels where there are none.
    """
    drawn = dict.fromkeys(row for of_row in curves.values() for row in of_row)
    places = _places(drawn if rows is None else rows)
    width = 0.88 / max(len(curves), 1)
    panels = []
    for number, (score, of_row) in enumerate(curves.items()):
        logarithm = score in LOGARITHMIC
        lines = [
            _learning(row, places[row], learned(series, logarithm))
            for row, series in of_row.items()
        ]
        box = (number * (width + 0.1), 0.0, width, 1.0)
        label = LOGARITHMIC.get(score, score)
        panels.append(CurvePanel(box, "training step", label, lines))
    return RowCurves((WIDTH, 2.5), panels)


def bleu_by_length(bins: Bins, *, rows: Sequence[str] | None = None) -> RowCurves:
    """BLEU by source length, after Bahdanau et al. 2014 (Fig. 2), Luong (Fig. 6).

    Args:
      bins: of lengths in words.
      rows: as in `learning_curves`.

    Returns:
      The curves.
    """
    return _binned(bins, rows, "source length (words)", "BLEU", "sentences")


def aer_by_distance(bins: Bins, *, rows: Sequence[str] | None = None) -> RowCurves:
    """Alignment error rate of the links at each reordering distance.

    Args:
      bins: of distances in words.
      rows: as in `learning_curves`.

    Returns:
      The curves.
    """
    return _binned(bins, rows, "reordering distance |t − s|", "AER", "sure links")


def learned(series: Sequence[Series], logarithm: bool = False) -> Learned:
    """One row's learning curve out of those of its seeds.

    Args:
      series: (steps, values) of each seed.
      logarithm: whether to take the natural logarithm of the values.

    Returns:
      The curve as far as all seeds reach, and the rest of those that ran longer.
    """
    seeds = [_finite(steps, values, logarithm) for steps, values in series]
    seeds = [seed for seed in seeds if seed]
    # A mean over fewer seeds would jump where one of them ends.
    shared = sorted(set.intersection(*map(set, seeds))) if seeds else []
    rests = []
    for seed in seeds:
        # With the last shared step, where the thin line leaves the mean.
        rest = [step for step in sorted(seed) if not shared or step >= shared[-1]]
        if len(rest) > 1:
            rests.append((rest, [seed[step] for step in rest]))
    table = [[seed[step] for step in shared] for seed in seeds]
    return Learned(shared, np.array(table).reshape(len(seeds), len(shared)), rests)


def _finite(
    steps: Sequence[float], values: Sequence[float], logarithm: bool
) -> dict[float, float]:
    """{step: value} where the value, or its logarithm, is a number."""
    finite = {}
    for step, value in zip(steps, values, strict=True):
        if value is None or (logarithm and value <= 0):
            continue
        value = math.log(value) if logarithm else value
        if math.isfinite(value):
            finite[step] = value
    return finite


def _learning(row: str, place: int, curve: Learned) -> RowLine:
    steps, values, rests = curve
    if not steps:  # a line of the legend all the same
        return RowLine(row, place, np.array([]), np.array([]), None, rests)
    ends = (values.min(0), values.max(0)) if len(values) > 1 else None
    return RowLine(row, place, np.array(steps), values.mean(0), ends, rests)


def _binned(
    bins: Bins, rows: Sequence[str] | None, x_label: str, y_label: str, counted: str
) -> RowCurves:
    places = _places(bins.values if rows is None else rows)
    x = np.arange(len(bins.labels))
    lines = []
    for row, values in bins.values.items():
        mean, low, high = band(np.asarray(values, float))
        ends = (low, high) if len(values) > 1 else None
        lines.append(RowLine(row, places[row], x, mean, ends))
    label = f"{x_label}; number of {counted} below each"
    held = (bins.labels, bins.counts)
    panel = CurvePanel((0.0, 0.0, 1.0, 1.0), label, y_label, lines, held, counted)
    return RowCurves((WIDTH * 0.62, 2.6), [panel])


def _places(rows: Collection[str]) -> dict[str, int]:
    return {row: place for place, row in enumerate(rows)}


def _curves_of(line: RowLine) -> Iterator[Series]:
    yield from line.rests
    yield line.x.tolist(), line.mean.tolist()
    for end in line.ends or ():
        yield line.x.tolist(), end.tolist()


def _made(curves: RowCurves, *, with_lines: bool) -> tuple[Figure, list[Axes]]:
    figure = blank(*curves.size)
    all_axes = []
    for panel in curves.panels:
        axes = figure.add_axes(panel.box)
        axes.update_datalim(panel.limits())
        axes.autoscale_view()
        for line in panel.lines if with_lines else ():
            _draw(axes, line)
        _label(axes, panel)  # last, as ticks widen the limits that lines have set
        all_axes.append(axes)
    return figure, all_axes


def _draw(axes: Axes, line: RowLine) -> None:
    look: dict[str, Any] = look_of(line.place)
    for rest in line.rests:
        axes.plot(*rest, color=look["color"], **THIN)
    every, size = line.markers
    look |= {"markevery": every, "markersize": size}
    axes.plot(line.x, line.mean, label=plain(line.row), **look)
    if line.ends is not None:
        fill: dict[str, Any] = {"color": look["color"], "alpha": BAND, "linewidth": 0}
        axes.fill_between(line.x, *line.ends, **fill)


def _label(axes: Axes, panel: CurvePanel) -> None:
    """Name the axes and place their ticks."""
    axes.set_ylabel(panel.y_label)
    if panel.bins is None:
        axes.set_xlabel(panel.x_label)
        axes.margins(x=0.02)
        axes.ticklabel_format(axis="x", style="plain")
        axes.locator_params(axis="x", nbins=5)
        return
    labels, counts = panel.bins
    axes.set_xlabel(panel.x_label, labelpad=0)
    axes.set_xticks(range(len(labels)), [f"{label}\n" for label in labels])
    for position, count in enumerate(counts):
        axes.annotate(
            f"{count}",
            (position, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -15),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=6,
            color="#6A6A6A",
        )
