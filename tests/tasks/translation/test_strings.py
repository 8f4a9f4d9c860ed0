"""Runs on strings: their scores, the counts they rest on, and the report's tests."""

import gzip
import json
from itertools import product

import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics.edit_distance import edit_distance
from attnlab.report.report import make_table
from attnlab.sweep.rows import write_folders
from attnlab.tasks import make_task
from attnlab.tasks.translation.evaluate_strings import string_counts, string_scores
from attnlab.tasks.translation.translator import Translation
from attnlab.text.pairs import Corpus, Pair
from attnlab.training.run import run
from tests.tiny import plan, tiny, tiny_folder

OVERRIDES = {
    "data.name": "nettalk",
    "data.nettalk.dev": 6,
    "data.nettalk.test": 8,
    "train.steps": 6,
    "train.evaluate_every": 3,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A data folder with a NETtalk of 64 words."""
    folder = tmp_path_factory.mktemp("data")
    words = ["".join(letters) for letters in product("abcd", repeat=3)]
    lines = [f"{w}\t{w.upper().replace('D', '-')[:2]}{w[2]}\t0\t0\n" for w in words]
    (folder / "nettalk").mkdir()
    (folder / "nettalk/nettalk.data.gz").write_bytes(
        gzip.compress("".join(lines).encode())
    )
    return folder


@pytest.fixture(scope="module")
def sweep(place, tmp_path_factory):
    """A finished run, `general`, and one that copies it but for two wrong symbols."""
    root = tmp_path_factory.mktemp("sweep")

    def rows(add):
        add("general")
        add("none", score="none")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTNLAB_DATA", str(place))
        first, second = write_folders(plan(rows, **OVERRIDES), root)
        run(first, console=False)
    stored = runs.read_example_counts(first)
    stored.counts["error_rate"][:2, 0] += 1
    runs.write_example_counts(second, *stored)
    symbols = stored.counts["error_rate"][:, 1].sum()
    result = runs.read_json(first / runs.RESULT)
    more = {"row": "none", "error_rate": result["error_rate"] + 2 / symbols}
    runs.write_result(second, result | more)
    return root


def test_a_run_has_the_scores_of_its_own_hypotheses(sweep):
    (folder,) = sweep.glob("general/0")
    result = runs.read_json(folder / runs.RESULT)
    texts = [
        [line.split() for line in runs.read_lines(folder / name)]
        for name in (runs.HYPOTHESES, runs.REFERENCES)
    ]
    edits = [edit_distance(*pair) for pair in zip(*texts, strict=True)]
    symbols = sum(map(len, texts[1]))
    assert result["error_rate"] == pytest.approx(sum(edits) / symbols)
    assert result["accuracy"] == pytest.approx(edits.count(0) / len(edits))
    assert {"bleu", "perplexity", "aer"} <= set(result)
    assert result["gold"] == "test"
    stored = runs.read_example_counts(folder)
    np.testing.assert_array_equal(stored.counts["error_rate"][:, 0], edits)
    assert len(set(stored.examples)) == len(edits) == 8
    lines = (folder / runs.METRICS).read_text().splitlines()
    dev = [line for line in map(json.loads, lines) if line["kind"] == "dev"]
    assert len(dev) == 2
    assert all(0 <= line["accuracy"] <= 1 and "error_rate" in line for line in dev)


def test_the_table_has_both_scores_and_tests_them_word_by_word(sweep):
    table = make_table(sweep)
    titles = [column.title for column in table.columns]
    assert {"accuracy %", "error rate %", "AER", "perplexity"} <= set(titles)
    cells = {line.name: line.cells for line in table.lines}
    p_values = {}
    for key in ("error_rate", "accuracy"):
        both = [cells[name][key] for name in ("general", "none")]
        assert [cell.best for cell in both] == [True, False]
        assert both[0].p_value is None and both[1].p_value is not None
        p_values[key] = both[1].p_value
    assert p_values["error_rate"] < p_values["accuracy"] == 1.0
    notes = " ".join(table.notes)
    assert "8 for accuracy %" in notes and "8 for error rate %" in notes


def test_sentences_have_neither(tmp_path):
    task = make_task(tiny(), tmp_path)
    assert task.scores == ("bleu", "perplexity")


def test_a_checkpoint_of_sentences_is_not_chosen_by_their_error_rate(tmp_path):
    folder = tiny_folder(tmp_path, **{"train.stop_on": "error_rate"})
    with pytest.raises(ValueError, match="'error_rate'; choose bleu, perplexity$"):
        run(folder, console=False)


def test_the_closest_of_several_references_counts():
    def output(text):
        return Translation((), tuple(text), np.zeros((len(text), 0)), 0.0)

    pairs = [Pair(("r",), tuple("rEd")), Pair(("s",), tuple("si"))]
    corpus = Corpus("c", [], [], pairs, {}, "l", "p", "", symbols=True)
    outputs = [output("rid"), output("s")]
    assert string_scores(string_counts(outputs, pairs, corpus)) == {
        "error_rate": 2 / 5,
        "accuracy": 0.0,
    }
    several = corpus._replace(references={("r",): (tuple("rEd"), tuple("rid"))})
    assert string_scores(string_counts(outputs, pairs, several)) == {
        "error_rate": 1 / 5,
        "accuracy": 0.5,
    }
