"""Text whose words are shaded by their weight, as lines of a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attnlab.report.figures import WIDTH, blank, plain, styled
from attnlab.report.heatmaps import GOLD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEAT = (0.84, 0.19, 0.15)  # of the heaviest weight; white is none
GRAY = "#666666"
SIZE = 6.6  # points, of a font whose letters are all 0.602 as wide
LETTER, LINE = SIZE * 0.602 / 72, SIZE * 1.75 / 72  # inches
COLUMNS = int(WIDTH / LETTER)
HEAD, GAP = 1.15, 0.7  # lines that a title takes, and the room below a text

Placed = tuple[int, int, str]  # the column of a word, its number, the word


class ShadedText(NamedTuple):
    """Words with a weight each, under a title.

    title: above the words.
    words: S of them.
    weights: [S].
    gold: numbers of the words to underline.
    note: after the title, in gray.
    """

    title: str
    words: Sequence[str]
    weights: np.ndarray
    gold: frozenset[int] = frozenset()
    note: str = ""


@styled
def shaded(texts: Sequence[ShadedText], heaviest: float | None = None) -> Figure:
    """The texts one below the other.

    The shade is the square root of the weight's share of `heaviest`: light words differ
    from those without any weight, and even weights look even.

    Args:
      texts: of any lengths.
      heaviest: the weight of full color; by default the heaviest one of all texts.

    Returns:
      The figure, as wide as a page.

    Raises:
      ValueError: where a text has not a weight a word, at least 0 and finite.
    """
    for text in texts:
        _check(text)
    blocks = [lines(text.words) for text in texts]
    height = sum(HEAD + len(block) + GAP for block in blocks)
    figure = blank(COLUMNS * LETTER, height * LINE)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, COLUMNS)
    axes.set_ylim(height, 0)  # line 0 on top
    axes.axis("off")
    if heaviest is None:
        heaviest = max([float(np.max(t.weights, initial=1e-9)) for t in texts])
    top = 0.0
    for text, block in zip(texts, blocks, strict=True):
        _title(axes, top + 0.5, text)
        top += HEAD
        for line in block:
            _line(axes, top, line, text, heaviest)
            top += 1
        top += GAP
    return figure


def _check(text: ShadedText) -> None:
    weights = np.asarray(text.weights)
    if weights.shape != (len(text.words),):
        raise ValueError(
            f"{text.title!r}: weights have shape {weights.shape}, and there are "
            f"{len(text.words)} words"
        )
    wrong = ~((weights >= 0) & np.isfinite(weights))
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{text.title!r}: the weight of word {place} is {weights[place]}; weights "
            "must be at least 0 and finite"
        )


def lines(words: Sequence[str], columns: int = COLUMNS) -> list[list[Placed]]:
    """Words broken into lines; one that is longer than a line has a line alone.

    Args:
      words: of a text.
      columns: letters of a line.

    Returns:
      (column, number, word) of the words of each line.
    """
    broken: list[list[Placed]] = [[]]
    column = 0
    for number, word in enumerate(words):
        if column and column + len(word) > columns:
            broken.append([])
            column = 0
        broken[-1].append((column, number, word))
        column += len(word) + 1
    return broken


def shade(weight: float, heaviest: float) -> float:
    """How dark a word is.

    Args:
      weight: of the word.
      heaviest: the weight of full color.

    Returns:
      A number in [0, 1], 1 for all weights past `heaviest`.
    """
    return min(1.0, math.sqrt(max(weight, 0.0) / heaviest))


def _title(axes: Axes, middle: float, text: ShadedText) -> None:
    look: dict[str, Any] = {"fontsize": SIZE + 0.6, "va": "center"}
    title = axes.text(0, middle, plain(text.title), weight="bold", **look)
    axes.annotate(
        plain(text.note),
        (1, 0.5),
        xycoords=title,
        xytext=(6, 0),
        textcoords="offset points",
        color=GRAY,
        **look,
    )


def _line(
    axes: Axes, top: float, line: list[Placed], text: ShadedText, heaviest: float
) -> None:
    from matplotlib.patches import Rectangle

    for place, (column, number, word) in enumerate(line):
        dark = shade(float(text.weights[number]), heaviest)
        if dark > 0.02:  # paler cannot be seen, and makes the file large
            corner = (column - 0.3, top + 0.06)
            look: dict[str, Any] = {"facecolor": HEAT, "alpha": 0.85 * dark, "lw": 0}
            axes.add_patch(Rectangle(corner, len(word) + 0.6, 0.86, **look))
        color = "white" if dark > 0.75 else "black"
        font: dict[str, Any] = {"fontsize": SIZE, "family": "monospace"}
        axes.text(column, top + 0.5, plain(word), va="center", color=color, **font)
        if number in text.gold:
            # To the next word, where that is underlined, too, and on this line.
            more = number + 1 in text.gold and place + 1 < len(line)
            ends = (column, column + len(word) + more)
            axes.plot(ends, [top + 1.0] * 2, color=GOLD, lw=1.3, solid_capstyle="butt")
