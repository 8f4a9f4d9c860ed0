"""Pictures of single sentence pairs, for files and notebooks: what tasks share."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attnlab import arguments
from attnlab.report import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def problem(
    source: Sequence[str], target: Sequence[str], *weights: np.ndarray
) -> str | None:
    """Why a pair cannot be drawn.

    Args:
      source: its words.
      target: its words.
      *weights: what would be drawn, each [T, S].

    Returns:
      The reason; None where there is none.
    """
    if not (source and target):
        words = f"{' '.join(source)!r}, {' '.join(target)!r}"
        return f"of the pair {words} a side is empty: nothing to plot"
    if not all(np.isfinite(each).all() for each in weights):
        return "an alignment must be finite, this one has nan or inf"
    return None


def save(
    draw: Callable[[], Figure],
    path: str | Path,
    *,
    reason: str | None = None,
    font: str | None = None,
) -> list[Path]:
    """Draw a picture and write it.

    Args:
      draw: makes the figure.
      path: where to; .png, .pdf or .svg, or without an ending the first two.
      reason: why it cannot be drawn, of `problem`.
      font: an installed font family that has the letters of the words.

    Returns:
      The files written.

    Raises:
      ValueError: for another ending, a reason, and a font that is not installed.
    """
    path = arguments.path("path", path)
    ending = path.suffix
    if ending not in ("", ".png", ".pdf", ".svg"):
        choices = ".png, .pdf, .svg, or neither"
        raise ValueError(f"cannot write {ending!r}; choose {choices}")
    if reason:
        raise ValueError(reason)
    formats = [ending.removeprefix(".")] if ending else ["png", "pdf"]
    with figures.font(font):
        return figures.save(draw(), path.with_suffix(""), formats)


def as_html(draw: Callable[[], Figure], text: str, reason: str | None = None) -> str:
    """A picture as a notebook shows it.

    Args:
      draw: makes the figure.
      text: shown where it cannot be drawn.
      reason: why it cannot be, of `problem`.

    Returns:
      HTML: an SVG image, or the text.
    """
    if reason:
        return html.escape(text)
    picture = io.StringIO()
    # Cut to what is drawn: words stand around the axes, which fill the figure.
    draw().savefig(picture, format="svg", bbox_inches="tight")
    return picture.getvalue()
