"""Curves of a sweep with one line a variant; how all figures look and are saved.

Every function takes plain data and returns a matplotlib Figure; `save` writes it as PNG
and PDF, equal data giving equal bytes. matplotlib is imported on the first call, and
pyplot never, so that nothing global changes and no window can open. Heat maps are drawn
in `heatmaps.py`.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

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
STYLE: dict[Any, Any] = {
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
    "savefig.dpi": 200,
}

LOGARITHMIC = {"perplexity": "ln perplexity (nats per token)"}  # how curves show it

Series = tuple[Sequence[float], Sequence[float]]  # steps, values


class Bins(NamedTuple):
    """Curves over bins: `values` {row: [seeds, bins]}, NaN where a bin holds nothing.

    `labels` name the bins, `counts` say how many sentences or links each holds.
    """

    labels: Sequence[str]
    counts: Sequence[int]
    values: Mapping[str, np.ndarray]


class Learned(NamedTuple):
    """A row's learning curve: the `steps` [n] that all seeds reached, their `values`
    [seeds, n], and what each of `rests` did after the last of them."""

    steps: list[float]
    values: np.ndarray
    rests: list[Series]


def styled(draw: Callable) -> Callable:
    """`draw` under the style above; other settings, such as fonts, are the user's."""

    @functools.wraps(draw)
    def inside(*args: Any, **options: Any) -> Any:
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(*args, **options)

    return inside


@contextlib.contextmanager
def font(family: str | None) -> Iterator[None]:
    """Figures drawn and saved inside use this font, for letters that the default lacks.

    matplotlib's own DejaVu Sans has no Chinese, Japanese or Korean; a missing letter
    is a box in the figure and a warning. None changes nothing.
    """
    import matplotlib
    from matplotlib.font_manager import get_font_names

    if family is not None and family not in get_font_names():
        raise ValueError(f"no font {family!r} is installed here")
    families: Any = {"font.family": [family, "DejaVu Sans"]}
    with matplotlib.rc_context(None if family is None else families):
        yield


@styled
def save(
    figure: Any, stem: str | Path, formats: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """The files written: `stem` with each format as its ending.

    Files carry no date and no version, so equal figures are equal files.
    """
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    dateless = {
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    }
    figure.set_dpi(STYLE["savefig.dpi"])  # measure the text as the file will have it
    box = figure.get_tightbbox().padded(0.04)  # once: it costs as much as drawing
    paths = []
    for ending in formats:
        path = stem.with_name(f"{stem.name}.{ending}")
        metadata = dateless.get(ending)
        figure.savefig(path, bbox_inches=box, metadata=metadata)
        paths.append(path)
    return paths


@styled
def bleu_by_length(bins: Bins, *, rows: Sequence[str] | None = None) -> Any:
    """BLEU by source length, after Bahdanau et al. 2014 (Fig. 2), Luong (Fig. 6).

    rows: all rows of the sweep in order, so that each looks the same in every figure.
    """
    return _binned(bins, rows, "source length (words)", "BLEU", "sentences")


@styled
def aer_by_distance(bins: Bins, *, rows: Sequence[str] | None = None) -> Any:
    """AER of the links at each reordering distance; rows as in `bleu_by_length`."""
    return _binned(bins, rows, "reordering distance |t − s|", "AER", "sure links")


@styled
def learning_curves(
    curves: Mapping[str, Mapping[str, Sequence[Series]]],
    *,
    rows: Sequence[str] | None = None,
) -> Any:
    """Scores on the development set by training step, one axes a score.

    curves: {score: {row: [(steps, values) a seed]}}. The line is the mean over the
    seeds, as far as all of them reach, the band their range; a seed that ran longer
    goes on as a thin line. Perplexity is drawn as its natural logarithm, as in Luong et
    al. 2015, Fig. 5. Values that are not finite are left out. rows as in
    `bleu_by_length`.
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
            _learning(axes, series, order.index(row), plain(row), logarithm)
        axes.set_xlabel("training step")
        axes.set_ylabel(LOGARITHMIC.get(score, score))
        axes.margins(x=0.02)
        axes.ticklabel_format(axis="x", style="plain")
        axes.locator_params(axis="x", nbins=5)
    if figure.axes:
        _row_legend(figure.axes[-1])
    return figure


@styled
def variance_by_samples(
    curves: Mapping[str, Sequence[tuple[float, float, float]]],
) -> Any:
    """Variance of a gradient against the samples K it is the mean of, both logarithmic.

    curves: {name: [(K, variance, standard error)]}. Bars are two standard errors either
    way; the thin line falls as 1/K from the first point.
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
        ideal = variances[0] * counts[0] / counts
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
    _row_legend(axes)
    return figure


def learned(series: Sequence[Series], logarithm: bool = False) -> Learned:
    """One row's curve out of those of its seeds; see `learning_curves`."""
    seeds = [_finite(steps, values, logarithm) for steps, values in series]
    seeds = [seed for seed in seeds if seed]
    shared = sorted(set.intersection(*map(set, seeds))) if seeds else []
    rests = []
    for seed in seeds:
        rest = [step for step in sorted(seed) if not shared or step >= shared[-1]]
        if len(rest) > 1:
            rests.append((rest, [seed[step] for step in rest]))
    table = [[seed[step] for step in shared] for seed in seeds]
    return Learned(shared, np.array(table).reshape(len(seeds), len(shared)), rests)


def _learning(
    axes: Any, series: Sequence[Series], place: int, label: str, logarithm: bool
) -> None:
    look = look_of(place)
    steps, values, rests = learned(series, logarithm)
    for rest in rests:
        axes.plot(*rest, color=look["color"], linewidth=0.6, alpha=0.7)
    if not steps:
        axes.plot([], [], label=label, **look)
        return
    look |= {"markevery": max(1, len(steps) // 8), "markersize": 3}
    axes.plot(steps, values.mean(0), label=label, **look)
    if len(values) > 1:
        low, high = values.min(0), values.max(0)
        axes.fill_between(
            steps, low, high, color=look["color"], alpha=0.15, linewidth=0
        )


def _finite(
    steps: Sequence[float], values: Sequence[float], logarithm: bool
) -> dict[float, float]:
    """{step: value} where the value, or its logarithm, is a number."""
    kept = {}
    for step, value in zip(steps, values, strict=True):
        if value is None or (logarithm and value <= 0):
            continue
        value = math.log(value) if logarithm else value
        if math.isfinite(value):
            kept[step] = value
    return kept


def _binned(
    bins: Bins, rows: Sequence[str] | None, x_label: str, y_label: str, counted: str
) -> Any:
    figure = blank(WIDTH * 0.62, 2.6)
    axes = figure.add_axes((0, 0, 1, 1))
    x = np.arange(len(bins.labels))
    order = list(bins.values if rows is None else rows)
    for row, values in bins.values.items():
        mean, low, high = band(np.asarray(values, float))
        look = look_of(order.index(row))
        axes.plot(x, mean, label=plain(row), **look)
        if len(values) > 1:
            axes.fill_between(x, low, high, color=look["color"], alpha=0.13, lw=0)
    labels = zip(bins.labels, bins.counts, strict=True)
    axes.set_xticks(x, [f"{label}\n" for label, _ in labels])
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
    _row_legend(axes)
    return figure


def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and mean -+ one standard deviation over seeds, [seeds, bins] -> [bins]."""
    masked = np.ma.masked_invalid(values)
    mean = masked.mean(0)
    known = np.maximum(masked.count(0) - 1, 1)
    deviation = np.ma.sqrt(((masked - mean) ** 2).sum(0) / known)
    filled = (
        part.filled(np.nan) for part in (mean, mean - deviation, mean + deviation)
    )
    low_to_high = tuple(np.ma.asarray(part) for part in filled)
    return low_to_high[0], low_to_high[1], low_to_high[2]


def look_of(place: int) -> dict[str, Any]:
    """Color, marker and dashes of the row at `place`, the same in every figure."""
    return {
        "color": COLORS[place % len(COLORS)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": DASHES[(place // len(COLORS)) % len(DASHES)],
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
    }


def blank(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _row_legend(axes: Any) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), handlelength=2.2)


def plain(text: str) -> str:
    """Text as itself: two dollar signs would make matplotlib read it as a formula."""
    return text.replace("$", r"\$")
