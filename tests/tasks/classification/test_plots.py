"""Sentences shaded by weight: layout, choice, and that they are drawn."""

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import example_stats, figures, rows
from attnlab.report.shaded import COLUMNS, ShadedText, lines, shade, shaded
from attnlab.tasks.classification.plots import Classified, chosen, draw

WORDS = "the plot hardly ever boring with a reportedly superb score".split()


def test_words_are_broken_into_lines():
    broken = lines(["ab", "cde", "f", "ghijklmnop", "q"], columns=8)
    assert broken == [
        [(0, 0, "ab"), (3, 1, "cde"), (7, 2, "f")],
        [(0, 3, "ghijklmnop")],
        [(0, 4, "q")],
    ]
    assert lines([]) == [[]]


def test_shades_rise_with_the_root_of_the_weight():
    assert shade(0.0, 0.5) == 0.0
    assert shade(0.125, 0.5) == pytest.approx(0.5)
    assert shade(0.5, 0.5) == 1.0


def test_a_text_is_drawn_word_by_word(tmp_path):
    weights = np.zeros(10)
    weights[[2, 4]] = 0.75, 0.25
    texts = [
        ShadedText("attention", WORDS, weights, frozenset({2, 4}), "positive (0.99)"),
        ShadedText("none", WORDS * 4, np.zeros(40)),
    ]
    figure = shaded(texts)
    (axes,) = figure.axes
    drawn = [text.get_text() for text in axes.texts]
    assert [word for word in drawn if word in WORDS] == WORDS * 5
    assert {"attention", "none", "positive (0.99)"} <= set(drawn)
    boxes = sorted(patch.get_alpha() for patch in axes.patches)
    assert boxes == pytest.approx([0.85 * (1 / 3) ** 0.5, 0.85])
    assert len(axes.lines) == 2  # the evidence is underlined
    widest = max(line.get_xdata()[1] for line in axes.lines)
    assert widest <= COLUMNS
    paths = figures.save(figure, tmp_path / "text")
    assert all(path.stat().st_size > 1_000 for path in paths)


def made(words, gold=()):
    zeros = np.zeros(len(words))
    return Classified(words, "a", "a", 1.0, zeros, frozenset(gold))


def test_sentences_are_chosen_by_evidence_then_length():
    some = [
        made(("w",) * 70, {1, 2, 3}),  # too long
        made(("w",) * 9, {1}),
        made(("w",) * 20),
        made(("w",) * 8, {1, 2}),
        made(()),
        made(("w",) * 30),
    ]
    assert chosen(some, 4) == [3, 1, 5, 2]
    assert chosen([made(("w",) * n) for n in (90, 70, 80)], 2) == [1, 2]


def write_run(root, name, order, weights, words=WORDS):
    folder = root / runs.slug(name) / "0"
    config = {"task": "classification", "row": name, "seed": 0, "order": order}
    runs.write_json(folder / runs.CONFIG, config)
    links = frozenset({(0, 2), (0, 4)})
    pair = runs.AlignedSentence(tuple(words), ("positive",), weights, links, links)
    runs.write_alignments(folder, {"test": [pair] * 7})
    classes = np.frombuffer(b"negative\npositive", np.uint8)
    shares = np.tile([0.25, 0.75], (7, 1))
    arrays = {"classes": classes, "probabilities": shares}
    runs.write_arrays(folder / runs.EXAMPLES, arrays)
    runs.write_json(folder / runs.RESULT, {"row": name, "accuracy": 1.0})


def test_every_figure_is_drawn_from_run_folders(tmp_path):
    write_run(tmp_path, "last", 0, np.zeros((1, 10)))
    write_run(tmp_path, "attention", 1, np.full((1, 10), 0.1))
    read_rows = rows.group(runs.find(tmp_path))
    stats = {row.name: example_stats.read(row) for row in read_rows}
    drawn = {}
    draw(read_rows, stats, lambda figure, name, caption: drawn.update({name: caption}))
    assert list(drawn) == ["sentence-1", "sentence-2", "sentences"]
    assert drawn["sentences"].startswith("What attention looked at.")
    assert "underlined" in drawn["sentence-1"]


def test_rows_of_other_corpora_are_not_compared(tmp_path):
    write_run(tmp_path, "attention", 0, np.full((1, 10), 0.1))
    write_run(tmp_path, "other", 1, np.full((1, 10), 0.1), WORDS[::-1])
    read_rows = rows.group(runs.find(tmp_path))
    stats = {row.name: example_stats.read(row) for row in read_rows}
    drawn = {}
    draw(read_rows, stats, lambda figure, name, caption: drawn.update({name: caption}))
    assert list(drawn) == ["sentences"]


def test_nothing_is_drawn_without_sentences(tmp_path):
    write_run(tmp_path, "attention", 0, np.full((1, 10), 0.1))
    (tmp_path / "attention/0" / runs.EXAMPLES).unlink()
    read_rows = rows.group(runs.find(tmp_path))
    stats = {row.name: example_stats.read(row) for row in read_rows}
    draw(read_rows, stats, lambda *_: pytest.fail("drawn"))
