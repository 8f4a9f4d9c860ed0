"""Settings that would fail late are refused before training, by name and choices."""

import numpy as np
import pytest

from attnlab.nn.init_params import with_frequencies
from attnlab.tasks.translation import task as task_module
from attnlab.tasks.translation.data import left_out, make_codecs, unknown_words
from attnlab.tasks.translation.task import make_task
from attnlab.text.batching import bucketed
from attnlab.text.pairs import Corpus, GoldPair, Pair
from attnlab.text.vocabulary import Vocabulary
from tests.tiny import tiny


@pytest.mark.parametrize(
    ("setting", "value", "choices"),
    [
        ("data.name", "news", ["synthetic", "hansards", "files", "shards"]),
        ("data.units", "letters", ["words", "subwords"]),
        ("data.shapes", -1, ["0"]),
        ("data.join", 1.5, ["1"]),
        ("model.decoder", "loung", ["bahdanau", "luong"]),
        ("model.encoder", "both", ["bi", "uni"]),
        ("model.cell", "rnn", ["cho-gru", "gru", "lstm"]),
        ("model.dropout", 1.0, ["1"]),
        ("evaluate.length_penalty", "long", ["none", "average", "gnmt"]),
        ("evaluate.tokenize", "moses", ["none", "13a", "intl", "char"]),
        ("evaluate.predict", "soft", ["expected", "marginal", "argmax"]),
        ("evaluate.dev_sentences", 0, ["1"]),
        ("evaluate.beams", 0, ["1"]),
        ("evaluate.positions", 0, ["1"]),
        ("evaluate.ratio", float("inf"), ["finite"]),
        ("train.steps", 0, ["1"]),
        ("train.evaluate_every", 0, ["1"]),
        ("train.log_every", 0, ["1"]),
        ("train.stop_on", "aer", ["bleu", "perplexity"]),
        ("train.label_smoothing", 1.5, ["1"]),
    ],
)
def test_a_wrong_setting_is_answered_with_what_is_allowed(setting, value, choices):
    with pytest.raises(ValueError) as caught:
        tiny(**{setting: value})
    named = str(caught.value)
    assert all(word in named for word in [setting, repr(value), *choices])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"model.decoder": "bahdanau", "model.layers": 2},
            ["bahdanau", "model.layers 2"],
        ),
        ({"model.reverse_source": True}, ["model.reverse_source", "uni"]),
        ({"model.tied": True, "model.embedding": 7}, ["readouts 8", "embedding 7"]),
        ({"evaluate.predict": "marginal"}, ["evaluate.predict", "marginal"]),
        (
            {
                "train.label_smoothing": 0.1,
                "model.read": "hard",
                "estimator.learning": "marginal",
            },
            ["train.label_smoothing", "marginal"],
        ),
    ],
)
def test_settings_that_do_not_go_together_are_named(changes, named):
    with pytest.raises(ValueError) as caught:
        tiny(**changes)
    assert all(word in str(caught.value) for word in named)


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("evaluate.gold", "odd224", "evaluate.gold is 'odd224'.*'test', 'dev'"),
        ("data.name", "files", "'files' needs train"),
    ],
)
def test_what_the_corpus_does_not_fit_is_named_at_once(tmp_path, setting, value, named):
    with pytest.raises(ValueError, match=named):
        make_task(tiny(**{setting: value}), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("given", "lacking"), [("dev", "test"), ("test", "dev")])
def test_files_without_a_set_are_refused_before_training(tmp_path, given, lacking):
    for name in ("train", given):
        (tmp_path / f"{name}.tsv").write_text("a b\tx y\n" * 9)
    paths = {
        "data.name": "files",
        "data.files.train": str(tmp_path / "train.tsv"),
        f"data.files.{given}": str(tmp_path / f"{given}.tsv"),
    }
    with pytest.raises(
        ValueError, match=f"^translation needs {lacking} pairs"
    ) as error:
        make_task(tiny(**paths), tmp_path)
    assert f"--config.data.files.{lacking}=SOURCE,TARGET (nothing is" in str(
        error.value
    )


def test_batches_have_rows_of_their_own_with_a_token_budget():
    assert tiny().train.rows == 8
    assert tiny(**{"train.token_budget": 96}).train.rows is None


def test_an_untrained_vocabulary_predicts_the_frequencies():
    counts = np.array([0, 3, 7])
    params = {"params": {"vocabulary_bias": np.zeros(3), "other": 1}}
    bias = with_frequencies(params, counts)["params"]["vocabulary_bias"]
    np.testing.assert_allclose(np.exp(bias) / np.exp(bias).sum(), (counts + 1) / 13)


def test_pairs_that_are_left_out_are_counted():
    pairs = [([4, 5], [6])] * 3 + [([4] * 20, [6])]
    (line,) = left_out(bucketed(pairs, batch_size=2, longest=12), None)
    assert line.startswith("1 of 4 training pairs") and "12" in line
    assert "data.longest" in line
    assert left_out(bucketed(pairs[:3], batch_size=2), None) == []


def test_a_vocabulary_without_a_word_is_refused_before_anything_is_written(tmp_path):
    settings = tiny(**{"data.min_count": 1_000_000})
    with pytest.raises(ValueError, match="data.min_count is 1000000, and no source"):
        make_codecs(settings, settings.data.load())
    with pytest.raises(ValueError, match="data.min_count"):
        make_task(settings, tmp_path)
    assert not list(tmp_path.iterdir())


def test_texts_of_words_that_a_model_does_not_know_are_named():
    known = [Pair(("a", "b"), ("x", "y"))] * 4
    capitals = GoldPair(("A", "B"), ("x", "y"), frozenset(), frozenset())
    half = [Pair(("a", "B"), ("X", "Y"))]
    corpus = Corpus("files", known, known, half, {"people": [capitals]}, "s", "t", "")
    source, target = Vocabulary.build_both(known, (None, None))
    assert unknown_words(corpus, source, target) == [
        "100% of the target words of test are unknown to the model, so its scores say "
        "little",
        "100% of the source words of gold set people are unknown to the model, so its "
        "scores say little",
    ]
    few = Vocabulary.build([["z"]])
    said = unknown_words(corpus, few, target)
    assert said[0].startswith("100% of the source words of train")


def test_a_run_says_so_in_its_notes_and_its_result(tmp_path, monkeypatch):
    sides = {"de": "a b\n" * 20, "en": "x y\n" * 20, "DE": "A B\n" * 20}
    for name, text in sides.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "links").write_text("0-0\n" * 20)
    train, test = (f"{tmp_path}/{name},{tmp_path}/en" for name in ("de", "DE"))
    settings = tiny(
        **{
            "data.name": "files",
            "data.files.train": train,
            "data.files.dev": train,
            "data.files.test": test,
            "data.files.gold": f"{test},{tmp_path}/links",
        }
    )
    (tmp_path / "run").mkdir()
    task = make_task(settings, tmp_path / "run")
    lines = [
        f"100% of the source words of {name} are unknown to the model, so its scores "
        "say little"
        for name in ("test", "gold set gold")
    ]
    assert [note for note in task.notes if "unknown" in note] == lines
    scores = dict.fromkeys(task_module.TEXT_SCORES, 0.0)
    monkeypatch.setattr(task_module, "evaluate_run", lambda *arguments: scores)
    assert task.finish({}, tmp_path)["unknown_words"] == "; ".join(lines)
    (tmp_path / "known").mkdir()
    known = make_task(tiny(), tmp_path / "known")
    assert "unknown_words" not in known.finish({}, tmp_path)
