"""What a sweep of readers shows: passages with a heat color a word, the query beneath.

As pictures of one passage under every variant, and as a page with more of them.
"""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from attnlab import runs
from attnlab.report.example_stats import ExampleStats
from attnlab.report.figures import WIDTH, blank, plain, styled
from attnlab.report.heatmaps import GOLD
from attnlab.report.rows import Row
from attnlab.report.task_plots import Add

HEAT = (0.84, 0.19, 0.15)  # of a heavy weight; white is none
HEAVY = 10  # times an equal share is dark, so that uniform weights are pale
QUESTIONS = 10  # shown on the page, the first of the test set
SHORT, LONG = 90, 600  # words of a passage shown under all variants at once; or at all
SIZE = 6.6  # points
COLUMN, LINE = SIZE * 0.602 / 72, SIZE * 1.75 / 72  # inches of a letter, of a line
COLUMNS = int(WIDTH / COLUMN)


class ClozeWeights(NamedTuple):
    """A passage as one reader saw it: weights [S], of its last look.

    support: positions of the sentence that tells the answer, where it is known.
    """

    passage: tuple[str, ...]
    query: tuple[str, ...]
    answer: str
    said: str
    weights: np.ndarray
    support: frozenset[int] = frozenset()
    names: Mapping[str, str] = {}  # of entities, where they are known


def draw(found: Sequence[Row], known: Mapping[str, ExampleStats], add: Add) -> None:
    """Every figure that the runs so far allow, of each row's first finished seed."""
    looks = {row.name: looks_of(row, known[row.name]) for row in found}
    looks = {name: some for name, some in looks.items() if some}
    if not looks:
        return
    slugs = {row.name: row.slug for row in found}
    first = next(iter(looks.values()))
    shared = [
        n
        for n, look in enumerate(first)
        if all(same(look, some[n : n + 1]) for some in looks.values())
    ]
    at = chosen([first[n] for n in shared])
    if at is None:
        return
    shown = {name: some[shared[at]] for name, some in looks.items()}
    told = "The darker a word, the heavier its weight in the reader's last look"
    gold = ""
    if first[shared[at]].support:
        gold = "; the sentence that tells the answer is underlined"
    if len(first[shared[at]].passage) <= SHORT:
        caption = f"One passage under every variant. {told}{gold}."
        add(passages(shown), "passage", caption)
    else:
        for name, look in shown.items():
            caption = f"What {name} looked at. {told}{gold}."
            add(passages({name: look}), f"passage-{slugs[name]}", caption)
    few = shared[:QUESTIONS]
    several = {name: [some[n] for n in few] for name, some in looks.items()}
    add(page(several), "passages", f"{len(few)} passages with a heat color a word.")


def looks_of(row: Row, example_stats: ExampleStats) -> list[ClozeWeights]:
    """The test questions of the row's first finished seed, [] if it does not look."""
    for run, aligned in zip(row.finished, example_stats.alignments, strict=True):
        path = run.folder / runs.EXAMPLES
        if aligned is None or not path.exists():
            continue
        said = json.loads(runs.read_arrays(path)["questions"].tobytes())
        if len(said) == len(aligned.pairs):
            return [_look(*pair) for pair in zip(aligned.pairs, said, strict=True)]
    return []


def _look(pair: runs.AlignedSentence, said: Mapping[str, Any]) -> ClozeWeights:
    return ClozeWeights(
        pair.source,
        tuple(said["query"]),
        said["memn2n"],
        said["said"],
        np.asarray(pair.weights)[-1],
        frozenset(s for _, s in pair.possible),
        said["names"],
    )


def darkest(look: ClozeWeights) -> float:
    """The weight of full color: the heaviest, or HEAVY times an equal share."""
    return max(float(look.weights.max()), HEAVY / max(len(look.passage), HEAVY))


def same(look: ClozeWeights, others: Sequence[ClozeWeights]) -> bool:
    """Is there one other, of the same passage and query?"""
    return [(other.passage, other.query) for other in others] == [
        (look.passage, look.query)
    ]


def chosen(looks: Sequence[ClozeWeights]) -> int | None:
    """The question to draw, by its words alone: the longest passage of SHORT words.

    Where all are longer the shortest; None where that has more than LONG words.
    """
    lengths = [len(look.passage) for look in looks]
    short = [n for n, length in enumerate(lengths) if length <= SHORT]
    if short:
        return max(short, key=lambda n: lengths[n])
    if not lengths or min(lengths) > LONG:
        return None
    return int(np.argmin(lengths))


@styled
def passages(looks: Mapping[str, ClozeWeights]) -> Any:
    """The passage under each variant, {title: look}, with query and answer below.

    Colors run from white to the weight of `darkest`; an underlined sentence tells the
    answer.
    """
    blocks = {title: _lines(look.passage) for title, look in looks.items()}
    extra = {title: _lines(_question(look)) for title, look in looks.items()}
    count = sum(len(blocks[title]) + len(extra[title]) + 1.9 for title in looks)
    figure = blank(COLUMNS * COLUMN, count * LINE)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, COLUMNS)
    axes.set_ylim(count, 0)
    axes.axis("off")
    top = 0.0
    for title, look in looks.items():
        bold: dict[str, Any] = {"fontsize": SIZE + 1, "va": "center"}
        axes.text(0, top + 0.5, plain(title), weight="bold", **bold)
        top += 1.15
        top = _passage(axes, look, blocks[title], top)
        for line in extra[title]:
            for column, _, word in line:
                _word(axes, column, top, word, color="#555555")
            top += 1
        top += 0.75
    return figure


Line = list[tuple[int, int, str]]  # (column, which word, the word) of each


def _lines(words: Sequence[str]) -> list[Line]:
    """Words broken into lines of COLUMNS letters."""
    lines: list[Line] = [[]]
    column = 0
    for number, word in enumerate(words):
        if column and column + len(word) > COLUMNS:
            lines.append([])
            column = 0
        lines[-1].append((column, number, word))
        column += len(word) + 1
    return lines


def _question(look: ClozeWeights) -> list[str]:
    verdict = "right" if look.said == look.answer else f"wrong: {look.answer}"
    return ["→", *look.query, "—", look.said or "no entity", f"({verdict})"]


def _passage(axes: Any, look: ClozeWeights, lines: Sequence[Line], top: float) -> float:
    from matplotlib.patches import Rectangle

    dark = darkest(look)
    for line in lines:
        for column, number, word in line:
            share = float(look.weights[number]) / dark
            if share > 0.01:
                box = (column - 0.3, top + 0.06), len(word) + 0.6, 0.88
                axes.add_patch(
                    Rectangle(*box, facecolor=HEAT, alpha=0.85 * share, linewidth=0)
                )
            _word(axes, column, top, word, "white" if share > 0.7 else "black")
            if number in look.support:
                # to the next word, where that is underlined too and on this line
                more = number + 1 in look.support and line[-1][1] != number
                ends = column, column + len(word) + more
                axes.plot(ends, [top + 0.98] * 2, color=GOLD, linewidth=1)
        top += 1
    return top


def _word(axes: Any, column: float, top: float, word: str, color: str) -> None:
    look: dict[str, Any] = {"va": "center", "fontsize": SIZE, "family": "monospace"}
    axes.text(column, top + 0.52, plain(word), color=color, **look)


STYLE = """
body { font: 15px/1.7 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
h2 { font-size: 1.05em; margin: 2.5em 0 0; }
h3 { font-size: 0.9em; margin: 1em 0 0; }
p { margin: 0.2em 0; }
mark { color: inherit; border-radius: 3px; padding: 0 2px; }
u { text-decoration: underline 2px #F07D13; text-underline-offset: 3px; }
.query { color: #555; }
"""


def page(looks: Mapping[str, Sequence[ClozeWeights]]) -> str:
    """A page of HTML without scripts: each question under every variant, {row: looks}.

    All text of the questions is escaped. A word's weight shows when the pointer is on
    it.
    """
    body = []
    for number, versions in enumerate(zip(*looks.values(), strict=True), 1):
        first = versions[0]
        query = html.escape(" ".join(first.query))
        names = first.names.get(first.answer, "")
        answer = html.escape(first.answer + (f" ({names})" if names else ""))
        body.append(f"<h2>{number}. {query}</h2>\n<p class=query>answer: {answer}</p>")
        for row, look in zip(looks, versions, strict=True):
            verdict = "right" if look.said == look.answer else "wrong"
            said = html.escape(look.said or "no entity")
            title = f"{html.escape(row)}: {said}, {verdict}"
            body.append(f"<h3>{title}</h3>\n<p>{_marked(look)}</p>")
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>Where the readers looked</title>\n<style>{STYLE}</style>\n"
        "<h1>Where the readers looked</h1>\n"
        "<p>The darker a word, the heavier its weight in the last look. Underlined: "
        "the sentence that tells the answer, where it is known.</p>\n"
        + "\n".join(body)
        + "\n</html>\n"
    )


def _marked(look: ClozeWeights) -> str:
    dark = darkest(look)
    red, green, blue = (round(255 * part) for part in HEAT)
    words = []
    for number, word in enumerate(look.passage):
        shown, weight = html.escape(word), float(look.weights[number])
        if number in look.support:
            shown = f"<u>{shown}</u>"
        name = look.names.get(word, "")
        about = html.escape(" ".join([f"{weight:.3f}", name]).strip())
        if weight > 0.01 * dark:
            color = f"rgba({red},{green},{blue},{0.85 * weight / dark:.2f})"
            style = f' style="background:{color}"'
            shown = f'<mark{style} title="{about}">{shown}</mark>'
        elif name:
            shown = f'<span title="{about}">{shown}</span>'
        words.append(shown)
    return " ".join(words)
