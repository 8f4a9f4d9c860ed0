"""Columns that somebody chooses: in every form of the table, by title or key."""

import json
import shutil

import pytest

from attnlab.report import render, report
from attnlab.report.table import make_table
from experiments.report import main
from tests.report.by_hand import nothing, row_of

RESULT = {
    "bleu": 20.0,
    "bleu_signature": "a signature",
    "aer": 0.25,
    "gold": "test",
    "perplexity": 4.0,
    "tokens_per_second": 900,
    "seconds_per_step": 0.0125,
}


def by_hand(*rows, **options):
    return make_table(rows, {row.name: nothing(row) for row in rows}, **options)


def test_columns_are_those_asked_for_in_their_order():
    table = by_hand(row_of("a", RESULT), columns=["perplexity", "BLEU", "bleu", "aer"])
    assert [column.title for column in table.columns] == ["perplexity", "BLEU", "AER"]
    assert set(table.lines[0].cells) == {"perplexity", "bleu", "aer"}


def test_a_column_of_hard_reads_may_be_asked_for():
    rows = row_of("a", RESULT)
    assert "seconds_per_step" not in [column.key for column in by_hand(rows).columns]
    (column,) = by_hand(rows, columns=["ms/step"]).columns
    assert column.key == "seconds_per_step"


def test_sentences_are_about_the_columns_that_are_shown():
    row = row_of("a", RESULT)
    everything = " ".join(by_hand(row).notes)
    assert "a signature" in everything and "AER is on" in everything
    speeds = " ".join(by_hand(row, columns=["tokens/s"]).notes)
    assert "a signature" not in speeds and "AER is on" not in speeds
    assert "AER is on" in " ".join(by_hand(row, columns=["aer"]).notes)


def test_an_unknown_column_names_the_choices():
    with pytest.raises(ValueError) as caught:
        by_hand(row_of("a", RESULT), columns=["BLEU", "chrf"])
    choices = "BLEU, AER, perplexity, tokens/s, ms/step"
    assert str(caught.value) == f"no column 'chrf'; choose {choices}"


def test_before_any_run_has_finished_no_choice_is_wrong():
    table = by_hand(row_of("a", None), columns=["aer"])
    assert [line.name for line in table.lines] == ["a"]
    assert "—" in render.text(table)
    with pytest.raises(ValueError, match="no column 'x'"):
        by_hand(row_of("a", None), columns=["x"])


def test_a_row_without_the_chosen_number_stays_a_row():
    rows = row_of("a", RESULT), row_of("b", {"bleu": 1.0})
    table = by_hand(*rows, columns=["AER"])
    assert [line.name for line in table.lines] == ["a", "b"]


def test_latex_has_no_speed_unless_it_is_asked_for():
    row = row_of("a", RESULT)
    table = by_hand(row)
    assert "tokens/s" not in render.latex(table) and "900" not in render.latex(table)
    assert "tokens/s" in render.text(table) and "tokens/s" in render.markdown(table)
    asked = render.latex(by_hand(row, columns=["bleu", "tokens_per_second"]))
    assert r"& BLEU & tokens/s \\" in " ".join(asked.split())
    failed = table._replace(lines=[table.lines[0]._replace(failure="no memory")])
    assert r"\multicolumn{3}{l}" in render.latex(failed)


def test_all_forms_have_the_columns_that_the_program_is_asked_for(
    sweep, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(report, "draw", lambda *_: ([], []))
    root, out = tmp_path / "runs", tmp_path / "out"
    shutil.copytree(sweep, root)
    assert main([f"--runs={root}", f"--out={out}", "--columns=AER, parameters"]) == 0
    heading = capsys.readouterr().out.splitlines()[0]
    assert heading.split() == ["AER", "parameters"]
    for name in ("table.txt", "table.md", "table.tex", "report.md"):
        text = (out / name).read_text(encoding="utf-8")
        assert "parameters" in text and "BLEU" not in text and "tokens/s" not in text
    page = (out / "index.html").read_text(encoding="utf-8")
    columns = [{"key": "aer", "title": "AER", "better": -1}]
    columns.append({"key": "parameters", "title": "parameters", "better": 0})
    assert json.dumps(columns, separators=(",", ":")) in page
    assert "bleu" in (out / "summary.csv").read_text(encoding="utf-8")


def test_the_program_says_in_one_line_what_is_no_column(sweep, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([f"--runs={sweep}", f"--out={out}", "--columns=aer,"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("report: no column ''; choose BLEU, AER, ")
    assert not out.exists()
