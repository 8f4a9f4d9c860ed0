"""How all figures look and are saved.

`save` writes a matplotlib Figure as PNG and PDF, equal data giving equal bytes.
matplotlib is imported on the first call, and pyplot never, so that nothing global
changes and no window can open. Curves with a line a variant are drawn in
`row_curves.py`, heat maps in `heatmaps.py`.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from attnlab.runs import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

P = ParamSpec("P")
R = TypeVar("R")

GLYPH = re.compile(r"Glyph (\d+) ")  # begins matplotlib's warning of a missing letter
DEFAULT_FONT = "DejaVu Sans"  # matplotlib's own
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
LINE_WIDTH = 1.3
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
    "lines.linewidth": LINE_WIDTH,
    "lines.markersize": 3.6,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,  # whole letters, which journals ask for and editors can search
    "pdf.compression": 9,
    "savefig.dpi": DPI,
    "svg.hashsalt": "attnlab",  # names inside a file, else different in every one
}

# What files would say of the time and the program.
DATELESS: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}

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
def font(family: str | Sequence[str] | None) -> Iterator[None]:
    """Figures drawn and saved inside use this font, for letters that the default lacks.

    matplotlib's own DejaVu Sans has no Chinese, Japanese or Korean; a missing letter
    is a box in the figure and a warning.

    Args:
      family: an installed font family, "Noto Sans CJK JP", or several, of which a
        letter is taken from the first that has it; None changes nothing.

    Yields:
      Nothing.

    Raises:
      ValueError: for a family that is not installed.
    """
    import matplotlib
    from matplotlib.font_manager import get_font_names

    families = [family] if isinstance(family, str) else list(family or ())
    for name in families:
        if name not in get_font_names():
            raise ValueError(f"no font {name!r} is installed here")
    if families and DEFAULT_FONT not in families:
        families.append(DEFAULT_FONT)
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
    figure.set_dpi(DPI)  # measure the text as the file will have it
    paths, contents = [], []
    with _missing_letters(stem.name):
        box = figure.get_tightbbox().padded(0.04)  # once: it costs as much as drawing
        for ending in formats:
            content = io.BytesIO()
            options: dict[str, Any] = {"metadata": DATELESS.get(ending)}
            figure.savefig(content, format=ending, bbox_inches=box, **options)
            contents.append(content.getvalue())
            paths.append(stem.with_name(f"{stem.name}.{ending}"))
    for path, content in zip(paths, contents, strict=True):
        write_bytes(path, content, lasting=False)  # whole or not at all
    return paths


@styled
def save_pages(
    pages: Sequence[Figure],
    path: Path,
    size: tuple[float, float] | None = None,
) -> None:
    """Write a file of a figure a page. As with `save`, equal figures give equal files.

    Args:
      pages: any number for a .pdf; one for another ending that matplotlib knows.
      path: of the file.
      size: inches of a page, what is drawn in its middle; by default pages are cut to
        what is drawn.

    Raises:
      ValueError: for several pages of another ending.
    """
    from matplotlib.backends.backend_pdf import PdfPages

    ending, content = path.suffix.removeprefix("."), io.BytesIO()
    if ending != "pdf" and len(pages) != 1:
        raise ValueError(f"{len(pages)} pages are for a .pdf, not for {path}")
    with _missing_letters(path.stem):
        for figure in pages:
            figure.set_dpi(DPI)
        boxes = [_page(figure, size) for figure in pages]
        if ending == "pdf":
            with PdfPages(content, metadata=DATELESS["pdf"]) as file:
                for figure, box in zip(pages, boxes, strict=True):
                    file.savefig(figure, bbox_inches=box)
        else:
            options: dict[str, Any] = {"metadata": DATELESS.get(ending)}
            pages[0].savefig(content, format=ending, bbox_inches=boxes[0], **options)
    write_bytes(path, content.getvalue(), lasting=False)


def _page(figure: Figure, size: tuple[float, float] | None) -> Bbox:
    """The part of a figure that is its page."""
    from matplotlib.transforms import Bbox

    box = figure.get_tightbbox()
    if size is None:
        return box.padded(0.04)
    left = (box.x0 + box.x1 - size[0]) / 2
    low = (box.y0 + box.y1 - size[1]) / 2
    return Bbox.from_bounds(left, low, *size)


@contextlib.contextmanager
def _missing_letters(name: str) -> Iterator[None]:
    """One warning of the letters that a font lacks, for matplotlib's one a letter."""
    missing: set[str] = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        glyph = GLYPH.match(str(warning.message))
        if glyph:
            missing.add(chr(int(glyph[1])))
        else:
            place = warning.filename, warning.lineno
            warnings.warn_explicit(warning.message, warning.category, *place)
    if missing:
        letters = "".join(sorted(missing))
        message = f"{name} has boxes for {letters[:40]}, which its font lacks"
        advice = "name an installed font that has them"
        warnings.warn(f"{message}; {advice}", RuntimeWarning, stacklevel=4)


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
    axes.plot([], [], color="#6A6A6A", linewidth=0.7, label="falls as 1/K")
    axes.set_xlabel("samples K of a gradient")
    axes.set_ylabel("variance / squared length of the gradient")
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
      The text, its dollar signs escaped, without signs of no width that matplotlib
      cannot write into a PDF.
    """
    return text.replace("$", r"\$").replace("\ufeff", "")
