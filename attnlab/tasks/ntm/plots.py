"""What a sweep of the algorithmic tasks shows: learning, generalization, memory use."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attnlab import runs
from attnlab.report import meanings
from attnlab.report.example_stats import ExampleStats
from attnlab.report.figures import (
    WIDTH,
    Bins,
    Series,
    band,
    blank,
    look_of,
    plain,
    row_legend,
    styled,
)
from attnlab.report.rows import Row
from attnlab.report.task_plots import Add
from attnlab.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR = 1e-4  # bits; curves do not go below
LONGEST = 110  # steps that a picture of a sequence can show
MARGIN = 2  # unused slots shown around those that are used
USED = 0.05  # weight that makes a slot one
TALLEST = 1.9  # inches of a picture of weights


def draw(
    rows: Sequence[Row], example_stats: Mapping[str, ExampleStats], add: Add
) -> None:
    """Draws the figures that the runs so far allow.

    Args:
      rows: of the task.
      example_stats: what the runs did with each example, by the row's name.
      add: takes a figure, its file name and its caption.
    """
    del example_stats  # the figures are of single sequences, and of result.json
    names = [row.name for row in rows]
    curves = by_sequences(rows)
    if curves:
        add(
            bits_by_sequences(curves, rows=names),
            "bits-by-sequences",
            "Bits a sequence of the development set by sequences seen; "
            f"{meanings.RANGE}.",
        )
    sizes = by_size(rows)
    if sizes is not None:
        add(
            bits_by_size(sizes, rows=names),
            "bits-by-size",
            "Bits an item of new sequences by their size, on a logarithmic axis; "
            f"{meanings.BAND}.",
        )
    for row in rows:
        for size, arrays in pictured(row):
            add(
                sequence(arrays),
                f"sequence-{size}-{row.slug}",
                f"{row.name}, size {size}: inputs, targets, outputs and where its "
                "heads wrote and read, step by step. Slots run down, round the end "
                "of the memory to its start; those that no head used are left out.",
            )


def by_sequences(rows: Sequence[Row]) -> dict[str, list[Series]]:
    """Learning curves against sequences seen, which batch sizes do not change.

    Args:
      rows: of the task.

    Returns:
      {row: [(sequences seen, bits) of each seed]}, of finished runs, or where there are
      none of those so far.
    """
    curves: dict[str, list[Series]] = {}
    for row in rows:
        batch = float(str(row.setting("train.batch_size")))
        for run in row.finished or [run for run in row.runs if not run.error]:
            lines = [line for line in run.metrics("dev") if line.get("bits")]
            if lines:
                seen = [line["step"] * batch for line in lines]
                bits = [line["bits"] for line in lines]
                curves.setdefault(row.name, []).append((seen, bits))
    return curves


def by_size(rows: Sequence[Row]) -> Bins | None:
    """Bits an item by size, for the sizes that the first finished run was tested at.

    Args:
      rows: of the task.

    Returns:
      The curves; None before a run has finished.
    """
    results = {
        row.name: [(run.result or {})["bits_per_item_by_size"] for run in row.finished]
        for row in rows
        if row.finished
    }
    if not results:
        return None
    first = next(iter(results.values()))[0]
    sizes = sorted(first, key=lambda size: [int(part) for part in size.split("x")])
    values = {
        name: np.array([[bits.get(size, np.nan) for size in sizes] for bits in seeds])
        for name, seeds in results.items()
    }
    return Bins(sizes, [0] * len(sizes), values)


def pictured(row: Row) -> list[tuple[str, dict[str, np.ndarray]]]:
    """The sequences of a row that are drawn, of its first finished run.

    Args:
      row: of the task.

    Returns:
      (size, arrays) of its largest training size, and of the longest sequence that a
      picture can show.
    """
    for run in row.finished:
        examples = examples_by_size(run)
        size = str((run.result or {}).get("size"))
        if size not in examples:
            continue
        fitting = [s for s in examples if len(examples[s]["scored"]) <= LONGEST]
        longest = max(fitting, key=lambda s: len(examples[s]["scored"]), default=size)
        return [(s, examples[s]) for s in dict.fromkeys([size, longest])]
    return []


def examples_by_size(run: Run) -> dict[str, dict[str, np.ndarray]]:
    """The sequences that a run has kept.

    Args:
      run: finished.

    Returns:
      The arrays of examples.npz by size; {} without the file.
    """
    path = run.folder / runs.EXAMPLES
    by_size: dict[str, dict[str, np.ndarray]] = {}
    for key, array in runs.read_arrays(path).items() if path.exists() else ():
        size, name = key.split("/")
        by_size.setdefault(size, {})[name] = array
    return by_size


@styled
def bits_by_sequences(
    curves: Mapping[str, Sequence[Series]], *, rows: Sequence[str]
) -> "Figure":
    """Bits a sequence against sequences seen, after Graves et al. 2014, Fig. 3.

    Args:
      curves: of `by_sequences`; each is drawn as far as all seeds of its row reach.
      rows: all rows of the sweep in order.

    Returns:
      The figure.
    """
    figure = blank(WIDTH * 0.62, 2.6)
    axes = figure.add_axes((0, 0, 1, 1))
    for row, series in curves.items():
        seeds = [dict(zip(*curve, strict=True)) for curve in series]
        shared = sorted(set.intersection(*map(set, seeds)))
        table = np.array([[seed[at] for at in shared] for seed in seeds])
        look = look_of(list(rows).index(row))
        look |= {"markevery": max(1, len(shared) // 8), "markersize": 3}
        thousands = np.array(shared) / 1000
        axes.plot(thousands, table.mean(0), label=plain(row), **look)
        if len(seeds) > 1:
            low, high = table.min(0), table.max(0)
            color = {"color": look["color"], "alpha": 0.15, "lw": 0}
            axes.fill_between(thousands, low, high, **color)
    axes.set_xlabel("sequences seen (thousands)")
    axes.set_ylabel("bits per sequence")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    row_legend(axes)
    return figure


@styled
def bits_by_size(bins: Bins, *, rows: Sequence[str]) -> "Figure":
    """Bits an item by the size of the sequences, logarithmic, not below FLOOR.

    Args:
      bins: of `by_size`.
      rows: all rows of the sweep in order.

    Returns:
      The figure.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = blank(WIDTH * 0.62, 2.6)
    axes = figure.add_axes((0, 0, 1, 1))
    x = np.arange(len(bins.labels))
    for row, values in bins.values.items():
        mean, low, high = band(np.asarray(values, float))
        look = look_of(list(rows).index(row))
        axes.plot(x, np.maximum(mean, FLOOR), label=plain(row), **look)
        if len(values) > 1:
            low, high = np.maximum(low, FLOOR), np.maximum(high, FLOOR)
            axes.fill_between(x, low, high, color=look["color"], alpha=0.13, lw=0)
    axes.set_yscale("log")
    few = np.ptp(np.log10(axes.get_ylim())) < 2  # decades
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(x, bins.labels)
    axes.set_xlabel("size of the sequences")
    axes.set_ylabel("bits per item")
    row_legend(axes)
    return figure


@styled
def sequence(arrays: Mapping[str, np.ndarray]) -> "Figure":
    """One sequence, after Graves et al. 2014, Figs. 4 and 6: time runs to the right.

    Args:
      arrays: inputs [T, X], targets and outputs [T, Y], scored [T], reads [T, R, S] and
        writes [T, W, S], where R = W = 0 for a model without a memory.

    Returns:
      The figure, a panel an array.
    """
    scored = arrays["scored"][:, None]
    panels = {
        "inputs": arrays["inputs"],
        "targets": np.where(scored, arrays["targets"], np.nan),
        "outputs": np.where(scored, arrays["outputs"], np.nan),
    }
    slots = used(arrays["reads"], arrays["writes"])
    for name in ("writes", "reads"):
        heads = np.moveaxis(arrays[name], 1, 0)
        for number, weights in enumerate(heads, 1):
            which = f" {number}" if len(heads) > 1 else ""
            panels[f"{name.removesuffix('s')}{which}"] = weights[:, slots]
    steps = len(scored)
    cell = min(0.1, (WIDTH - 0.9) / steps)
    gap = 0.12
    heights = [min(cell * panel.shape[1], TALLEST) for panel in panels.values()]
    tall = sum(heights) + gap * (len(heights) - 1)
    figure, top = blank(cell * steps, tall), tall
    for (name, panel), height in zip(panels.items(), heights, strict=True):
        axes = figure.add_axes((0, (top - height) / tall, 1, height / tall))
        top -= height + gap
        _image(axes, panel.T)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=4)
        if name.startswith(("read", "write")) and panel.shape[1]:
            axes.set_yticks([0, len(slots) - 1], [slots[0], slots[-1]])
        if name == list(panels)[-1]:
            axes.tick_params(bottom=True, labelbottom=True, length=2)
            axes.set_xlabel("step")
    return figure


def used(*weights: np.ndarray) -> np.ndarray:
    """The slots, in order round the circle, without the longest run of unused ones.

    Args:
      *weights: each [T, heads, S]; a slot is used if any head ever gave it a weight of
        USED.

    Returns:
      Their numbers; all S where none is used, or where none would be left out.
    """
    slots = weights[0].shape[-1]
    largest = [part.max(axis=(0, 1)) for part in weights if part.size]
    where = np.flatnonzero(np.max(largest, axis=0) >= USED) if largest else []
    if not len(where):
        return np.arange(slots)
    gaps = np.diff(where, append=where[0] + slots)  # from a used slot to the next
    gap = int(np.argmax(gaps))
    last, first = int(where[gap]), int(where[gap] + gaps[gap]) - slots
    near = np.arange(first - MARGIN, last + MARGIN + 1)
    return near % slots if len(near) < slots else np.arange(slots)


def _image(axes: "Axes", numbers: np.ndarray) -> None:
    """White = 1 on black = 0; what is not scored is gray."""
    from matplotlib import colormaps

    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#555555")
    colors = colormaps["gray"].with_extremes(bad="#8FA3B5")
    look = {"cmap": colors, "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    axes.imshow(np.ma.masked_invalid(numbers), aspect="auto", **look)
    axes.set_yticks([])
    axes.tick_params(bottom=False, labelbottom=False, length=2)
