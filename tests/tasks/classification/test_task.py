"""The classification task: every row of its sweeps, its scores, its refusals."""

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.estimators.rules import LEARNING, RULES
from attnlab.report.report import write_report
from attnlab.sweep import rows
from attnlab.tasks import make_task, parse_settings
from attnlab.tasks.classification.corpora import CORPORA
from attnlab.tasks.classification.evaluate import Predictions, score
from attnlab.tasks.classification.records import LabeledSentence
from configs.ablations import classification as sweep_of_evidence
from configs.ablations import imdb
from configs.classification import get_config
from tests.nn import cells_by_hand
from tests.tasks.classification.small import SMALL, small, small_spec
from tests.updates import assert_an_update_keeps_its_shapes, two_updates

# Compiling a row takes three seconds: these are compiled, the others only traced.
COMPILED = ("... compat", "hard, reinforce")


def small_rows():
    """{name: settings} of the rows of both sweeps; equal models come once."""
    distinct = {}
    for module in (sweep_of_evidence, imdb):
        overrides = SMALL | {"data.name": "evidence"}
        if module is sweep_of_evidence:  # which has a row with the score location
            overrides |= {"model.max_length": 12}
        for run in rows.plan(module.get_config(), module.sweep, overrides):
            key = run.settings.model, run.settings.estimator
            distinct.setdefault(key, (run.config["row"], run.settings))
    return dict(distinct.values())


ROWS = small_rows()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_makes_an_update(name):
    assert_an_update_keeps_its_shapes(ROWS[name])


@pytest.mark.parametrize("name", ["... compat", "hard, reinforce"])
def test_a_row_takes_two_steps(name):
    _, sums, moved = two_updates(ROWS[name])
    for total in sums:
        assert np.isfinite(float(total.loss)) and int(total.tokens) == 8
    assert moved == 1.0


STEP_RULES = [
    rule
    for rule in LEARNING["hard"]
    if not (RULES[rule].needs_q or RULES[rule].needs_transition)
]


@pytest.mark.parametrize("rule", STEP_RULES)
def test_every_rule_that_needs_no_inference_network_makes_an_update(rule):
    settings = small({"read": "hard", "learning": rule})
    assert_an_update_keeps_its_shapes(settings)


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_configuration_a_corpus(corpus):
    assert get_config(corpus).data.name == corpus
    assert parse_settings(get_config(corpus)).data.name == corpus


HARD = {"read": "hard", "learning": "reinforce"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data.name": "yelp"}, ["data.name", "yelp", *CORPORA]),
        ({"data.longest": 1}, ["data.longest", "1"]),
        ({"data.vocabulary": 4}, ["data.vocabulary", "4"]),
        ({"data.sst.classes": 3}, ["data.sst.classes", "3", "5", "2"]),
        ({"data.evidence.cues": 0}, ["data.evidence.cues", "0"]),
        ({"pooling": "sum"}, ["model.pooling", "sum", "attention", "mean", "max"]),
        ({"pooling": "mean", "compat": True}, ["model.compat", "mean"]),
        (
            {"pooling": "max", "read": "hard", "learning": "marginal"},
            ["model.read", "hard", "model.pooling max"],
        ),
        ({"score": "none"}, ["model.score none", "model.pooling last"]),
        ({"score": "bilinear"}, ["model.score", "bilinear", "additive"]),
        ({"coverage": True}, ["model.coverage"]),
        ({"cell": "rnn"}, ["model.cell", "rnn", "cho-gru", "gru", "lstm"]),
        ({"layers": 0}, ["model.layers", "0"]),
        ({"model.dropout": 1.0}, ["model.dropout", "1.0"]),
        ({"read": "hard", "learning": "elbo"}, ["estimator.learning elbo", "marginal"]),
        (HARD | {"feed": "sampled"}, ["estimator.feed", "sampled", "expected"]),
        ({"read": "hard"}, ["hard", "cross-entropy"]),
        ({"predict": "guess"}, ["evaluate.predict", "guess", "expected", "argmax"]),
        ({"predict": "argmax"}, ["evaluate.predict", "argmax"]),
        ({"evaluate.sentences": 0}, ["evaluate.sentences", "0"]),
        ({"dev_sentences": 0}, ["evaluate.dev_sentences", "0"]),
        ({"train.steps": 0}, ["train.steps", "0"]),
        ({"train.log_every": 0}, ["train.log_every", "0"]),
        ({"train.evaluate_every": 0}, ["train.evaluate_every", "0"]),
        ({"stop_on": "bleu"}, ["train.stop_on", "bleu", "accuracy", "loss"]),
        ({"preset": "bahdanau2014"}, ["bahdanau2014", "classification"]),
    ],
)
def test_a_wrong_setting_is_named_with_the_choices(changes, named):
    overrides = {name: value for name, value in changes.items() if "." in name}
    row = {name: value for name, value in changes.items() if "." not in name}
    with pytest.raises(ValueError) as caught:
        small(row, **overrides)
    assert all(word in str(caught.value) for word in named)


def test_scores_are_counted_by_hand():
    test = [
        LabeledSentence(("a", "b", "c"), 1, frozenset({1})),
        LabeledSentence(("a", "b", "c"), 0, frozenset({0, 2})),
        LabeledSentence(("a", "b"), 0),
        LabeledSentence(("a", "b", "c"), 1, frozenset({2})),  # cut off: not seen
    ]
    shares = np.array([[0.2, 0.8], [0.4, 0.6], [0.9, 0.1], [0.3, 0.7]])
    weights = [
        np.array([0.1, 0.3, 0.1]),  # half of the weight is elsewhere
        np.array([0.3, 0.6, 0.1]),
        np.array([0.5, 0.5]),
        np.array([1.0, 0.0]),
    ]
    results, example_counts = score(
        Predictions(np.log(shares), weights, np.zeros(4)), test, longest=3
    )
    assert results["accuracy"] == 0.75
    nats = -np.log([0.8, 0.4, 0.9, 0.7])
    np.testing.assert_allclose(results["loss"], nats.mean())
    assert results["pointing"] == 0.5
    np.testing.assert_allclose(results["mass_on_gold"], (0.6 + 0.3) / 2)
    np.testing.assert_allclose(results["largest_weight"], (0.6 + 0.6 + 0.5 + 1) / 4)
    np.testing.assert_array_equal(example_counts["accuracy"][:, 0], [1, 0, 1, 1])
    np.testing.assert_array_equal(
        example_counts["pointing"], [[1, 1], [0, 1], [0, 0], [0, 0]]
    )
    for name, counts in example_counts.items():
        assert counts[:, 0].sum() / counts[:, 1].sum() == pytest.approx(results[name])


def test_without_weights_nothing_is_said_of_them():
    test = [LabeledSentence(("a",), 1, frozenset({0}))]
    results, example_counts = score(
        Predictions(np.log([[0.5, 0.5]]), [np.zeros(1)], np.zeros(1)), test, 9
    )
    assert set(results) == set(example_counts) == {"accuracy", "loss"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(folder, task, params, result) of a run of compat, some sentences being cut."""
    folder = tmp_path_factory.mktemp("classify") / "row" / "0"
    spec = small_spec({"preset": "tf-rnn-attention"}, **{"data.longest": 12})
    runs.write_json(folder / runs.CONFIG, spec.config)
    task = make_task(spec.settings, folder)
    params = cells_by_hand.random_like(jax.eval_shape(task.init, jax.random.key(0)))
    result = task.finish(params, folder)
    runs.write_json(folder / runs.RESULT, result | {"row": spec.config["row"]})
    return folder, task, params, result


def test_a_run_leaves_what_reports_read(finished):
    folder, _, _, result = finished
    assert 0 <= result["accuracy"] <= 1 and 0 <= result["pointing"] <= 1
    assert 0 < result["weight_on_padding"] < 0.9
    assert result["training_sentences"] == 40 and result["cut_sentences"] > 0
    example_counts = runs.read_example_counts(folder)
    assert len(set(example_counts.examples)) == 12
    for name in ("accuracy", "loss", "pointing"):
        counts = example_counts.counts[name].sum(axis=0)
        assert counts[0] / counts[1] == pytest.approx(result[name])
    shown = runs.read_alignments(folder)["test"]
    arrays = runs.read_arrays(folder / runs.EXAMPLES)
    assert len(shown) == len(arrays["probabilities"]) == 5
    np.testing.assert_allclose(arrays["probabilities"].sum(axis=1), 1, rtol=1e-5)
    for pair in shown:
        assert len(pair.source) <= 11 and pair.target[0] in ("negative", "positive")
        assert 0 < pair.weights.sum() < 1  # the rest is on EOS and padding


def test_its_report_is_drawn(finished):
    names = {path.name for path in write_report(finished[0].parent.parent)}
    assert {"table.txt", "sentences.png"} <= names


def test_a_resumed_run_reads_its_vocabulary_again(finished):
    folder, task, params, _ = finished
    codec = folder / "words.codec"
    before = codec.read_bytes()
    again = make_task(parse_settings(runs.read_config(folder)), folder)
    assert codec.read_bytes() == before
    for ours, theirs in zip(task.batches.at(3), again.batches.at(3), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert any("longer than 12" in note for note in again.notes)


def test_validation_gives_the_scores_that_stop_and_no_histograms(finished):
    _, task, params, _ = finished
    scores = task.validate(params)
    assert set(scores) == set(task.scores) == {"accuracy", "loss"}
    assert all(np.ndim(value) == 0 for value in scores.values())


def test_histograms_are_of_words_alone(finished):
    _, task, params, _ = finished
    arrays = task.histograms(params)
    words = len(arrays["weights"])
    assert arrays["states"].shape == (words, 8)
    assert (arrays["weights"] > 0).all() and (arrays["states"] != 0).all()


def test_a_hard_local_look_keeps_its_centre_and_its_draw(tmp_path):
    settings = {"window": "local-m", "half_width": 2, "read": "hard"}
    task = make_task(small(settings | {"learning": "marginal"}), tmp_path)
    params = cells_by_hand.random_like(jax.eval_shape(task.init, jax.random.key(0)))
    task.finish(params, tmp_path)
    for pair in runs.read_alignments(tmp_path)["test"]:
        assert pair.centres.tolist() == [0.0]  # the first and only step
        assert 0 <= pair.samples[0] <= 2
        assert pair.weights[0, pair.samples[0]] > 0
