"""Figures of captions: pictures, and where each word of a caption looked.

A panel a word, as in Xu et al. 2015, Figs. 2 to 5: the weights of the grid's cells are
brought up to the picture's size, smoothed, and light it up where they are large.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from attnlab import runs
from attnlab.report.example_stats import ExampleStats
from attnlab.report.figures import WIDTH, blank, plain, styled
from attnlab.report.heatmaps import GOLD
from attnlab.report.rows import Row
from attnlab.report.task_plots import Add

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURES = 3  # in each row's own figure
COMPARED = 2  # pictures drawn under every row
DARK = 0.22  # what is left of a picture where no weight is
SIDE = 180  # pixels a picture is brought up to


class CaptionExample(NamedTuple):
    """A test picture with its generated caption.

    picture: [H, W, 3 or 1] uint8, or None where there are only features.
    weights: [T, rows, columns] of each word.
    reads: the same of one draw, or None where the read is soft.
    """

    name: str
    words: tuple[str, ...]
    picture: np.ndarray | None
    weights: np.ndarray
    reads: np.ndarray | None


def draw(
    rows: Sequence[Row], example_stats: Mapping[str, ExampleStats], add: Add
) -> None:
    """Every figure that the runs so far allow.

    Args:
      rows: of the sweep.
      example_stats: by the row's name; not needed.
      add: takes a figure, its file name and its caption.
    """
    del example_stats  # pictures are in the run folders alone
    examples = [(row, some) for row in rows if (some := of_row(row))]
    for number in range(COMPARED):
        # Titles are the rows' names, in the order of the sweep.
        lines = {}
        for row, some in examples:
            spread = _spread(some, COMPARED)
            if number < len(spread) and _same(spread[number], lines):
                lines[row.name] = spread[number]
        if len(lines) > 1:
            add(
                panels(lines),
                f"captions-{number + 1}",
                "One test picture under every variant, each row's first finished seed: "
                "the caption it says, and where each word looked.",
            )
    for row, some in examples:
        drawn = some[0].reads is not None
        add(
            panels({example.name: example for example in _spread(some, PICTURES)}),
            f"captions-{row.slug}",
            f"{row.name}: test pictures, spread evenly over the test set, the captions "
            "said and where each word looked, its largest weight brightest"
            f"{'; the frame is what a pass that samples read there' if drawn else ''}.",
        )


def _same(example: CaptionExample, lines: Mapping[str, CaptionExample]) -> bool:
    """Whether it shows the picture of the lines before; rows may have other data."""
    if not lines:
        return True
    first = next(iter(lines.values()))
    if example.picture is None or first.picture is None:
        return example.name == first.name and example.picture is first.picture
    return example.name == first.name and np.array_equal(example.picture, first.picture)


def of_row(row: Row) -> list[CaptionExample]:
    """The examples of a row's first finished run that has any.

    Args:
      row: of the sweep.

    Returns:
      The examples, or [].
    """
    for run in row.finished:
        if (run.folder / runs.EXAMPLES).exists():
            return read_examples(run.folder)
    return []


def read_examples(folder: str | Path) -> list[CaptionExample]:
    """The examples of a run (`attnlab.tasks.captioning.pointing.write_examples`).

    Args:
      folder: the run's.

    Returns:
      Its examples.

    Raises:
      ValueError: where the file is damaged.
    """
    path = Path(folder) / runs.EXAMPLES
    arrays = runs.read_arrays(path)
    try:
        captions = json.loads(arrays["captions"].tobytes().decode())
        return [
            CaptionExample(
                name,
                tuple(words),
                arrays.get(f"pictures/{n}"),
                arrays[f"weights/{n}"],
                arrays.get(f"reads/{n}"),
            )
            for n, (name, words) in enumerate(
                zip(captions["names"], captions["words"], strict=True)
            )
        ]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


@styled
def panels(lines: Mapping[str, CaptionExample], *, columns: int = 10) -> "Figure":
    """For each example its picture under its title, then a panel a word.

    Args:
      lines: the examples by their titles.
      columns: panels side by side, at most; a longer caption goes on below.

    Returns:
      A matplotlib figure.

    Raises:
      ValueError: where there is no example.
    """
    if not lines:
        raise ValueError("there is no picture to draw")
    wide = min(columns, 1 + max(len(example.words) for example in lines.values()))
    deep = [math.ceil(len(e.words) / max(wide - 1, 1)) or 1 for e in lines.values()]
    side, gap, head = (WIDTH - 0.05 * (wide - 1)) / wide, 0.05, 0.16
    # Inches: short captions do not make huge pictures.
    side = min(side, 1.3)
    title = 0.3
    height = sum(title + rows * (side + head) for rows in deep)
    width = wide * side + (wide - 1) * gap
    figure = blank(width, height)
    top = 0.0

    def axes_at(column: int, line: int):
        left = column * (side + gap)
        down = top + title + line * (side + head) + head
        box = (left / width, 1 - (down + side) / height, side / width, side / height)
        axes = figure.add_axes(box)
        axes.set_axis_off()
        return axes

    for (name, example), rows in zip(lines.items(), deep, strict=True):
        words = " ".join(example.words) or "(says nothing)"
        text = plain(f"{name}:  {words}" if name else words)
        place = (0, 1 - (top + 0.1) / height)
        figure.text(*place, text, fontsize=7.5, va="top", weight="bold")
        axes = axes_at(0, 0)
        _show(axes, picture_of(example))
        _frame(axes, np.ones((1, 1)), "#AAAAAA")
        for t, word in enumerate(example.words):
            line, column = divmod(t, max(wide - 1, 1))
            axes = axes_at(column + 1, line)
            _show(axes, lit(picture_of(example), example.weights[t]))
            axes.set_title(plain(word), fontsize=7.5, pad=2)
            if example.reads is not None:
                _frame(axes, example.reads[t], GOLD)
        top += title + rows * (side + head)
    return figure


def picture_of(example: CaptionExample) -> np.ndarray:
    """The picture of an example as it is drawn.

    Args:
      example: the example.

    Returns:
      RGB [SIDE, SIDE, 3] in [0, 1]; light gray where there are only features.
    """
    if example.picture is None:
        return np.full((SIDE, SIDE, 3), 0.85)
    picture = np.asarray(example.picture, float) / 255
    picture = np.broadcast_to(picture, (*picture.shape[:2], 3))  # gray as three colors
    order = 0 if picture.shape[0] < 48 else 1  # pixels stay pixels in small pictures
    zoom = (SIDE / picture.shape[0], SIDE / picture.shape[1], 1)
    large = ndimage.zoom(picture, zoom, order=order, grid_mode=True, mode="nearest")
    return np.clip(np.asarray(large), 0.0, 1.0)


def lit(picture: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A picture that is as bright as the smoothed weights are large.

    Args:
      picture: RGB [H, W, 3] in [0, 1].
      weights: [rows, columns] of its cells.

    Returns:
      RGB [H, W, 3]: brightest at the largest weight, dark all over where nothing is
      looked at.
    """
    rows, columns = weights.shape
    sides = picture.shape[0] / rows, picture.shape[1] / columns
    # Rounded up and cut, as a picture's side need not be a multiple of the grid's.
    large = np.kron(weights, np.ones((math.ceil(sides[0]), math.ceil(sides[1]))))
    large = large[: picture.shape[0], : picture.shape[1]]
    # As the paper's figures do; a third of a cell keeps neighbors apart.
    smooth = ndimage.gaussian_filter(large, [0.35 * side for side in sides])
    # No weight at all is dark, not a division by zero.
    light = smooth / max(float(smooth.max()), 1e-12)
    return picture * (DARK + (1 - DARK) * light[..., None])


def _show(axes: "Axes", picture: np.ndarray) -> None:
    axes.imshow(picture, extent=(0, 1, 1, 0), interpolation="nearest")


def _frame(axes: "Axes", reads: np.ndarray, color: str) -> None:
    """The frame of the cell that was read; none where it is no single one."""
    from matplotlib.patches import Rectangle

    rows, columns = reads.shape
    # A soft read, or one that was drawn nowhere.
    if reads.max() < 0.999:
        return
    row, column = divmod(int(reads.argmax()), columns)
    place = (column / columns, row / rows)
    axes.add_patch(Rectangle(place, 1 / columns, 1 / rows, fc="none", ec=color, lw=0.9))


def _spread(examples: Sequence[CaptionExample], count: int) -> list[CaptionExample]:
    """`count` of the examples, evenly spread; all if there are no more."""
    places = np.linspace(0, len(examples) - 1, min(count, len(examples)))
    return [examples[n] for n in np.unique(places.round().astype(int))]
