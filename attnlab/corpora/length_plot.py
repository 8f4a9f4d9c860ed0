"""How long the pairs of a text are, with the shapes that they are padded to."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from attnlab.report.figures import COLORS, blank, styled


@styled
def pair_lengths(lengths: np.ndarray, widths: Sequence[tuple[int, int]]) -> Any:
    """Pairs by length, source across and target up; darker is more of them.

    lengths: [N, 2]. Each of `widths` (source, target) is a rectangle; a pair is padded
    to the corner of the smallest that holds it.
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
        np.ma.masked_equal(counts.T, 0),
        cmap="Greys",
        norm=LogNorm(1, max(int(counts.max()), 2)),
        origin="lower",
        aspect="auto",
    )
    for source, target in widths:
        corner = Rectangle(
            (0.5, 0.5), source, target, fill=False, edgecolor=COLORS[1], linewidth=0.9
        )
        axes.add_patch(corner)
    axes.set_xlim(0.5, high[0] + 1)
    axes.set_ylim(0.5, high[1] + 1)
    axes.set_xlabel("source length (units with the end mark)")
    axes.set_ylabel("target length")
    bar = figure.colorbar(image, ax=[axes], cax=figure.add_axes((1.04, 0.0, 0.03, 1.0)))
    bar.set_label("pairs")
    return figure
