"""A panel of heat maps as large as a page of a given size allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from attnlab.report.figures import DPI

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Size = tuple[float, float]  # inches: width and height
SMALLEST, LARGEST = 0.03, 0.6  # inches of a word
TRIES = 7  # halvings: to 1 % of the range
MARGIN = 0.04  # inches that stay blank on every side
AROUND = 0.9  # inches that words, titles and the color bar take, about


def fit_panel(
    draw: Callable[[int, float], Figure],
    images: int,
    words: tuple[int, int],
    size: Size,
) -> Figure:
    """The panel whose words are as large as fit onto a page.

    Args:
      draw: draw(columns, cell) makes the figure; cell is the inches of a word.
      images: of the panel.
      words: S source and T target words.
      size: of the page.

    Returns:
      The figure, what is drawn no larger than the page.

    Raises:
      ValueError: where even the smallest words do not fit.
    """
    across, down = (max(count, 1) for count in words)

    def estimate(columns: int) -> float:
        rows = math.ceil(images / columns)
        wide = (size[0] - AROUND) / (columns * across)
        return min(wide, (size[1] - AROUND) / (rows * down))

    columns = max(range(1, images + 1), key=estimate)

    def fits(figure: Figure) -> bool:
        figure.set_dpi(DPI)  # measure the text as the file will have it
        box = figure.get_tightbbox().padded(MARGIN)
        return box.width <= size[0] and box.height <= size[1]

    low, high = SMALLEST, LARGEST
    best = draw(columns, low)
    if not fits(best):
        raise ValueError(
            f"a page of {size[0]:g} x {size[1]:g} inches is too small for {images} "
            f"images of {across} x {down} words"
        )
    for _ in range(TRIES):
        middle = (low + high) / 2
        figure = draw(columns, middle)
        if fits(figure):
            best, low = figure, middle
        else:
            high = middle
    return best
