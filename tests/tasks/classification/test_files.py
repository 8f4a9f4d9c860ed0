"""One's own labeled text: read, trained on, asked about."""

import json
from pathlib import Path

import numpy as np
import pytest

import attnlab
from attnlab import runs
from attnlab.corpora.loading import load_corpus
from attnlab.sweep import rows
from attnlab.tasks import make_task
from attnlab.tasks.classification.corpora import CORPORA, words_as_read
from attnlab.training.run import run
from configs.classification import get_config
from tests.tasks.classification.small import SMALL

TEXTS = [f"{word} text {n} ." for n in range(12) for word in ("Good", "bad", "So-so")]
LINES = [f"{'120'[n % 3]}\t{text}\n" for n, text in enumerate(TEXTS)]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tsv").write_text("".join(LINES))
    return tmp_path


def load(**options):
    return load_corpus(CORPORA, "files", **{"train": "a.tsv"} | options)


def test_one_file_is_split_and_its_labels_are_the_classes(here):
    corpus = load()
    assert corpus.classes == ("0", "1", "2")
    sizes = [len(split) for split in (corpus.train, corpus.dev, corpus.test)]
    assert sizes == [28, 4, 4]
    every = {s.words: s.label for s in corpus.train + corpus.dev + corpus.test}
    assert every["good", "text", "0", "."] == 1
    assert every["so", "-", "so", "text", "11", "."] == 0
    assert corpus.about == "Read from a.tsv; dev and test held out of it, by digests."


def test_json_lines_and_three_files(here):
    names = {"good": "fine", "bad": "not fine"}
    lines = [json.dumps({"text": f"{k} x", "label": v}) for k, v in names.items()]
    (here / "b.jsonl").write_text("\n".join(lines))
    corpus = load(train="b.jsonl", dev="b.jsonl", test="b.jsonl")
    assert corpus.train == corpus.dev == corpus.test
    assert corpus.classes == ("fine", "not fine") and len(corpus.train) == 2
    (here / "b.jsonl").write_text(
        '{"label": 10, "text": "A b."}\n{"label": 9, "text": "c"}'
    )
    corpus = load(train="b.jsonl", dev="b.jsonl", test="b.jsonl", tokenized=True)
    assert corpus.classes == ("9", "10")  # numbers are in their order
    assert corpus.train[0].words == ("A", "b.")


def test_a_rare_label_stays_in_training(here):
    for n in range(20):
        (here / "a.tsv").write_text("".join([*LINES, f"rare\tonly {n}\n"]))
        corpus = load()
        label = corpus.classes.index("rare")
        assert [s.words[1] for s in corpus.train if s.label == label] == [str(n)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train": "good\ta\nbad\tb\n good \t\n"}, "^train.tsv:3: text is '', not a "),
        ({"train": "good\ta\n\tb\n"}, "^train.tsv:2: label is '', not a text"),
        ({"train": "good\ta\nb\n"}, "^train.tsv:2: 1 tab-separated columns, not 2"),
        ({"train": "a\tx\na\ty\n"}, "^all texts of train.tsv are 'a'; give two labels"),
        ({"train": "a\tx\nb\ty\nc\tz\n"}, "each of the 3 texts of train.tsv has a lab"),
        ({"dev": "good\ta\nbda\tb\n"}, "^dev.tsv:2: no text of train has the label 'b"),
        ({"test": "1\tx\n"}, "test.tsv:1: .* label '1'; they have bad, good$"),
        ({"test": "godo\tx\n"}, r"test.tsv:1: .*'godo'; did you mean good\?"),
        (
            {"train": "good\ta\nbad\tb\n", "dev": None},
            "train.tsv has 2 different texts",
        ),
    ],
)
def test_a_bad_file_is_named(here, files, message):
    usual = dict.fromkeys(("train", "dev", "test"), "good\ta\nbad\tb\ngood\tc\n")
    options = {}
    for name, text in (usual | files).items():
        if text is not None:
            (here / f"{name}.tsv").write_text(text)
            options[name] = f"{name}.tsv"
    with pytest.raises(ValueError, match=message):
        load(**options)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (True, "label is True"),
        (1.0, "label is 1.0"),
        (None, "label is None"),
        ([], r"label is \[\]"),
    ],
)
def test_a_label_that_is_none_is_named(here, label, message):
    (here / "b.jsonl").write_text(json.dumps({"text": "a", "label": label}))
    with pytest.raises(ValueError, match=f"^b.jsonl:1: {message}, not a text"):
        load(train="b.jsonl")
    (here / "b.jsonl").write_text('{"text": "a", "lable": 1}')
    with pytest.raises(
        ValueError, match="b.jsonl:1: no 'label'; the line has 'text', 'la"
    ):
        load(train="b.jsonl")


@pytest.mark.parametrize("held_out", [0, 0.5, -1, "a"])
def test_a_share_out_of_range_is_named(here, held_out):
    with pytest.raises(ValueError, match="held_out"):
        load(held_out=held_out)


def test_a_run_answers_as_it_was_judged_without_its_corpus(here):
    options = {k: v for k, v in SMALL.items() if "evidence" not in k}
    options["data.files.train"] = "a.tsv"
    plan = rows.plan(get_config("files"), lambda add: add("row"), options)
    (folder,) = rows.write_folders(plan, here / "runs")
    result = run(folder, console=False)
    assert result["training_sentences"] == 28
    test = load().test
    (here / "a.tsv").unlink()
    (folder / runs.EXAMPLES).rename(folder / "away")  # which has the classes, too
    shares = runs.read_arrays(folder / "away")["probabilities"]
    trained = attnlab.load(folder)
    assert trained.classes == ("0", "1", "2")
    pairs = runs.read_alignments(folder)["test"]
    for sentence, row, pair in zip(test, shares, pairs, strict=True):
        answer = trained.classify(" ".join(sentence.words))
        assert answer.label == str(row.argmax())
        np.testing.assert_allclose([*answer.probabilities.values()], row, rtol=1e-4)
        np.testing.assert_allclose(answer.weights, pair.weights[0], rtol=1e-4)
    answer = trained.classify("Good text!")  # cut as the run's text was
    assert answer.words == ("good", "text", "!")
    (path,) = answer.plot(here / "answer.png", title="mine")
    assert path.stat().st_size > 1000


@pytest.mark.parametrize(
    ("test", "dev", "expected"),
    [
        (2, 60, "test: 2 examples, dev: 60 examples: accuracy says little; name test"),
        (60, 1, "test: 60 examples, dev: 1 example: accuracy says little; name dev"),
        (
            49,
            50,
            "test: 49 examples, dev: 50 examples: accuracy says little; name test",
        ),
        (50, 50, ""),
    ],
)
def test_small_sets_are_said_before_training(here, test, dev, expected):
    for name, size in {"test": test, "dev": dev}.items():
        lines = [f"{n % 3}\tA text {n}.\n" for n in range(size)]
        (here / f"{name}.tsv").write_text("".join(lines))
    options = {k: v for k, v in SMALL.items() if "evidence" not in k}
    options |= {f"data.files.{s}": f"{s}.tsv" for s in ("test", "dev")}
    options["data.files.train"] = "a.tsv"
    (plan,) = rows.plan(get_config("files"), lambda add: add("row"), options)
    notes = make_task(plan.settings, here).notes
    flag = expected.replace("name ", "name --config.data.files.")
    assert [note for note in notes if "says little" in note] == (
        [f"{flag}=... or give more"] if expected else []
    )


def test_text_is_cut_as_each_corpus_is():
    assert words_as_read("A b.", "sst", {"lowercase": True}) == ("a", "b.")
    assert words_as_read("A b.", "polarity", {}) == ("A", "b.")
    assert words_as_read("A b.", "imdb", {"dev": 2}) == ("a", "b")
    assert words_as_read("A b.", "files", {"tokenized": True}) == ("A", "b.")
