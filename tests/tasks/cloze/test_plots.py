"""Passages with a shade a word: what is drawn, and of which questions."""

import json

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import example_stats, report, rows
from attnlab.tasks.cloze import plots
from attnlab.tasks.cloze.plots import ClozeWeights

PASSAGE = ("<script>alert(1)</script>", "&", "@entity0", '"x"', "$5", "@entity1", ".")
EVIL = ClozeWeights(
    PASSAGE,
    ("@placeholder", "<b>", "met"),
    "@entity1",
    "<i>nobody</i>",
    np.array([0.1, 0.0, 0.2, 0.1, 0.1, 0.5, 0.0]),
    frozenset({4, 5, 6}),
    {"@entity0": 'A "<b>"', "@entity1": "B&C"},
)


def test_the_heaviest_word_is_the_darkest():
    figure = plots.passages({"some $ row": EVIL})
    (axes,) = figure.axes
    shades = [patch.get_alpha() for patch in axes.patches]
    assert len(shades) == 5  # words without weight are white
    # The square root of the weight's share of full color, which is 1.0 here.
    assert max(shades) == pytest.approx(0.85 * 0.5**0.5)
    assert shades.index(max(shades)) == 4
    drawn = [text.get_text() for text in axes.texts]
    assert r"some \$ row" in drawn  # or it would be a formula
    assert [word for word in drawn if "script" in word] == [PASSAGE[0]]
    assert len(axes.lines) == 3  # underlined


def test_the_query_stands_above_the_passage_and_the_answer_beside_the_row():
    figure = plots.passages({"a": EVIL, "b": EVIL._replace(said="@entity1")})
    (axes,) = figure.axes
    drawn = [text.get_text() for text in axes.texts]
    assert drawn.count("@placeholder") == 1
    assert drawn.index("@placeholder") < drawn.index(PASSAGE[0])
    (wrong,) = (text for text in drawn if "nobody" in text)
    assert "@entity1 (B&C)" in wrong  # the right answer, with its name
    assert sum("right" in text for text in drawn) == 1


def test_uniform_weights_are_pale():
    look = EVIL._replace(
        passage=("a",) * 50, weights=np.full(50, 0.02), support=frozenset()
    )
    assert plots.darkest(look) == 0.2
    assert plots.darkest(EVIL) == 1.0  # seven words: full color is all the weight
    (axes,) = plots.passages({"uniform": look}).axes
    assert max(patch.get_alpha() for patch in axes.patches) < 0.3


def test_the_passage_is_chosen_by_its_words():
    def of(*lengths):
        return [EVIL._replace(passage=("a",) * length) for length in lengths]

    assert plots.chosen(of(8, 90, 91)) == [1, 0]
    assert plots.chosen(of(1, 9, 5, 7, 3, 9)) == [1, 5, 3, 2]
    assert plots.chosen(of(300, 200, 400)) == [1]
    assert plots.chosen(of(700, 800)) == []
    assert plots.chosen([]) == []


def write(root, row, order, count=3, looks=1):
    """A finished run of a reader."""
    folder = root / runs.slug(row) / "0"
    config = {"row": row, "slug": runs.slug(row), "order": order, "seed": 0}
    runs.write_json(folder / runs.CONFIG, config | {"version": 2, "task": "cloze"})
    runs.write_json(folder / runs.RESULT, {"accuracy": 0.5})
    rng, pairs, texts = np.random.default_rng(order), [], []
    for n in range(count):
        weights = rng.dirichlet(np.ones(4), looks)
        links = frozenset({(looks - 1, 2)})
        passage = ("@entity0", "met", "@entity1", f"{n}")
        query = ("who", "met", "@placeholder")
        target = query if looks > 1 else ("@placeholder",)
        pairs.append(runs.AlignedSentence(passage, target, weights, links, links))
        text = {"name": f"{n}", "query": query, "answer": "@entity1", "names": {}}
        texts.append(text | {"said": "@entity0"})
    if looks:
        runs.write_alignments(folder, {"test": pairs})
        text = np.frombuffer(json.dumps(texts).encode(), np.uint8)
        runs.write_arrays(folder / runs.EXAMPLES, {"questions": text})
    return folder


def test_a_sweep_of_readers_is_reported(tmp_path):
    write(tmp_path, "attentive", 0)
    write(tmp_path, "impatient", 1, looks=3)
    write(tmp_path, "deep LSTM", 2, looks=0)
    written = report.write_report(tmp_path)
    names = {path.relative_to(tmp_path / "report").as_posix() for path in written}
    passages = {name for name in names if "passage" in name and name.endswith("png")}
    assert passages == {f"figures/passage{n}.png" for n in ("", "-2", "-3")}


def test_the_last_look_is_shown(tmp_path):
    folder = write(tmp_path, "impatient", 1, looks=3)
    (row,) = rows.group(runs.find(tmp_path))
    looks = plots.looks_of(row, example_stats.read(row))
    first = runs.read_alignments(folder)["test"][0]
    np.testing.assert_array_equal(looks[0].weights, first.weights[2])
    assert looks[0].query == ("who", "met", "@placeholder")
    assert looks[0].support == {2}
