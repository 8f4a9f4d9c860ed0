"""`experiments.evaluate` on files: runs, and translations and links of anything."""

import pytest

import attnlab
from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score, chrf_ter
from attnlab.metrics.links import reverse
from attnlab.training.run import run
from experiments import evaluate, text_table
from experiments.text_table import System
from tests.tiny import tiny_folder

WORDS = {"ein": "a", "das": "the", "haus": "house", "boot": "boat", "alt": "old"}
GERMAN = [f"{a} {b} {c} {b}" for a in WORDS for b in WORDS for c in ("ein", "alt")]
ENGLISH = [" ".join(WORDS[word] for word in line.split()) for line in GERMAN]
LINKS = [" ".join(f"{n}-{n}" for n in range(4)) for _ in GERMAN]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Text in two languages, its links, and a run on it."""
    root = tmp_path_factory.mktemp("text")
    second = ["" if n % 2 else f"{line} !" for n, line in enumerate(ENGLISH)]
    wrong = [line.replace("house", "HOUSE") for line in ENGLISH]
    turned = [link.replace("0-0", "0-1") for link in LINKS]
    files = {"de": GERMAN, "en": ENGLISH, "second": second, "wrong": wrong}
    files |= {"gold": LINKS, "links": turned}
    for name, lines in files.items():
        (root / name).write_text("".join(f"{line}\n" for line in lines))
    text = f"{root}/de,{root}/en"
    settings = {f"data.files.{split}": text for split in ("train", "dev", "test")}
    settings |= {"data.name": "files", "data.files.gold": f"{text},{root}/gold"}
    settings |= {"train.steps": 60, "train.evaluate_every": 60}
    folder = tiny_folder(root / "runs", **settings, **{"train.learning_rate": 0.03})
    run(folder, console=False)
    return root


def rows_of(path):
    head, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_translations_of_anything_are_scored_without_a_run(root, tmp_path, capsys):
    asked = [f"--target-file={root}/en", f"--target-file={root}/second"]
    asked += [f"--hypotheses=same={root}/en", f"--hypotheses={root}/wrong"]
    assert evaluate.main([*asked, f"--out={tmp_path}/table"]) == 0
    printed = capsys.readouterr().out
    assert "nrefs:var" in printed and "perplexity" not in printed.splitlines()[0]
    rows = rows_of(tmp_path / "table")
    assert list(rows) == ["same", f"{root}/wrong"]
    assert rows["same"]["bleu"] == rows["same"]["chrf"] == "100"
    wrong = [line.replace("house", "HOUSE") for line in ENGLISH]
    references = [
        line if n % 2 else f"{line}\t{line} !" for n, line in enumerate(ENGLISH)
    ]
    scores = rows[f"{root}/wrong"]
    assert float(scores["bleu"]) == pytest.approx(
        bleu_score.bleu(wrong, references).score, rel=1e-5
    )
    expected = chrf_ter.ter(wrong, references).score
    assert float(scores["ter"]) == pytest.approx(expected, rel=1e-5)
    assert float(scores["p_bleu"]) < 0.05 and rows["same"]["p_bleu"] == ""
    assert evaluate.main([*asked, f"--out={tmp_path}/table", "--lowercase"]) == 0
    assert rows_of(tmp_path / "table")[f"{root}/wrong"]["bleu"] == "100"


def test_links_of_anything_are_scored_without_a_run_or_text(root, tmp_path, capsys):
    asked = [f"--gold-file={root}/gold", f"--links=one={root}/links"]
    asked += [f"--links=all={root}/gold"]
    assert evaluate.main([*asked, f"--out={tmp_path}/table"]) == 0
    rows = rows_of(tmp_path / "table")
    assert rows["one"] | {"aer": "0.25", "precision": "0.75"} == rows["one"]
    assert rows["all"]["aer"] == "0" and float(rows["all"]["p_aer"]) < 0.05
    assert rows["all"]["bleu"] == ""
    text = [f"--source-file={root}/de", f"--target-file={root}/en"]
    assert evaluate.main([*asked, *text, f"--out={tmp_path}/again"]) == 0
    assert (tmp_path / "again").read_text() == (tmp_path / "table").read_text()
    assert "0.250" in capsys.readouterr().out


def test_a_run_is_beside_them(root, tmp_path, capsys):
    folder = root / "runs/general/0"
    asked = [f"--run={folder}", f"--source-file={root}/de"]
    asked += [f"--target-file={root}/en,{root}/second", f"--gold-file={root}/gold"]
    asked += [f"--hypotheses=same={root}/en", f"--links=one={root}/links", "--beams=2"]
    assert evaluate.main([*asked, f"--out={tmp_path}/table"]) == 0
    rows = rows_of(tmp_path / "table")
    assert list(rows) == [str(folder), f"{folder}, posterior", "same", "one"]
    loaded = attnlab.load(folder)
    said = [str(each) for each in loaded.translate(GERMAN, beams=2)]
    references = [
        line if n % 2 else f"{line}\t{line} !" for n, line in enumerate(ENGLISH)
    ]
    own = rows[str(folder)]
    expected = bleu_score.bleu(said, references).score
    assert float(own["bleu"]) == pytest.approx(expected, rel=1e-5)
    pairs = [loaded.align(*both) for both in zip(GERMAN, ENGLISH, strict=True)]
    gold = [({(n, n) for n in range(4)},) * 2 for _ in pairs]
    total = aer.corpus_agreement([reverse(pair.links()) for pair in pairs], gold)
    assert float(own["aer"]) == pytest.approx(total.aer, abs=0.02)
    assert own["perplexity"] and own["aer"] and not rows["same"]["perplexity"]
    assert "p: two-sided" in capsys.readouterr().out


def test_links_of_others_are_beside_a_translation_runs_own(root, tmp_path, capsys):
    asked = [f"--run={root}/runs/general/0", f"--links=one={root}/links"]
    assert evaluate.main([*asked, f"--out={tmp_path}/table"]) == 0
    printed = capsys.readouterr().out
    (line,) = [line for line in printed.splitlines() if line.startswith("one ")]
    assert line.split()[1:] == ["0.250", "0.750", "0.750", "0.250"]
    head, *rows = (tmp_path / "table").read_text().splitlines()
    assert head.split("\t")[:3] == ["gold", "links", "aer"]
    assert "gold\tone\t0.25\t0.75\t0.75\t0.25" in rows and len(rows) == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "give --run, or files"),
        (["--hypotheses=en"], "--hypotheses needs a --target-file"),
        (["--target-file=en"], "nothing is to be judged"),
        (["--links=a=links", "--target-file=en"], "--links needs a --gold-file"),
        (["--target-file=en", "--hypotheses=short"], "en has 50 lines, short has 1"),
        (["--gold-file=gold", "--links=a=none"], "gold has 50 lines, none has 1"),
        (["--gold-file=short", "--links=a=short"], "short:1: 'one'"),
        (["--target-file=en", "--hypotheses=en", "--reverse=a"], "--reverse is for"),
        (["--target-file=en", "--hypotheses=nowhere"], "nowhere"),
        (["--run=runs/general/0", "--beams=2"], "need a --target-file"),
        (["--run=runs/general/0", "--source-file=de"], "needs a --target-file"),
        (["--run=runs/general/0", "--target-file=en"], "needs a --source-file"),
        (["--target-file=en", "--hypotheses=en", "--out=no/table"], "no folder no"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(root, monkeypatch, capsys, words, expected):
    monkeypatch.chdir(root)
    (root / "short").write_text("one\n")
    (root / "none").write_text("\n")
    assert evaluate.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("evaluate: ") and expected in line


def test_a_table_of_nothing_is_a_table():
    table = text_table.make_table([System("a", [], [])], [], [])
    assert "a" in text_table.render(table)
    assert text_table.as_tsv(table).splitlines()[0].startswith("system\tbleu")


def test_rates_are_shares_and_bleu_is_of_a_hundred():
    numbers = {"bleu": 27.34, "aer": 0.0378, "precision": 0.95, "recall": 1.0}
    lines = text_table.render(text_table.TextTable([("a", numbers)], [])).split("\n")
    assert lines[0].split() == ["BLEU", "AER", "prec", "recall"]
    assert lines[1].split() == ["a", "27.3", "0.038", "0.950", "1.000"]
