"""Draw the five choices that an attention is made of: docs/figures/axes.png.

    python docs/tutorial/axes_figure.py

The names are those of the library, so that a new score is in the next picture.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attnlab.attention import MONOTONIC, NORMALIZERS, READS, SCORES, WINDOWS
from attnlab.estimators import RULES

FIGURE = Path(__file__).resolve().parents[1] / "figures" / "axes.png"
WIDTH, GAP, HEIGHT = 1.75, 0.32, 2.5  # of a box and between boxes, in inches
AXES = {  # name -> (the question, the choices, color)
    "score": ("how well does a query\nmatch a key?", [*SCORES, "none"], "#0072B2"),
    "window": ("which positions may\nbe looked at?", [*WINDOWS], "#009E73"),
    "normalizer": (
        "how do scores\nbecome weights?",
        [*NORMALIZERS, *MONOTONIC],
        "#B07AA1",
    ),
    "read": ("what is taken at\nthose weights?", [*READS], "#D55E00"),
    "learning": ("how does a hard\nread learn?", [*RULES], "#555555"),
}
BETWEEN = ("scores", "scores", "weights", "context")  # what goes from box to box


def box(axes: Axes, left: float, name: str) -> None:
    """Draw one choice: its name, its question, and what there is to choose."""
    question, choices, color = AXES[name]
    frame = Rectangle((left, 0), WIDTH, HEIGHT, facecolor="white", edgecolor=color)
    frame.set_linewidth(1.6)
    axes.add_patch(frame)
    axes.add_patch(Rectangle((left, HEIGHT - 0.36), WIDTH, 0.36, facecolor=color))
    middle = left + WIDTH / 2
    title = axes.text(middle, HEIGHT - 0.18, name, color="white", weight="bold")
    asked = axes.text(middle, HEIGHT - 0.62, question, fontsize=8, style="italic")
    for text in (title, asked):
        text.set(ha="center", va="center")
    lines = "\n".join(choices)
    axes.text(middle, HEIGHT - 0.9, lines, fontsize=8, ha="center", va="top")


def draw() -> Figure:
    """The figure: a box an axis, and arrows with what flows between them."""
    total = len(AXES) * WIDTH + (len(AXES) - 1) * GAP
    figure = plt.figure(figsize=(total + 0.1, HEIGHT + 0.75))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-0.05, total + 0.05)
    axes.set_ylim(-0.7, HEIGHT + 0.05)
    axes.axis("off")
    for number, name in enumerate(AXES):
        left = number * (WIDTH + GAP)
        box(axes, left, name)
        if number < len(BETWEEN):
            start, end = (left + WIDTH, HEIGHT / 2), (left + WIDTH + GAP, HEIGHT / 2)
            arrow = {"arrowstyle": "-|>", "color": "black", "lw": 1.4}
            axes.annotate("", end, start, arrowprops=arrow)
        if number < len(BETWEEN):
            place = left + WIDTH + GAP / 2
            axes.text(place, -0.12, BETWEEN[number], ha="center", va="top", fontsize=8)
    example = "score = general, window = local-p, normalizer = softmax, read = soft"
    axes.text(
        total / 2,
        -0.62,
        f"One choice of each is an attention. Luong et al.'s best: {example}",
        ha="center",
        va="bottom",
        fontsize=9,
    )
    return figure


if __name__ == "__main__":
    draw().savefig(FIGURE, dpi=110, metadata={"Software": None})
