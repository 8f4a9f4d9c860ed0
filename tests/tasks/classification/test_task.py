"""The classification task: every row of its sweeps, its scores, its refusals."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab.report.report import write_report
from attnlab.sweep import rows
from attnlab.tasks.classification.records import LabeledSentence
from attnlab.tasks.classification.task import Predictions, make_task, score
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import TrainState, train_step
from configs.ablations import classification as sweep_of_evidence
from configs.ablations import imdb
from configs.classification import CORPORA, get_config
from tests.nn import cells_by_hand
from tests.tasks.classification.small import SMALL, small

# Compiling a row takes three seconds: these are compiled, the others only traced.
COMPILED = ("... compat", "hard, reinforce")


def small_rows():
    """(name, config) of the rows of both sweeps; equal models come once."""
    found = {}
    for module in (sweep_of_evidence, imdb):
        overrides = SMALL | {"data.name": "evidence"}
        for planned in rows.plan(module.get_config(), module.sweep, overrides):
            chosen = {key: planned.config[key] for key in ("model", "estimator")}
            found.setdefault(
                json.dumps(chosen), (planned.config["row"], planned.config)
            )
    return list(found.values())


ROWS = small_rows()


@pytest.mark.parametrize("name, config", ROWS, ids=[name for name, _ in ROWS])
def test_a_row_takes_two_steps(name, config, tmp_path):
    task = make_task(config, tmp_path)
    tx = make_optimizer(
        config["train"], make_schedule(config["train"], len(task.batches))
    )
    shapes = jax.eval_shape(task.init, jax.random.key(0))
    params = cells_by_hand.random_like(shapes, scale=0.3)
    start = jnp.zeros((), jnp.int32)
    state = TrainState(
        params, tx.init(params), task.estimator_state, start, jax.random.key(1)
    )
    update = partial(train_step, loss=task.loss, tx=tx)
    if name not in COMPILED:
        after, _ = jax.eval_shape(update, state, task.batches.at(0))
        assert jax.tree.structure(after) == jax.tree.structure(state)
        for old, new in zip(
            jax.tree.leaves(state), jax.tree.leaves(after), strict=True
        ):
            assert (old.shape, old.dtype) == (new.shape, new.dtype)
        return
    compiled = jax.jit(update, compiler_options={"xla_backend_optimization_level": 0})
    for step in range(2):
        state, sums = compiled(state, task.batches.at(step))
        assert np.isfinite(float(sums.loss)) and int(sums.tokens) == 8
    for old, new in zip(
        jax.tree.leaves(params), jax.tree.leaves(state.params), strict=True
    ):
        assert not np.array_equal(old, new)


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_configuration_a_corpus(corpus):
    assert get_config(corpus).data.name == corpus


def test_an_unknown_corpus_is_a_line(tmp_path):
    with pytest.raises(ValueError, match="unknown corpus 'yelp'; choose evidence, im"):
        get_config("yelp")
    with pytest.raises(ValueError, match="unknown corpus 'yelp'; choose evidence, im"):
        make_task(small(**{"data.name": "yelp"}), tmp_path)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"pooling": "sum"}, "unknown model.pooling 'sum'; choose 'attention', 'mean'"),
        (
            {"pooling": "mean", "compat": True},
            "compat is of attention, not of model.po",
        ),
        (
            {"pooling": "max", "read": "hard", "learning": "marginal"},
            "model.read hard is of attention, not of model.pooling max",
        ),
        ({"score": "none"}, "looks at nothing; choose model.pooling last"),
        ({"coverage": True}, "coverage is of earlier looks"),
        ({"read": "hard", "learning": "elbo"}, "elbo needs an inference network"),
        (
            {"read": "hard", "learning": "reinforce", "feed": "sampled"},
            "a classifier looks once; choose estimator.feed expected",
        ),
        ({"read": "hard"}, "a hard read cannot learn by cross-entropy"),
        ({"predict": "guess"}, "unknown evaluate.predict 'guess'"),
        ({"dropout": 1.0}, "model.dropout is 1.0"),
        ({"dev_sentences": 0}, "evaluate.dev_sentences is 0"),
        ({"score": "bilinear"}, "unknown score 'bilinear'"),
        ({"cell": "rnn"}, "unknown cell 'rnn'"),
        ({"longest": 1}, "longest is 1"),
    ],
)
def test_a_wrong_setting_is_named_at_once(settings, message, tmp_path):
    names = {"longest": "data.longest", "dropout": "model.dropout"}
    overrides = {names[k]: v for k, v in settings.items() if k in names}
    chosen = {k: v for k, v in settings.items() if k not in names}
    with pytest.raises(ValueError, match=message):
        make_task(small(chosen, **overrides), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_preset_of_another_task_is_refused():
    with pytest.raises(
        ValueError, match="'bahdanau2014' is for translate and caption, not cl"
    ):
        small({"preset": "bahdanau2014"})


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
    config = small({"preset": "tf-rnn-attention"}, **{"data.longest": 12})
    runs.write_json(folder / runs.CONFIG, config)
    task = make_task(config, folder)
    params = cells_by_hand.random_like(jax.eval_shape(task.init, jax.random.key(0)))
    result = task.finish(params, folder)
    runs.write_json(folder / runs.RESULT, result | {"row": config["row"]})
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
    config = runs.read_json(folder / runs.CONFIG)
    codec = folder / "words.codec"
    before = codec.read_bytes()
    again = make_task(config, folder)
    assert codec.read_bytes() == before
    for ours, theirs in zip(task.batches.at(3), again.batches.at(3), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert any("training sentences are longer than 12" in note for note in again.notes)


def test_validation_gives_the_scores_that_stop_and_no_histograms(finished):
    _, task, params, _ = finished
    found = task.validate(params)
    assert set(found) == set(task.scores) == {"accuracy", "loss"}
    assert all(np.ndim(value) == 0 for value in found.values())


def test_histograms_are_of_words_alone(finished):
    _, task, params, _ = finished
    found = task.histograms(params)
    words = len(found["weights"])
    assert found["states"].shape == (words, 8)
    assert (found["weights"] > 0).all() and (found["states"] != 0).all()


def test_a_hard_local_look_keeps_its_centre_and_its_draw(tmp_path):
    settings = {"window": "local-m", "half_width": 2, "read": "hard"}
    config = small(settings | {"learning": "marginal"})
    task = make_task(config, tmp_path)
    params = cells_by_hand.random_like(jax.eval_shape(task.init, jax.random.key(0)))
    task.finish(params, tmp_path)
    for pair in runs.read_alignments(tmp_path)["test"]:
        assert pair.centres.tolist() == [0.0]  # the first and only step
        assert 0 <= pair.samples[0] <= 2
        assert pair.weights[0, pair.samples[0]] > 0
