import csv
import re
import subprocess
import sys

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import curves, example_stats, report, rows, sentence_pairs
from attnlab.report.drawings import RECORD
from experiments.report import main


@pytest.fixture(scope="module")
def written(sweep, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return folder, report.write_report(sweep, folder=folder)


def test_report_has_tables_figures_and_a_page(written):
    folder, paths = written
    names = {path.relative_to(folder).as_posix() for path in paths}
    files = {path for path in folder.rglob("*") if path.is_file()}
    assert files == {*paths, folder / "figures" / RECORD, folder / report.MARK}
    assert paths[0] == folder / "index.html"
    assert {"report.md", "summary.csv", "table.txt", "table.md", "table.tex"} < names
    maps = ["global-dot", "local-m-general", "local-p-general"]
    for stem in (
        "learning-curves",
        "bleu-by-length",
        "aer-by-distance",
        "alignments-1",
        "alignments-2",
        *(f"alignment-{slug}" for slug in maps),
    ):
        assert {f"figures/{stem}.png", f"figures/{stem}.pdf"} < names
    page = (folder / "report.md").read_text(encoding="utf-8")
    for name in names:
        assert (f"({name})" in page) == name.endswith(".png")
    assert re.search(r"\| local-p \(general\) +\| +\*\*", page)
    with open(folder / "summary.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 9


def test_sentences_are_chosen_by_gold_alone(sweep):
    grouped = rows.group(runs.find(sweep))
    stats = {row.name: example_stats.read(row) for row in grouped}
    first, second = sentence_pairs.chosen(grouped, stats)
    assert list(first) == [row.name for row in grouped]
    assert len({(pair.source, pair.target) for pair in first.values()}) == 1
    pairs = stats["global (dot)"].alignments[0].pairs
    crossings = sorted(
        (sentence_pairs._crossings(pair) for pair in pairs), reverse=True
    )
    assert sentence_pairs._crossings(first["global (dot)"]) == crossings[0]
    assert sentence_pairs._crossings(second["global (dot)"]) == crossings[1]


def test_crossings_of_a_reversed_sentence():
    links = frozenset((t, 3 - t) for t in range(4))
    pair = runs.AlignedSentence(("a",) * 4, ("b",) * 4, np.eye(4), links, links)
    assert sentence_pairs._crossings(pair) == 6


def test_half_a_sweep_is_reported_as_such(tmp_path, write_run, pairs, capsys):
    write_run(tmp_path, "first", 0, 0, pairs)
    write_run(tmp_path, "second", 0, 1, pairs, "unfinished")
    write_run(tmp_path, "third", 0, 3, pairs, "failed")
    assert main([f"--runs={tmp_path}"]) == 0
    printed = capsys.readouterr().out
    assert "third, seed 0  failed at step 700" in printed
    assert "Missing: second, seed 0: unfinished, at step 1600." in printed
    assert "Missing: row 3 of the sweep: not begun." in printed
    assert f"start with {tmp_path / 'report' / 'index.html'}" in printed
    assert len(runs.find(tmp_path)) == 3  # the report's own files are no runs


def test_a_sweep_without_gold_or_results(tmp_path, write_run, pairs):
    plain = [pair._replace(sure=frozenset(), possible=frozenset()) for pair in pairs]
    folder = write_run(tmp_path / "plain", "first", 0, 0, pairs)
    runs.write_alignments(folder, {"test": plain})
    written = report.write_report(tmp_path / "plain")
    stems = {path.stem for path in written}
    assert "alignment-first" in stems and "aer-by-distance" not in stems
    write_run(tmp_path / "begun", "first", 0, 0, pairs, "unfinished")
    stems = {path.stem for path in report.write_report(tmp_path / "begun")}
    data = {"first", "seeds"}  # of the page
    expected = {"index", "report", "table", "summary", "learning-curves"}
    assert stems == expected | data


@pytest.fixture
def undrawn(monkeypatch):
    """Reports without figures, which take longer than all the rest."""
    monkeypatch.setattr(report, "draw", lambda *_: ([], []))


def test_damaged_files_cost_their_runs_and_not_the_report(
    tmp_path, write_run, pairs, undrawn
):
    folders = [
        write_run(tmp_path, name, seed, order, pairs)
        for order, name in enumerate(("first", "second"))
        for seed in range(3)
    ]
    (folders[0] / runs.RESULT).write_text('{"bleu": ')
    (folders[1] / runs.METRICS).write_bytes(b'{"step": \n{}\n')
    (folders[5] / runs.LOSSES).write_text("much\n")
    written = report.write_report(tmp_path)
    text = (written[0].parent / "table.txt").read_text(encoding="utf-8")
    assert "first, seed 0  failed: result.json is not valid JSON: " in text
    assert "first, seed 1  failed: metrics.jsonl line 1 is not JSON: " in text
    assert "Mean ± standard deviation over seeds (1 to 3 a row)." in text
    assert "second, seed 2: losses.tsv is damaged: " in text
    assert "Missing" not in text
    first, _, _, second = report.make_table(tmp_path).lines
    result = runs.read_json(folders[2] / runs.RESULT)
    assert first.cells["bleu"].mean == result["bleu"]
    assert second.cells["bleu"].seeds == second.cells["perplexity"].seeds == 3
    assert second.cells["bleu"].p_value or first.cells["bleu"].p_value
    assert not second.cells["perplexity"].p_value
    assert not first.cells["perplexity"].p_value
    with open(written[0].parent / "summary.csv", newline="") as file:
        states = [line["state"] for line in csv.DictReader(file)]
    assert states == ["failed"] * 2 + ["finished"] * 4


def test_curves_show_percents_as_their_titles_say(tmp_path):
    folder = tmp_path / "row" / "0"
    runs.write_json(folder / runs.CONFIG, {"row": "row", "slug": "row", "seed": 0})
    line = {"step": 10, "kind": "dev", "accuracy": 0.25, "aer": 0.5}
    runs.append_jsonl(folder / runs.METRICS, line)
    learnt = curves.learning(rows.group(runs.find(tmp_path)))
    assert learnt["accuracy %"] == {"row": [((10,), (25.0,))]}
    assert learnt["AER"] == {"row": [((10,), (0.5,))]}


def test_damaged_metrics_leave_no_learning_curve(tmp_path, write_run, pairs):
    folder = write_run(tmp_path, "first", 0, 0, pairs)
    whole = rows.group(runs.find(tmp_path))
    assert set(curves.learning(whole)) == {"perplexity", "BLEU"}
    (folder / runs.METRICS).write_bytes(b'{"step": \n{}\n')
    checked = rows.group([rows.checked(run) for run in runs.find(tmp_path)])
    assert checked[0].failed and curves.learning(checked) == {}


def test_an_order_is_checked_below_the_table(sweep, tmp_path, undrawn):
    usual = report.write_report(sweep, folder=tmp_path / "usual")
    chain = "local-p (general) <= global-dot <= local-m (general)"
    asked = report.write_report(sweep, folder=tmp_path / "asked", chain=chain)
    for name in ("table.txt", "table.md", "table.tex", "report.md"):
        before, after = (
            (paths[0].parent / name).read_text(encoding="utf-8")
            for paths in (usual, asked)
        )
        before, after = (" ".join(text.split()) for text in (before, after))
        assert "Order asked for" not in before
        assert "Order asked for in perplexity: local-p (general) " in after
        assert after.count(": held") == 2
        assert after.index("differs from") < after.index("Order asked for")
    chain = "local-p-general<=global-dot"
    folder = tmp_path / "aer"
    aer = report.write_report(sweep, folder=folder, chain=chain, chain_by="aer")
    text = (aer[0].parent / "table.txt").read_text(encoding="utf-8")
    assert "Order asked for in AER: local-p (general) <= global (dot)." in text


def test_a_wrong_order_writes_nothing(sweep, tmp_path):
    for chain, by, expected in (
        ("global (dot) <= nobody", "bleu", "no row 'nobody' to put in order; choose "),
        ("", "bleu", "'' is no order"),
        ("global-dot <= local-p-general", "loss", "no order by 'loss'; choose bleu"),
    ):
        with pytest.raises(ValueError, match=expected):
            report.write_report(sweep, chain=chain, chain_by=by, folder=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_errors_name_the_folder_and_the_row(tmp_path, sweep, capsys):
    (tmp_path / "empty").mkdir()
    assert main([f"--runs={tmp_path / 'nowhere'}"]) == 2
    assert f"no folder of runs at {tmp_path / 'nowhere'}" in capsys.readouterr().err
    assert main([f"--runs={tmp_path / 'empty'}"]) == 2
    assert f"no runs below {tmp_path / 'empty'}" in capsys.readouterr().err
    assert main([f"--runs={sweep}", "--baseline=nobody"]) == 2
    assert "no row 'nobody' to compare with; choose global" in capsys.readouterr().err


def test_help_imports_nothing_slow():
    code = (
        "import sys\n"
        "from experiments.report import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "assert not {'numpy', 'jax', 'matplotlib', 'sacrebleu'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert "--runs" in done.stdout
