"""What every heat map of an alignment is drawn with: cells, words, marks, a color bar.

Gray with white = 1 on black = 0, as in Bahdanau et al. 2014 (Fig. 3) and Luong et al.
2015 (Fig. 7): the images can be laid beside the papers' own, the zeros of a local
window or of sparsemax stay plainly black, and gray leaves color free to mean one
thing, links, which no map of many hues would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attnlab.report.figures import WIDTH, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

LONGEST = 40  # letters of a word that a picture shows


def cell_size(words: int, limit: float) -> float:
    """The width of a word, so that as many fit into the text width.

    Args:
      words: side by side.
      limit: inches that a word has at most.

    Returns:
      Inches.
    """
    return min(limit, (WIDTH - 0.8) / max(words, 1))


def show(axes: Axes, weights: np.ndarray) -> AxesImage:
    """Draw weights; the middle of cell (t, s) is at (s, t).

    Args:
      axes: to draw on.
      weights: [T, S] in [0, 1]; those that are not finite are left blank.

    Returns:
      The image.
    """
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#555555")
    shape = np.shape(weights)
    # Marks and labels are put at whole numbers.
    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    return axes.imshow(
        weights, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent
    )


def label_words(
    axes: Axes, source: Sequence[str], target: Sequence[str], cell: float
) -> None:
    """Words as tick labels: the source above, the target at the left.

    Args:
      axes: of an image.
      source: of its columns; none where they are said elsewhere.
      target: of its rows, likewise.
      cell: inches of a word.
    """
    top = bool(source)
    size = min(7.5, 72 * cell * 0.86)  # points; letters no taller than a cell
    look: dict[str, Any] = {"fontsize": size}
    across = [plain(_cut(word)) for word in source]
    axes.set_xticks(range(len(source)), across, rotation=90, **look)
    axes.set_yticks(range(len(target)), [plain(_cut(word)) for word in target], **look)
    axes.tick_params(length=0, pad=2, top=top, labeltop=top, bottom=False)
    axes.tick_params(labelbottom=False)


def mark(
    axes: Axes,
    links: Iterable[tuple[int, int]],
    cell: float,
    *,
    color: str,
    filled: bool,
) -> None:
    """Mark links with squares.

    Args:
      axes: of an image.
      links: (t, s).
      cell: inches of a word.
      color: of the squares.
      filled: else their edges alone are drawn.
    """
    side = 72 * cell * 0.42  # points
    ordered = sorted(links)
    axes.scatter(
        [s for _, s in ordered],
        [t for t, _ in ordered],
        s=(side * (0.85 if filled else 1.0)) ** 2,
        marker="s",
        facecolor=color if filled else "none",
        edgecolor=color,
        linewidth=1.0,
    )


def color_bar(figure: Figure, axes: Axes, image: AxesImage) -> None:
    """Draw a color bar of fixed breadth at the right of an image.

    Args:
      figure: that has the axes.
      axes: of the image, at the right end of the figure.
      image: whose colors are explained.
    """
    box = axes.get_position()
    width, height = figure.get_size_inches()
    tall = min(1.0, max(0.42, box.height * height * 0.6)) / height  # room for numbers
    place = (box.x1 + 0.1 / width, box.y1 - tall, 0.08 / width, tall)
    bar = figure.colorbar(image, cax=figure.add_axes(place), ticks=[0, 0.5, 1])
    bar.ax.tick_params(labelsize=7, length=2, pad=2)
    bar.outline.set_linewidth(0.4)
    bar.ax.set_title("weight", fontsize=7, pad=4, loc="left")


def _cut(word: str) -> str:
    """A word that a picture can show: not longer, and without halves of letters."""
    word = word.encode(errors="replace").decode()
    return word if len(word) <= LONGEST else f"{word[: LONGEST - 1]}…"
