"""Several references a sentence, chrF and TER: in results, files and reports."""

import pytest

from attnlab import runs
from attnlab.metrics import bleu_score, chrf_ter
from attnlab.report.report import make_table, write_report
from attnlab.sweep.rows import write_folders
from attnlab.training.run import run
from attnlab.training.run_config import learned_fingerprint
from experiments import report
from tests.tiny import plan, tiny

SIDES = {
    "x": ["a b", "c d e a b", "b", "e a d c"],
    "y": ["A B", "C D E A B", "B", "E A D C"],
    "second": ["B A", "", "B B", "E D A"],
    "third": ["A", "C", "", "D"],
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A finished run that was asked for chrF and TER, and one that was not."""
    root = tmp_path_factory.mktemp("references")
    for name, lines in SIDES.items():
        text = "".join(f"{line}\n" for line in lines * (4 if name in "xy" else 1))
        (root / name).write_text(text)
        (root / f"{name}.test").write_text("".join(f"{line}\n" for line in lines))
    test = ",".join(f"{root}/{name}.test" for name in SIDES)

    def rows(add):
        add("plain", **{"evaluate.metrics": ()})
        add("more", **{"evaluate.metrics": ("chrf", "ter")})

    settings = {
        "data.name": "files",
        "data.files.train": f"{root}/x,{root}/y",
        "data.files.dev": f"{root}/x.test,{root}/y.test",
        "data.files.test": test,
        "train.steps": 40,
        "train.evaluate_every": 20,
        "train.learning_rate": 0.05,
    }
    for folder in write_folders(plan(rows, **settings), root / "sweep"):
        run(folder, console=False)
    return root / "sweep"


def test_references_and_scores_are_those_of_all_files(sweep):
    folder = sweep / "more/0"
    references = runs.read_lines(folder / runs.REFERENCES)
    assert references == [
        "A B\tB A\tA",
        "C D E A B\tC",
        "B\tB B",
        "E A D C\tE D A\tD",
    ]
    hypotheses = runs.read_lines(folder / runs.HYPOTHESES)
    result = runs.read_json(folder / runs.RESULT)
    bleu = bleu_score.bleu(hypotheses, references)
    assert result["bleu"] == pytest.approx(bleu.score)
    assert "nrefs:var" in result["bleu_signature"]
    for name, metric in chrf_ter.TEXT_METRICS.items():
        score = metric(hypotheses, references)
        assert result[name] == pytest.approx(score.score)
        assert result[f"{name}_signature"] == score.signature
    counts = runs.read_example_counts(folder)
    total = counts.counts["ter"].sum(axis=0)
    assert total[0] / total[1] == pytest.approx(result["ter"])
    assert len(set(counts.examples)) == 4


def test_columns_are_there_where_they_are_asked_for(sweep, tmp_path, capsys):
    result = runs.read_json(sweep / "plain/0" / runs.RESULT)
    assert "chrf" not in result and "ter" not in result
    table = make_table(sweep)
    by_key = {column.key: column for column in table.columns}
    assert (by_key["chrf"].title, by_key["ter"].better) == ("chrF", -1)
    plain, more = table.lines
    assert "chrf" not in plain.cells and "ter" in more.cells
    both = make_table(sweep, also=("chrf", "ter"))
    for line in both.lines:
        folder = sweep / line.name / "0"
        texts = [
            runs.read_lines(folder / n) for n in (runs.HYPOTHESES, runs.REFERENCES)
        ]
        assert line.cells["chrf"].mean == pytest.approx(chrf_ter.chrf(*texts).score)
        assert line.cells["ter"].mean == pytest.approx(chrf_ter.ter(*texts).score)
    assert any(note.startswith("TER: nrefs:var") for note in both.notes)
    written = f"--out={tmp_path}/report"
    assert report.main([f"--runs={sweep}/plain", written]) == 0
    assert "chrF" not in capsys.readouterr().out
    assert report.main([f"--runs={sweep}/plain", written, "--also=chrf,ter"]) == 0
    first = capsys.readouterr().out
    assert "chrF" in first and "TER" in first
    write_report(sweep / "plain", folder=tmp_path / "report", also=["chrf", "ter"])
    stored = (tmp_path / "report/table.txt").read_text()
    assert stored.strip() in first  # of the scores that the first one has left
    assert report.main([f"--runs={sweep}/plain", "--also=meteor"]) == 2
    assert "unknown score 'meteor'" in capsys.readouterr().err
    assert runs.read_json(sweep / "plain/0" / runs.RESULT) == result


def test_further_scores_are_no_part_of_what_is_learned():
    plain, more = ({"evaluate": {"metrics": m}} for m in ((), ("ter",)))
    assert learned_fingerprint(plain) == learned_fingerprint(more)
    with pytest.raises(ValueError, match="evaluate.metrics"):
        tiny(**{"evaluate.metrics": ("meteor",)})
