"""Marks of significance: which sign, in every form of the table, and the legend."""

import csv
import io
import json
import re

import numpy as np
import pytest

from attnlab.report import marks, page, render, table
from attnlab.report.marks import mark_of
from tests.report.by_hand import forced, row_of

N = 60
NATS = np.linspace(1.0, 3.0, N)
# Seeds of the noisy row differ by more than its mean from the best row's.
SEEDS = {
    "best": [NATS, NATS + 0.01, NATS + 0.02],
    "far": [NATS + 0.5, NATS + 0.51, NATS + 0.52],
    "noisy": [NATS - 0.1, NATS + 0.05, NATS + 0.4],
    "alike": [NATS[::-1], NATS[::-1] + 0.015, NATS + 0.02],
    "single": [NATS + 0.5],
}
EXPECTED = {"best": "", "far": "†", "noisy": "°", "alike": "", "single": "°"}


def made(seeds=SEEDS, numbers=None, **options):
    """The table of {row: nats of its sentences, a list a seed}."""
    rows, stats = [], {}
    for place, (name, nats) in enumerate(seeds.items()):
        results, stats[name] = forced(*nats)
        row = row_of(name, *results, order=place)
        for n, seed in enumerate((numbers or {}).get(name, ())):
            run = row.runs[n]
            changed = run._replace(config=dict(run.config) | {"seed": seed})
            row = row._replace(runs=(*row.runs[:n], changed, *row.runs[n + 1 :]))
        rows.append(row)
    return rows, table.make_table(rows, stats, **options)


def test_the_sign_follows_from_both_p_values():
    assert mark_of(0.01, 0.01) == mark_of(0.2, 0.049) == "†"
    assert mark_of(0.049, 0.05) == mark_of(0.01, None) == "°"
    assert mark_of(0.05, 0.05) == mark_of(None, None) == mark_of(0.05, None) == ""


def test_every_form_of_the_table_has_the_same_marks(tmp_path):
    rows, printed = made()
    cells = {line.name: line.cells["perplexity"] for line in printed.lines}
    assert {name: cell.mark for name, cell in cells.items()} == EXPECTED
    # More rows are significant over sentences than the dagger says.
    assert cells["noisy"].p_value < 0.05 < cells["noisy"].p_both
    assert cells["single"].p_value < 0.05 and cells["single"].p_both is None

    def signs(text):
        lines = [line for line in text.splitlines() if line.lstrip("| ")]
        first = {re.split(r"[ |&]+", line.lstrip("| "))[0]: line for line in lines[:12]}
        return {name: first[name] for name in EXPECTED}

    for name, line in signs(render.text(printed)).items():
        assert "".join(re.findall("[†°]", line)) == EXPECTED[name]
    for name, line in signs(render.markdown(printed)).items():
        assert "".join(re.findall("[†°]", line)) == EXPECTED[name]
    commands = {"": [], "†": ["dagger"], "°": ["circ"]}
    for name, line in signs(render.latex(printed)).items():
        assert re.findall(r"\\rlap{\$\^\\(\w+)\$}", line) == commands[EXPECTED[name]]
    for line in csv.DictReader(io.StringIO(render.csv(printed))):
        cell = cells[line["row"]]
        assert line["perplexity mark"] == EXPECTED[line["row"]]
        assert float(line["perplexity"]) == cell.mean
        for title, p in (
            ("sentences", cell.p_value),
            ("seeds and sentences", cell.p_both),
        ):
            assert line[f"perplexity p {title}"] == ("" if p is None else str(p))
    page.write(tmp_path, "marks", rows, printed, [])
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    data = re.search(
        r'<script type="application/json" id="report">(.*?)</script>', text
    )
    assert data is not None
    for row in json.loads(data[1])["rows"]:
        assert row["cells"]["perplexity"].get("mark", "") == EXPECTED[row["name"]]


def test_the_legend_says_both_signs_in_words():
    _, printed = made()
    dagger, ring, how, *_ = [line for line in printed.notes if re.match("[†°B]", line)]
    assert dagger.startswith(
        "† differs from the best row of its column (best) over seeds"
    )
    assert "trained again with other seeds" in dagger
    assert ring.startswith("° differs from it over test sentences alone")
    assert "p < 0.05" in how and "60 for perplexity" in how
    assert "not corrected for 4 comparisons" in how
    for form in (render.text, render.markdown):
        words = " ".join(form(printed).split())
        assert dagger in words and ring in words
    latex = render.latex(printed)
    assert r"$^\dagger$ differs from" in latex and r"$^\circ$ differs from" in latex
    _, against = made(baseline="far")
    assert any("the baseline (far)" in line for line in against.notes)


def test_rows_of_one_seed_and_of_other_seeds_are_named():
    rows = {name: SEEDS[name] for name in ("best", "far", "noisy", "single")}
    rows |= {"more": [*SEEDS["far"], NATS + 0.5], "twin": SEEDS["far"]}
    _, printed = made(rows, {"twin": (3, 4, 5)})
    lines = {line.name: line.cells["perplexity"].mark for line in printed.lines}
    assert lines["more"] == lines["twin"] == "†"  # with the seeds that there are
    (one,) = [line for line in printed.notes if line.startswith("One seed")]
    assert one.endswith("compared with it: single.")
    (other,) = [line for line in printed.notes if line.startswith("Other seeds")]
    assert other.startswith("Other seeds than those of best (0, 1, 2), and tested with")
    assert other.endswith("single (0); more (0, 1, 2, 3); twin (3, 4, 5).")


def test_against_one_seed_nothing_has_a_dagger():
    _, printed = made(baseline="single")
    signs = [line.cells["perplexity"].mark for line in printed.lines]
    assert set(signs) == {"", "°"}
    assert any(line.startswith("One seed, so no †") for line in printed.notes)


def test_equal_seeds_need_no_note():
    rows = {name: SEEDS[name] for name in ("best", "far")}
    _, printed = made(rows)
    assert not any(re.match("One seed|Other seeds", line) for line in printed.notes)


@pytest.mark.parametrize("seeds", [1, 2])
def test_nothing_is_marked_where_nothing_was_tested(seeds):
    rows, printed = made({"only": [NATS] * seeds})
    assert not any("†" in line for line in printed.notes)
    text = render.csv(printed)
    assert text.splitlines()[0] == "row,perplexity,perplexity spread,perplexity seeds"
    assert marks.legend([], False, 10) == [] and len(rows) == 1
