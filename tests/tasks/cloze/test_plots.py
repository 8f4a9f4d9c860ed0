"""Passages with a heat color a word: what is drawn, and that text stays text."""

import json
from html.parser import HTMLParser

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


class Page(HTMLParser):
    """The tags of a page, its text, and the titles of its words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.titles = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.titles += [value for name, value in attrs if name == "title"]

    def handle_data(self, data):
        self.text += data


def test_text_stays_text():
    page = Page(plots.page({"<u>row</u>": [EVIL]}))
    assert not {"script", "b", "i"} & set(page.tags)
    assert page.tags.count("mark") == 5  # words of some weight
    assert page.tags.count("u") == 3  # the sentence that tells the answer
    for said in ("<u>row</u>", "<i>nobody</i>", "<b>", *PASSAGE):
        assert said in page.text
    assert "0.500 B&C" in page.titles and '0.200 A "<b>"' in page.titles


def test_a_page_needs_nothing_else():
    text = plots.page({"a": [EVIL], "b": [EVIL]})
    assert "http" not in text and "src=" not in text and "href" not in text
    assert Page(text).tags.count("h2") == 1 and Page(text).tags.count("h3") == 2


def test_the_heaviest_word_is_the_darkest():
    figure = plots.passages({"some $ row": EVIL})
    (axes,) = figure.axes
    shades = [patch.get_alpha() for patch in axes.patches]
    assert len(shades) == 5  # words without weight are white
    assert max(shades) == pytest.approx(0.85 * 0.5) and shades.index(max(shades)) == 4
    drawn = [text.get_text() for text in axes.texts]
    assert drawn[0] == r"some \$ row"  # or it would be a formula
    assert [word for word in drawn if "script" in word] == [PASSAGE[0]]
    assert len(axes.lines) == 3  # underlined


def test_uniform_weights_are_pale():
    look = EVIL._replace(passage=("a",) * 50, weights=np.full(50, 0.02))
    assert plots.darkest(look) == 0.2
    assert plots.darkest(EVIL) == 1.0  # seven words: full color is all the weight


def test_lines_are_broken_between_words():
    words = ["x" * 50] * 5 + ["y" * 200, "z"]
    lines = plots._lines(words)
    assert [len(line) for line in lines] == [2, 2, 1, 1, 1]
    assert [number for line in lines for _, number, _ in line] == list(range(7))
    assert lines[0][1][0] == 51


def test_the_passage_is_chosen_by_its_words():
    def of(*lengths):
        return [EVIL._replace(passage=("a",) * length) for length in lengths]

    assert plots.chosen(of(8, 90, 91)) == 1
    assert plots.chosen(of(300, 200, 400)) == 1
    assert plots.chosen(of(700, 800)) is None
    assert plots.chosen([]) is None


def write(root, row, order, count=3, looks=1):
    """A finished run of a reader."""
    folder = root / runs.slug(row) / "0"
    config = {"row": row, "slug": runs.slug(row), "order": order, "seed": 0}
    runs.write_json(folder / runs.CONFIG, config | {"task": "read"})
    runs.write_json(folder / runs.RESULT, {"accuracy": 0.5})
    rng, pairs, said = np.random.default_rng(order), [], []
    for n in range(count):
        weights = rng.dirichlet(np.ones(4), looks)
        links = frozenset({(looks - 1, 2)})
        passage = ("@entity0", "met", "@entity1", f"{n}")
        query = ("who", "met", "@placeholder")
        target = query if looks > 1 else ("@placeholder",)
        pairs.append(runs.AlignedSentence(passage, target, weights, links, links))
        one = {"name": f"{n}", "query": query, "memn2n": "@entity1", "names": {}}
        said.append(one | {"said": "@entity0"})
    if looks:
        runs.write_alignments(folder, {"test": pairs})
        text = np.frombuffer(json.dumps(said).encode(), np.uint8)
        runs.write_arrays(folder / runs.EXAMPLES, {"questions": text})
    return folder


def test_a_sweep_of_readers_is_reported(tmp_path):
    write(tmp_path, "attentive", 0)
    write(tmp_path, "impatient", 1, looks=3)
    write(tmp_path, "deep LSTM", 2, looks=0)
    written = report.write_report(tmp_path)
    names = {path.relative_to(tmp_path / "report").as_posix() for path in written}
    assert {"figures/passage.png", "figures/passages.html"} < names
    text = (tmp_path / "report" / "report.md").read_text()
    assert "](figures/passages.html)" in text and "![](figures/passages" not in text
    page = (tmp_path / "report/figures/passages.html").read_text()
    assert page.count("<h2>") == 3 and page.count("<h3>") == 6


def test_the_last_look_is_shown(tmp_path):
    folder = write(tmp_path, "impatient", 1, looks=3)
    (row,) = rows.group(runs.find(tmp_path))
    looks = plots.looks_of(row, example_stats.read(row))
    first = runs.read_alignments(folder)["test"][0]
    np.testing.assert_array_equal(looks[0].weights, first.weights[2])
    assert looks[0].query == ("who", "met", "@placeholder")
    assert looks[0].support == {2}
