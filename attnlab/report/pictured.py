"""Results that can be drawn: what the answers of trained runs share."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attnlab.report import pair_pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Pictured:
    """A result with a figure, which `plot` writes into files."""

    def figure(self, title: str = "") -> Figure:
        """The result as a figure, for a notebook or for more drawing.

        Args:
          title: stands above it.

        Returns:
          A matplotlib figure.
        """
        raise NotImplementedError

    def plot(
        self, path: str | Path, *, title: str = "", font: str | None = None
    ) -> list[Path]:
        """Draw the figure into a file.

        Args:
          path: where to; .png, .pdf or .svg, or without an ending the first two.
          title: of the figure.
          font: an installed font family that has the letters of the words.

        Returns:
          The files written.

        Raises:
          ValueError: for another ending, a font that is not installed, and a result
            without anything to draw.
        """
        return pair_pictures.save(partial(self.figure, title), path, font=font)
