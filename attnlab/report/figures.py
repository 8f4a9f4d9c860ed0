"""Curves of a sweep with one line a variant; how all figures look and are saved.

Every function takes plain data and returns a matplotlib Figure; `save` writes it as PNG
and PDF, equal data giving equal bytes, and `page.charts` puts it into the page.
matplotlib is imported on the first call, and pyplot never, so that nothing global
changes and no window can open. Heat maps are drawn in `heatmaps.py`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

DPI = 200  # of PNG files
MOST_ROWS = 24  # in a figure: that many look different
WIDTH = 6.8  # inches: the text width of a two-column paper, or of a page
# Okabe and Ito's colors, told apart by most color-blind readers; markers repeat it.
COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#222222",
    "#882255",  # Tol's wine: an eighth, in place of a yellow too pale for thin lines
)
MARKERS = ("o", "s", "^", "D", "v", "<", ">", "h")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)))
STYLE: dict[Any, object] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.6,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,  # whole letters, which journals ask for and editors can search
    "pdf.compression": 9,
    "savefig.dpi": DPI,
}

LOGARITHMIC = {"perplexity": "ln perplexity (nats per token)"}  # how curves show it
MOST_VALUES = 60  # points of a line whose values a page shows under the pointer

Series = tuple[Sequence[float], Sequence[float]]  # steps, values


class Bins(NamedTuple):
    """Curves over bins.

    labels: names of the bins.
    counts: how many sentences or links each bin holds.
    values: {row: [seeds, bins]}, NaN where a bin holds nothing.
    """

    labels: Sequence[str]
    counts: Sequence[int]
    values: Mapping[str, np.ndarray]


class Learned(NamedTuple):
    """A row's learning curve.

    steps: [n] that all seeds reached.
    values: [seeds, n] at those steps.
    rests: what single seeds did after the last of them.
    """

    steps: list[float]
    values: np.ndarray
    rests: list[Series]


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """The function under the style above; other settings, such as fonts, stay.

    Args:
      draw: makes a figure, or saves it.

    Returns:
      A function of the same arguments and result.
    """

    @functools.wraps(draw)
    def inside(*args: P.args, **options: P.kwargs) -> R:
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(*args, **options)

    return inside


@contextlib.contextmanager
def font(family: str | None) -> Iterator[None]:
    """Figures drawn and saved inside use this font, for letters that the default lacks.

    matplotlib's own DejaVu Sans has no Chinese, Japanese or Korean; a missing letter
    is a box in the figure and a warning.

    Args:
      family: an installed font family, "Noto Sans CJK JP"; None changes nothing.

    Yields:
      Nothing.

    Raises:
      ValueError: for a family that is not installed.
    """
    import matplotlib
    from matplotlib.font_manager import get_font_names

    if family is not None and family not in get_font_names():
        raise ValueError(f"no font {family!r} is installed here")
    families = [] if family is None else [family, "DejaVu Sans"]
    with matplotlib.rc_context({"font.family": families} if families else {}):
        yield


@styled
def save(
    figure: Figure, stem: str | Path, formats: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """Write a figure. Files carry no date and no version: equal figures, equal files.

    Args:
      figure: to write; its resolution is set to that of the files.
      stem: path without the ending.
      formats: endings that matplotlib knows.

    Returns:
      The files written, in the order of `formats`.
    """
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    dateless = {
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    }
    figure.set_dpi(DPI)  # measure the text as the file will have it
    box = figure.get_tightbbox().padded(0.04)  # once: it costs as much as drawing
    paths = []
    for ending in formats:
        path = stem.with_name(f"{stem.name}.{ending}")
        metadata = dateless.get(ending)
        figure.savefig(path, bbox_inches=box, metadata=metadata)
        paths.append(path)
    return paths


@styled
def keep_rows(figure: Figure, rows: Sequence[str]) -> None:
    """Take the other rows off a figure of `draw_row`, and off its legend.

    Args:
      figure: to change.
      rows: names of those that stay.
    """
    for axes in figure.axes:
        for artist in axes.get_children():
            gid = artist.get_gid() or ""
            if gid.startswith("{") and json.loads(gid)["row"] not in rows:
                artist.remove()
        axes.relim()
        axes.autoscale_view()
        if axes.get_legend() is not None:
            row_legend(axes)


@styled
def bleu_by_length(bins: Bins, *, rows: Sequence[str] | None = None) -> Figure:
    """BLEU by source length, after Bahdanau et al. 2014 (Fig. 2), Luong (Fig. 6).

    Args:
      bins: of lengths in words.
      rows: all rows of the sweep in order, so that each looks the same in every figure.

    Returns:
      The figure.
    """
    return _binned(bins, rows, "source length (words)", "BLEU", "sentences")


@styled
def aer_by_distance(bins: Bins, *, rows: Sequence[str] | None = None) -> Figure:
    """Alignment error rate of the links at each reordering distance.

    Args:
      bins: of distances in words.
      rows: as in `bleu_by_length`.

    Returns:
      The figure.
    """
    return _binned(bins, rows, "reordering distance |t − s|", "AER", "sure links")


@styled
def learning_curves(
    curves: Mapping[str, Mapping[str, Sequence[Series]]],
    *,
    rows: Sequence[str] | None = None,
) -> Figure:
    """Scores on the development set by training step, one axes a score.

    The line is the mean over the seeds, as far as all of them reach, the band their
    range; a seed that ran longer goes on as a thin line. Perplexity is drawn as its
    natural logarithm, as in Luong et al. 2015, Fig. 5.

    Args:
      curves: {score: {row: [(steps, values) a seed]}}; values that are not finite are
        left out.
      rows: as in `bleu_by_length`.

    Returns:
      The figure, without axes where there are no curves.
    """
    figure = blank(WIDTH, 2.5)
    scores = list(curves)
    drawn = dict.fromkeys(row for score in scores for row in curves[score])
    order = list(drawn if rows is None else rows)
    width = 0.88 / max(len(scores), 1)
    for place, score in enumerate(scores):
        axes = figure.add_axes((place * (width + 0.1), 0.0, width, 1.0))
        logarithm = score in LOGARITHMIC
        for row, series in curves[score].items():
            _learning(axes, series, row, order.index(row), logarithm)
        axes.set_xlabel("training step")
        axes.set_ylabel(LOGARITHMIC.get(score, score))
        axes.margins(x=0.02)
        axes.ticklabel_format(axis="x", style="plain")
        axes.locator_params(axis="x", nbins=5)
    if figure.axes:
        row_legend(figure.axes[-1])
    return figure


@styled
def variance_by_samples(
    curves: Mapping[str, Sequence[tuple[float, float, float]]],
) -> Figure:
    """Variance of a gradient against the samples K it is the mean of, both logarithmic.

    Bars are two standard errors either way; the thin line falls as 1/K from the first
    point.

    Args:
      curves: {name: [(K, variance, standard error)]}.

    Returns:
      The figure.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    figure = blank(WIDTH * 0.62, 2.6)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for place, (name, points) in enumerate(curves.items()):
        counts, variances, errors = np.array(points, float).T
        look = look_of(place) | {"linestyle": "none", "markersize": 4.5}
        bars = 2 * errors
        axes.errorbar(counts, variances, bars, label=plain(name), lw=0.8, **look)
        ideal = variances[0] * counts[0] / counts  # of K independent samples
        axes.plot(counts, ideal, color=look["color"], linewidth=0.7, zorder=1)
    every = sorted({point[0] for points in curves.values() for point in points})
    axes.set_xticks(every, [f"{count:g}" for count in every])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.plot([], [], color="#777777", linewidth=0.7, label="falls as 1/K")
    axes.set_xlabel("samples K of a gradient")
    axes.set_ylabel("variance / squared length of the gradient")
    row_legend(axes)
    return figure


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


def _learning(
    axes: Axes, series: Sequence[Series], row: str, place: int, logarithm: bool
) -> None:
    steps, values, rests = learned(series, logarithm)
    group = json.dumps({"row": row})
    for rest in rests:
        color = look_of(place)["color"]
        axes.plot(*rest, color=color, linewidth=0.6, alpha=0.7, gid=group)
    at = [f"step {step:,}" for step in steps]
    if steps:
        mean, low, high = values.mean(0), values.min(0), values.max(0)
        ends = (low, high) if len(values) > 1 else None
        draw_row(axes, row, place, np.array(steps), mean, ends, at)
    else:  # a line of the legend all the same
        draw_row(axes, row, place, np.array([]), np.array([]), None, at)


def draw_row(
    axes: Axes,
    row: str,
    place: int,
    x: np.ndarray,
    mean: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray] | None,
    at: Sequence[str],
) -> None:
    """One row's line, the band around it, and its values for a page.

    Args:
      axes: to draw on.
      row: its name, which the legend and the page show.
      place: of the row in the sweep, which chooses color, marker and dashes.
      x: [n].
      mean: [n]; NaN leaves a gap.
      ends: the band's lower and upper end [n]; None without one.
      at: [n] what x is, in words: "step 1,200".
    """
    group = json.dumps({"row": row})
    look: dict[str, Any] = look_of(place) | {"gid": group}
    if len(x) > 15:
        # Many points would make a string of beads of the line.
        look |= {"markevery": len(x) // 8, "markersize": 3}
    axes.plot(x, mean, label=plain(row), **look)
    if ends is not None:
        fill: dict[str, Any] = {"color": look["color"], "alpha": 0.14, "linewidth": 0}
        axes.fill_between(x, *ends, gid=group, **fill)
    texts = []
    every = range(0, len(x), 1 + len(x) // MOST_VALUES)
    points = [n for n in every if np.isfinite(mean[n])]
    for n in points:
        text = f"{row}, {at[n]}: {mean[n]:.4g}"
        if ends is not None:
            text += f" ({ends[0][n]:.4g} to {ends[1][n]:.4g})"
        texts.append(text)
    # No print shows these marks: `page.charts` hangs the texts on them.
    marks = axes.scatter(x[points], mean[points], s=60, alpha=0, zorder=9)
    marks.set_gid(json.dumps({"row": row, "values": texts}))


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


def _binned(
    bins: Bins, rows: Sequence[str] | None, x_label: str, y_label: str, counted: str
) -> Figure:
    figure = blank(WIDTH * 0.62, 2.6)
    axes = figure.add_axes((0, 0, 1, 1))
    x = np.arange(len(bins.labels))
    order = list(bins.values if rows is None else rows)
    at = [
        f"{label} ({n} {counted})"
        for label, n in zip(bins.labels, bins.counts, strict=True)
    ]
    for row, values in bins.values.items():
        mean, low, high = band(np.asarray(values, float))
        ends = (low, high) if len(values) > 1 else None
        draw_row(axes, row, order.index(row), x, mean, ends, at)
    axes.set_xticks(x, [f"{label}\n" for label in bins.labels])
    for position, count in zip(x, bins.counts, strict=True):
        axes.annotate(
            f"{count}",
            (position, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -15),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=6,
            color="#777777",
        )
    axes.set_xlabel(f"{x_label}; number of {counted} below each", labelpad=0)
    axes.set_ylabel(y_label)
    row_legend(axes)
    return figure


def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and mean -+ one standard deviation over seeds.

    Args:
      values: [seeds, bins], NaN where a bin holds nothing.

    Returns:
      mean, low and high [bins], NaN where no seed has a value.
    """
    masked = np.ma.masked_invalid(values)
    mean = masked.mean(0)
    degrees = np.maximum(masked.count(0) - 1, 1)  # n - 1: a sample's deviation
    deviation = np.ma.sqrt(((masked - mean) ** 2).sum(0) / degrees)
    low, high = mean - deviation, mean + deviation
    return mean.filled(np.nan), low.filled(np.nan), high.filled(np.nan)


def look_of(place: int) -> dict[str, Any]:
    """How a row is drawn, the same in every figure.

    Args:
      place: of the row in the sweep, from 0.

    Returns:
      matplotlib's options of its line: color, marker, dashes.
    """
    return {
        "color": COLORS[place % len(COLORS)],
        "marker": MARKERS[place % len(MARKERS)],
        # Other dashes once the colors are used up, so that 24 rows look different.
        "linestyle": DASHES[(place // len(COLORS)) % len(DASHES)],
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
    }


def blank(width: float, height: float) -> Figure:
    """An empty figure that pyplot does not know of.

    Args:
      width: inches.
      height: inches.

    Returns:
      The figure.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def row_legend(axes: Axes) -> None:
    """Put the names of the rows at the right of a figure's last axes.

    Args:
      axes: whose lines have labels.
    """
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), handlelength=2.2)


def plain(text: str) -> str:
    """Text as itself: two dollar signs would make matplotlib read it as a formula.

    Args:
      text: to draw.

    Returns:
      The text, its dollar signs escaped.
    """
    return text.replace("$", r"\$")
