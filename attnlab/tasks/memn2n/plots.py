"""What memory networks look at: a story with a column a hop, and what they answer."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attnlab.report.example_stats import ExampleStats
from attnlab.report.figures import WIDTH, blank, plain, styled
from attnlab.report.heatmaps import GOLD
from attnlab.report.rows import Row
from attnlab.report.task_plots import Add
from attnlab.runs import EXAMPLES, read_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SHOWN = 2  # questions
LONGEST = 14  # sentences of a story that a figure can show
LINE, CELL, LETTER = 0.155, 0.21, 0.058  # inches: a sentence, a hop, a letter
WRONG = "#B2182B"


class StoryExample(NamedTuple):
    """A question, and what one model did with it.

    Attributes:
      story: its sentences, n.
      facts: those that support the answer.
      question: what was asked.
      answer: the right one; "" where it is not known.
      predicted: the model's.
      weights: [K, n], of each hop over the sentences.
    """

    story: tuple[str, ...]
    facts: frozenset[int]
    question: str
    answer: str
    predicted: str
    weights: np.ndarray


def draw(
    rows: Sequence[Row], example_stats: Mapping[str, ExampleStats], add: Add
) -> None:
    """Draws questions with what each hop looked at.

    One figure for each of SHOWN questions that all rows share, every row beside the
    others; where rows have other questions (a row a task), one figure a row.

    Args:
      rows: of the task.
      example_stats: what the runs did with each example, by the row's name.
      add: takes a figure, its file name and its caption.
    """
    examples = {row.name: of_row(row, example_stats[row.name]) for row in rows}
    examples = {name: some for name, some in examples.items() if some}
    if not examples:
        return
    same = shared(examples)
    for number, key in enumerate(same, 1):
        add(
            figure({name: some[key] for name, some in examples.items()}),
            f"answers-{number}",
            "A test question under every variant, each row's first finished seed; the "
            "orange sentences support the answer. Chosen by story and gold alone.",
        )
    if same:
        return
    for row in rows:
        if row.name in examples:
            best = _chosen(examples[row.name])[0]
            add(
                figure({row.name: examples[row.name][best]}),
                f"answer-{row.slug}",
                f"A test question of {row.name}; the orange sentences support the "
                "answer. Chosen by story and gold alone.",
            )


Key = tuple[tuple[str, ...], str]  # a story and a question


def of_row(row: Row, example_stats: ExampleStats) -> dict[Key, StoryExample]:
    """The examples of a row's first finished run that has any with weights.

    Args:
      row: of the task.
      example_stats: of the row.

    Returns:
      The examples by story and question; {} where there are none.
    """
    for run, alignments in zip(row.finished, example_stats.alignments, strict=True):
        path = run.folder / EXAMPLES
        if alignments is None or not path.exists():
            continue
        records = json.loads(read_arrays(path)["questions"].tobytes())
        examples = {}
        for pair, record in zip(alignments.pairs, records, strict=True):
            if len(pair.target):
                facts = frozenset(s for _, s in pair.sure)
                texts = (record["question"], record["answer"], record["predicted"])
                examples[pair.source, record["question"]] = StoryExample(
                    pair.source, facts, *texts, pair.weights
                )
        return examples
    return {}


def shared(examples: Mapping[str, Mapping[Key, StoryExample]]) -> list[Key]:
    """The questions that are drawn of all rows, chosen by story and gold alone.

    Args:
      examples: of each row, by story and question.

    Returns:
      SHOWN of those that all rows have.
    """
    first, *others = examples.values()
    common = {
        key: example
        for key, example in first.items()
        if all(key in other for other in others)
    }
    return _chosen(common)[:SHOWN]


def _chosen(examples: Mapping[Key, StoryExample]) -> list[Key]:
    """Questions with the most facts first, then those with the longest story that fits;
    longer stories last."""

    def rank(key: Key):
        example = examples[key]
        size = len(example.story)
        fits = size <= LONGEST
        return not fits, -len(example.facts) if fits else size, -size

    return sorted(examples, key=rank)


@styled
def figure(examples: Mapping[str, StoryExample]) -> "Figure":
    """One question under several models: a block of hops each, dark = weight 1.

    The answers stand below, a wrong one in red; facts are marked.

    Args:
      examples: the same question under each model, by the model's name.

    Returns:
      The figure.
    """
    first = next(iter(examples.values()))
    text = LETTER * max(map(len, (*first.story, first.question + "? ")))
    places = _places([len(example.weights) for example in examples.values()], text)
    lines = 1 + places[-1][0]
    tall = LINE * len(first.story)
    head, foot = 0.075 + LETTER * max(map(len, examples)) * 0.6, 2.6 * LINE
    whole = head + tall + foot
    blocks = list(zip(places, examples.items(), strict=True))
    wide = max(left + CELL * len(example.weights) for (_, left), (_, example) in blocks)
    page = blank(wide, lines * whole)

    def axes_at(line: int, left: float, width: float) -> "Axes":
        low = (lines - 1 - line) * whole + foot
        box = (left / wide, low / (lines * whole), width / wide, tall / (lines * whole))
        axes = page.add_axes(box)
        axes.set_axis_off()
        axes.set_ylim(len(first.story), 0)
        return axes

    for line in range(lines):
        _write_story(axes_at(line, 0.0, text), first)
    images = [
        _block(axes_at(line, left, CELL * len(example.weights)), name, example)
        for (line, left), (name, example) in blocks
    ]
    box = page.axes[-1].get_position()
    bar = page.add_axes((box.x1 + 0.1 / wide, box.y0, 0.08 / wide, box.height * 0.6))
    page.colorbar(images[-1], cax=bar, ticks=[0, 0.5, 1])
    bar.tick_params(labelsize=6.5, length=2, pad=2)
    bar.set_title("weight", fontsize=6.5, pad=4, loc="left")
    return page


def _places(hops: Sequence[int], text: float) -> list[tuple[int, float]]:
    """(line, left edge in inches) of every block, beside a story `text` wide."""
    places, line, left = [], 0, text
    for count in hops:
        width = CELL * count + 0.22
        if left > text and left + width > WIDTH:
            line, left = line + 1, text
        places.append((line, left))
        left += width
    return places


def _write_story(axes: "Axes", example: StoryExample) -> None:
    """The story, a sentence a line, its facts in orange, and the question below."""
    axes.set_xlim(0, 1)
    size = len(example.story)
    for place, sentence in enumerate(example.story):
        gold = place in example.facts
        look: dict[str, Any] = (
            {"color": GOLD, "fontweight": "bold"} if gold else {"color": "#222222"}
        )
        text = plain(sentence)
        axes.text(0, place + 0.5, text, va="center", fontsize=7, **look)
    axes.text(0, size + 0.8, plain(f"{example.question}?"), va="center", fontsize=7)
    if example.answer:
        gold = plain(f"gold: {example.answer}")
        axes.text(0, size + 1.8, gold, va="center", fontsize=7, color=GOLD)


def _block(axes: "Axes", name: str, example: StoryExample) -> "AxesImage":
    """A column a hop, the name above, the answer below."""
    hops, size = example.weights.shape
    image = axes.imshow(
        example.weights.T,
        cmap="Blues",
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=(0, hops, size, 0),
    )
    for edge in range(hops + 1):
        axes.plot([edge, edge], [0, size], color="#BBBBBB", linewidth=0.4)
    for hop, place in np.argwhere(example.weights >= 0.095):
        weight = example.weights[hop, place]
        color = "white" if weight > 0.55 else "#222222"
        text = f"{weight:.1f}".lstrip("0") if weight < 0.95 else "1"
        axes.text(hop + 0.5, place + 0.5, text, ha="center", va="center", fontsize=5.5,
                  color=color)  # fmt: skip
    look: dict[str, Any] = {"fontsize": 7, "rotation": 40, "ha": "left", "va": "bottom"}
    axes.text(hops / 2 - 0.2, -0.15, plain(name), **look)
    right = example.predicted == example.answer or not example.answer
    for hop in range(hops):
        axes.text(hop + 0.5, size + 0.6, f"{hop + 1}", ha="center", va="center",
                  fontsize=5.5, color="#6A6A6A")  # fmt: skip
    axes.text(hops / 2, size + 1.8, plain(example.predicted), ha="center", va="center",
              fontsize=6.5, color="#222222" if right else WRONG)  # fmt: skip
    axes.set_xlim(0, hops)
    return image
