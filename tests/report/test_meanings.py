"""What numbers mean is said in one place, and nowhere otherwise."""

import re
from pathlib import Path

import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics.registry import METRICS
from attnlab.report import figures, heatmaps, meanings, page, table

ROOT = Path(__file__).resolve().parents[2]


def test_every_column_has_its_meaning():
    assert {column.key for column in table.COLUMNS} == set(meanings.COLUMNS)
    for key, text in meanings.COLUMNS.items():
        assert text[0].isupper() and text.endswith("."), key
    for key, metric in METRICS.items():
        ways = {1: "Higher is better.", -1: "Lower is better."}
        assert meanings.column(key).endswith(ways.get(metric.better, "."))
    assert meanings.column("tokens_per_minute") == ""


def test_terms_are_those_of_the_table():
    shown = [("aer", "AER"), ("other", "other")]
    told = [term for term, _ in meanings.terms(shown, {"°", "", "†"})]
    assert told == ["AER", "±", "seed", "†", "°"]
    assert "†" not in dict(meanings.terms(shown, {"", "°"}))


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("BLEU", meanings.COLUMNS["bleu"]),
        ("AER", meanings.COLUMNS["aer"]),
        ("perplexity", meanings.COLUMNS["perplexity"]),
        ("seed", meanings.SEED),
    ],
)
def test_the_glossary_says_the_same(term, text):
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| \*\*{term}\*\* \| (.*?) \|$", glossary, re.M)[1].startswith(
        text
    )


def test_captions_of_curves_are_written_with_it():
    """No figure has words of its own for a mean over seeds."""
    for path in (ROOT / "attnlab").rglob("*.py"):
        if path.name not in ("meanings.py", "notes.py"):
            text = " ".join(
                re.findall(r'"([^"\n]*)"', path.read_text(encoding="utf-8"))
            )
            assert "deviation over seeds" not in text, path
            assert "range over seeds" not in text, path


def test_page_and_figures_have_one_font():
    style = page._file("page.css")
    assert f'font: 16px/1.5 "{figures.DEFAULT_FONT}"' in style
    for name in page.SCRIPTS:  # none names a font of its own
        assert "sans-serif" not in page._file(name)


def test_marks_are_named_alike_in_figures_and_on_the_page():
    link = frozenset({(0, 0)})
    both = frozenset({(0, 0), (1, 1)})
    words, weights = ("a", "b"), np.eye(2)
    pair = runs.AlignedSentence(words, words, weights, link, both)
    axes = heatmaps.heat_map(pair).axes[0]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == [meanings.MARKS["sure"], meanings.MARKS["possible"]]
    scripts = "".join(map(page._file, page.SCRIPTS))
    for name, text in meanings.MARKS.items():
        assert f"report.marks.{name}" in scripts and text not in scripts
    assert heatmaps.GOLD.lower() not in scripts.lower()
