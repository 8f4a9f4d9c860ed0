"""Text whose words are shaded by their weight, as lines of a figure."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from attnlab.report.figures import WIDTH, blank, plain, styled
from attnlab.report.heatmaps import GOLD

HEAT = (0.84, 0.19, 0.15)  # of the heaviest weight; white is none
SIZE = 6.6  # points, of a font whose letters are all 0.602 as wide
LETTER, LINE = SIZE * 0.602 / 72, SIZE * 1.75 / 72  # inches
COLUMNS = int(WIDTH / LETTER)
HEAD, GAP = 1.15, 0.7  # lines that a title takes, and the room below a text

Placed = tuple[int, int, str]  # the column of a word, its number, the word


class ShadedText(NamedTuple):
    """Words [S] with weights [S] under a title; those in `gold` are underlined."""

    title: str
    words: Sequence[str]
    weights: np.ndarray
    gold: frozenset[int] = frozenset()
    note: str = ""  # after the title, in gray


@styled
def shaded(texts: Sequence[ShadedText]) -> Any:
    """The texts one below the other.

    The shade is the square root of the weight's share of the heaviest one of all texts:
    light words can be told from those without any weight, and even weights look even.
    """
    blocks = [lines(text.words) for text in texts]
    height = sum(HEAD + len(block) + GAP for block in blocks)
    figure = blank(COLUMNS * LETTER, height * LINE)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, COLUMNS)
    axes.set_ylim(height, 0)
    axes.axis("off")
    weights = [float(np.max(text.weights, initial=0.0)) for text in texts]
    heaviest = max([*weights, 1e-9])
    top = 0.0
    for text, block in zip(texts, blocks, strict=True):
        _title(axes, top + 0.5, text)
        top += HEAD
        for line in block:
            _line(axes, top, line, text, heaviest)
            top += 1
        top += GAP
    return figure


def lines(words: Sequence[str], columns: int = COLUMNS) -> list[list[Placed]]:
    """Words broken into lines of `columns` letters; a longer word has a line alone."""
    found: list[list[Placed]] = [[]]
    column = 0
    for number, word in enumerate(words):
        if column and column + len(word) > columns:
            found.append([])
            column = 0
        found[-1].append((column, number, word))
        column += len(word) + 1
    return found


def shade(weight: float, heaviest: float) -> float:
    """How dark a word of this weight is, in [0, 1]."""
    return math.sqrt(max(weight, 0.0) / heaviest)


def _title(axes: Any, middle: float, text: ShadedText) -> None:
    look: dict[str, Any] = {"fontsize": SIZE + 0.6, "va": "center"}
    title = axes.text(0, middle, plain(text.title), weight="bold", **look)
    axes.annotate(
        plain(text.note),
        (1, 0.5),
        xycoords=title,
        xytext=(6, 0),
        textcoords="offset points",
        color="#666666",
        **look,
    )


def _line(axes: Any, top: float, line: list[Placed], text: ShadedText, heaviest: float):
    from matplotlib.patches import Rectangle

    for column, number, word in line:
        dark = shade(float(text.weights[number]), heaviest)
        if dark > 0.02:
            corner = (column - 0.3, top + 0.06)
            look: dict[str, Any] = {"facecolor": HEAT, "alpha": 0.85 * dark, "lw": 0}
            axes.add_patch(Rectangle(corner, len(word) + 0.6, 0.86, **look))
        color = "white" if dark > 0.75 else "black"
        font: dict[str, Any] = {"fontsize": SIZE, "family": "monospace"}
        axes.text(column, top + 0.5, plain(word), va="center", color=color, **font)
        if number in text.gold:
            ends = (column, column + len(word))
            axes.plot(ends, [top + 1.0] * 2, color=GOLD, lw=1.3, solid_capstyle="butt")
