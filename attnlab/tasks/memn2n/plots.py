"""What memory networks look at: a story with a column a hop, and what they answer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from attnlab.report.example_stats import ExampleStats
from attnlab.report.figures import WIDTH, blank, plain, styled
from attnlab.report.heatmaps import GOLD
from attnlab.report.rows import Row
from attnlab.report.task_plots import Add
from attnlab.runs import EXAMPLES, read_arrays

SHOWN = 2  # questions
LONGEST = 14  # sentences of a story that a figure can show
LINE, CELL, LETTER = 0.155, 0.21, 0.058  # inches: a sentence, a hop, a letter
WRONG = "#B2182B"


class StoryExample(NamedTuple):
    """A question, and what one model did with it. weights [K, S] of hops, sentences."""

    story: tuple[str, ...]
    facts: frozenset[int]
    question: str
    answer: str
    predicted: str
    weights: np.ndarray


def draw(found: Sequence[Row], known: Mapping[str, ExampleStats], add: Add) -> None:
    """One figure for each of SHOWN questions that all rows share, every row beside the
    others; where rows have other questions (a row a task), one figure a row."""
    examples = {row.name: of_row(row, known[row.name]) for row in found}
    examples = {name: some for name, some in examples.items() if some}
    if not examples:
        return
    same = shared(examples)
    for number, one in enumerate(same, 1):
        add(
            figure({name: some[one] for name, some in examples.items()}),
            f"answers-{number}",
            "A test question under every variant, each row's first finished seed; the "
            "orange sentences support the answer. Chosen by story and gold alone.",
        )
    if same:
        return
    for row in found:
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
    """The examples of a row's first finished run that has any with weights."""
    for run, alignments in zip(row.finished, example_stats.alignments, strict=True):
        path = run.folder / EXAMPLES
        if alignments is None or not path.exists():
            continue
        said = json.loads(read_arrays(path)["questions"].tobytes())
        found = {}
        for pair, one in zip(alignments.pairs, said, strict=True):
            if len(pair.target):
                facts = frozenset(s for _, s in pair.sure)
                texts = (one["question"], one["memn2n"], one["predicted"])
                found[pair.source, one["question"]] = StoryExample(
                    pair.source, facts, *texts, pair.weights
                )
        return found
    return {}


def shared(examples: Mapping[str, Mapping[Key, StoryExample]]) -> list[Key]:
    """SHOWN of the questions that all rows have, the first in `_chosen`'s order."""
    first, *others = examples.values()
    both = {key: one for key, one in first.items() if all(key in o for o in others)}
    return _chosen(both)[:SHOWN]


def _chosen(examples: Mapping[Key, StoryExample]) -> list[Key]:
    """Questions with the most facts first, then those with the longest story that fits;
    longer stories last."""

    def rank(key: Key):
        one = examples[key]
        fits = len(one.story) <= LONGEST
        size = len(one.story)
        return not fits, -len(one.facts) if fits else size, -size

    return sorted(examples, key=rank)


@styled
def figure(examples: Mapping[str, StoryExample]) -> Any:
    """One question under several models: a block of hops each, dark = weight 1.

    The answers stand below, a wrong one in red; facts are marked.
    """
    first = next(iter(examples.values()))
    told = LETTER * max(map(len, (*first.story, first.question + "? ")))
    places = _places([len(one.weights) for one in examples.values()], told)
    lines = 1 + places[-1][0]
    tall = LINE * len(first.story)
    head, foot = 0.075 + LETTER * max(map(len, examples)) * 0.6, 2.6 * LINE
    whole = head + tall + foot
    wide = max(left + CELL * len(one.weights) for (_, left), one in
               zip(places, examples.values(), strict=True))  # fmt: skip
    page = blank(wide, lines * whole)

    def axes_at(line: int, left: float, width: float) -> Any:
        low = (lines - 1 - line) * whole + foot
        box = (left / wide, low / (lines * whole), width / wide, tall / (lines * whole))
        axes = page.add_axes(box)
        axes.set_axis_off()
        axes.set_ylim(len(first.story), 0)
        return axes

    for line in range(lines):
        _tell(axes_at(line, 0.0, told), first)
    image = None
    for (line, left), (name, one) in zip(places, examples.items(), strict=True):
        image = _block(axes_at(line, left, CELL * len(one.weights)), name, one)
    box = page.axes[-1].get_position()
    bar = page.add_axes((box.x1 + 0.1 / wide, box.y0, 0.08 / wide, box.height * 0.6))
    page.colorbar(image, cax=bar, ticks=[0, 0.5, 1])
    bar.tick_params(labelsize=6.5, length=2, pad=2)
    bar.set_title("weight", fontsize=6.5, pad=4, loc="left")
    return page


def _places(hops: Sequence[int], told: float) -> list[tuple[int, float]]:
    """(line, left edge in inches) of every block, beside a story `told` wide."""
    places, line, left = [], 0, told
    for count in hops:
        width = CELL * count + 0.22
        if left > told and left + width > WIDTH:
            line, left = line + 1, told
        places.append((line, left))
        left += width
    return places


def _tell(axes: Any, one: StoryExample) -> None:
    """The story, a sentence a line, its facts in orange, and the question below."""
    axes.set_xlim(0, 1)
    size = len(one.story)
    for place, sentence in enumerate(one.story):
        gold = place in one.facts
        look = {"color": GOLD, "fontweight": "bold"} if gold else {"color": "#222222"}
        text = plain(sentence)
        axes.text(0, place + 0.5, text, va="center", fontsize=7, **look)
    axes.text(0, size + 0.8, plain(f"{one.question}?"), va="center", fontsize=7)
    gold = plain(f"gold: {one.answer}")
    axes.text(0, size + 1.8, gold, va="center", fontsize=7, color=GOLD)


def _block(axes: Any, name: str, one: StoryExample) -> Any:
    """A column a hop, the name above, the answer below."""
    hops, size = one.weights.shape
    image = axes.imshow(
        one.weights.T,
        cmap="Blues",
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=(0, hops, size, 0),
    )
    for edge in range(hops + 1):
        axes.plot([edge, edge], [0, size], color="#BBBBBB", linewidth=0.4)
    for hop, place in np.argwhere(one.weights >= 0.095):
        weight = one.weights[hop, place]
        color = "white" if weight > 0.55 else "#222222"
        text = f"{weight:.1f}".lstrip("0") if weight < 0.95 else "1"
        axes.text(hop + 0.5, place + 0.5, text, ha="center", va="center", fontsize=5.5,
                  color=color)  # fmt: skip
    look = {"fontsize": 7, "rotation": 40, "ha": "left", "va": "bottom"}
    axes.text(hops / 2 - 0.2, -0.15, plain(name), **look)
    right = one.predicted == one.answer
    for hop in range(hops):
        axes.text(hop + 0.5, size + 0.6, f"{hop + 1}", ha="center", va="center",
                  fontsize=5.5, color="#777777")  # fmt: skip
    axes.text(hops / 2, size + 1.8, plain(one.predicted), ha="center", va="center",
              fontsize=6.5, color="#222222" if right else WRONG)  # fmt: skip
    axes.set_xlim(0, hops)
    return image
