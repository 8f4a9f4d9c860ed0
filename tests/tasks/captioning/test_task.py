"""Captioning on tiny scenes: every row of the sweep, scores, files and settings."""

import json
from functools import partial

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.estimators.decoder_steps import forced, real_steps
from attnlab.estimators.prediction import Prediction, Search
from attnlab.metrics import bleu_score as bleu
from attnlab.sweep import rows
from attnlab.tasks import parse_settings
from attnlab.tasks.captioning.batches import Captioned, GoldPlace
from attnlab.tasks.captioning.generate import Captioner
from attnlab.tasks.captioning.plots import read_examples
from attnlab.tasks.captioning.pointing import hits
from attnlab.tasks.captioning.scenes import WORDS
from attnlab.tasks.captioning.task import CODEC, build_model, make_task, penalty_of
from attnlab.text.vocabulary import Vocabulary
from configs.ablations import xu2015
from configs.captioning import get_config
from tests.estimators.toy import FAST
from tests.updates import assert_an_update_keeps_its_shapes, two_updates

TINY = {
    "data.scenes.train": 16,
    "data.scenes.dev": 4,
    "data.scenes.test": 6,
    "data.scenes.grid": 2,
    "data.scenes.most": 2,
    "data.shapes": 1,
    "model.channels": (3, 4),
    "model.embedding": 4,
    "model.hidden": 4,
    "model.attention_hidden": 4,
    "train.batch_size": 4,
    "train.steps": 2,
    "evaluate.pictures": 4,
    "evaluate.longest": 5,
    "wandb.mode": "disabled",
}


def tiny(overrides=None, **settings):
    config = rows.resolve(get_config(), settings, TINY | (overrides or {}))
    return parse_settings(config)


ROWS = {
    run.config["slug"]: run.settings
    for run in rows.plan(xu2015.get_config(), xu2015.sweep, TINY)
}


@pytest.mark.parametrize("slug", ROWS)
def test_a_row_makes_an_update(slug):
    # dot needs queries as wide as annotations, which are as wide as the last channel
    settings = ROWS[slug]
    assert_an_update_keeps_its_shapes(settings)


@pytest.mark.parametrize("slug", ["soft", "hard-reinforce"])
def test_a_row_takes_two_steps(slug):
    settings = ROWS[slug]
    _, batches, moved = two_updates(settings)
    for sums in batches:
        assert 0 < float(sums.loss) / int(sums.tokens) < np.log(24) + 0.5
    assert moved > 0.8


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A hard read, tested without training."""
    folder = tmp_path_factory.mktemp("run")
    settings = {"read": "hard", "learning": "marginal", "beams": 2}
    task = make_task(tiny(**settings), folder)
    params = jax.jit(task.init, compiler_options=FAST)(jax.random.key(0))
    return task, params, folder, task.finish(params, folder)


def test_the_run_folder_holds_what_the_report_reads(finished):
    task, params, folder, result = finished
    assert {"bleu", "exact", "perplexity", "pointing"} <= set(result)
    assert result["perplexity_bound"] == "marginal"
    assert result["perplexity_marginal"] == result["perplexity"]
    names = (runs.SOURCES, runs.REFERENCES, runs.HYPOTHESES)
    sources, references, hypotheses = (runs.read_lines(folder / n) for n in names)
    assert len(sources) == len(references) == len(hypotheses) == 6
    assert bleu.bleu(hypotheses, references).score == pytest.approx(result["bleu"])
    nats, units = runs.read_losses(folder)
    assert np.exp(nats.sum() / units.sum()) == pytest.approx(result["perplexity"])
    assert units.tolist() == [len(line.split()) + 1 for line in references]
    example_counts = runs.read_example_counts(folder)
    for score in ("exact", "pointing"):
        hit, counted = example_counts.counts[score].sum(axis=0)
        assert hit / counted == pytest.approx(result[score])
    words = [word for line in references for word in line.split()]
    digits = sum(word in WORDS for word in words)
    assert example_counts.counts["pointing"][:, 1].sum() == digits
    examples = read_examples(folder)
    assert [example.name for example in examples] == sources
    for example, hypothesis in zip(examples, hypotheses, strict=True):
        assert " ".join(example.words) == hypothesis
        assert example.picture.shape == (16, 16, 1)
        shape = (len(example.words), 4, 4)
        assert example.weights.shape == example.reads.shape == shape
        assert np.isin(example.reads, [0, 1]).all()
        sums = example.reads.reshape(len(example.words), 16).sum(axis=1)
        np.testing.assert_array_equal(sums, 1)
    assert set(task.scores) == {"bleu", "exact", "perplexity", "pointing"}


def test_validation_has_the_scores_that_may_choose(finished):
    task, params, *_ = finished
    assert set(task.validate(params)) == set(task.scores)


def test_the_vocabulary_is_read_back(finished, monkeypatch):
    _, _, folder, _ = finished
    words = (folder / CODEC).read_text()
    monkeypatch.setattr(Vocabulary, "build", None)
    make_task(tiny(read="hard", learning="marginal"), folder)
    assert (folder / CODEC).read_text() == words


PLACES = (GoldPlace(0, 0.0, 0.0, 0.5, 0.5), GoldPlace(2, 0.5, 0.0, 1.0, 0.5))


def test_a_word_points_with_its_heaviest_cell():
    picture = np.zeros((4, 4, 1), np.uint8)
    item = Captioned("one", (tuple("abc"),), picture, None, PLACES)
    weights = np.zeros((3, 6))  # of 2 x 3 cells: rows split at 0.5, columns in thirds
    weights[0, 0], weights[0, 1] = 0.4, 0.3  # cell 0, middle (0.25, 0.17): inside
    weights[1, 5] = 1.0  # no place is known
    weights[2, 4] = 1.0  # middle (0.75, 0.5): just outside
    np.testing.assert_array_equal(hits([weights], [item], (2, 3)), [[1, 2]])
    weights[2, 4], weights[2, 3] = 0.4, 0.6
    np.testing.assert_array_equal(hits([weights], [item], (2, 3)), [[2, 2]])
    weights[0] = 0.0  # looks nowhere, where the argmax would be cell 0
    np.testing.assert_array_equal(hits([weights], [item], (2, 3)), [[1, 2]])


def test_the_penalty_is_added_to_what_is_minimized_alone(tmp_path):
    plain_task = make_task(tiny(), tmp_path)
    strict = make_task(tiny(doubly_stochastic=2.0), tmp_path)
    params = plain_task.init(jax.random.key(0))
    size = params["params"]["vocabulary_bias"].shape[0]
    model = build_model(tiny(), (16, 16, 1), size)
    batch = plain_task.batches.at(0)

    @partial(jax.jit, compiler_options=FAST)
    def run(params):
        rng, estimator_state = jax.random.key(1), plain_task.estimator_state
        loss, (sums, _) = plain_task.loss(params, batch, rng, estimator_state)
        more, (strict_sums, _) = strict.loss(params, batch, rng, estimator_state)
        unrolled = forced(model, params, batch)
        return loss, more, sums, strict_sums, unrolled.weights

    loss, more, sums, strict_sums, weights = run(params)
    assert float(sums.loss) == float(strict_sums.loss) == float(loss)
    real = np.asarray(real_steps(batch))
    received = (np.asarray(weights) * real[..., None]).sum(axis=1)
    term = ((1 - received) ** 2).sum(axis=1)[real.any(axis=1)].sum()
    assert float(more - loss) == pytest.approx(2.0 * term, rel=1e-4)
    assert penalty_of(0.0)(None, None) == 0.0


def test_descriptions_keep_the_order_of_the_pictures():
    """Alone, or among others in another batch: the same captions, beam as well."""
    items = tiny().data.load().test
    codec = Vocabulary.build([w for i in items for w in i.captions], None, 1)
    model = build_model(tiny(), (16, 16, 1), codec.size)
    params = jax.jit(partial(model.init, method="parameters"), compiler_options=FAST)(
        jax.random.key(2)
    )
    captioner = Captioner(
        model, codec, batch_size=4, longest=5, prediction=Prediction()
    )
    search = Search(beams=2)
    together = captioner.describe(params, items, search)
    backwards = captioner.describe(params, items[::-1], search)[::-1]
    assert [d.words for d in together] == [d.words for d in backwards]
    for caption, other in zip(together, backwards, strict=True):
        np.testing.assert_allclose(caption.weights, other.weights, rtol=1e-5)
        assert len(caption.weights) == len(caption.words) <= 5
        assert caption.score == pytest.approx(other.score, rel=1e-5)
    forced_weights = captioner.align(params, items, [d.words for d in together])
    for caption, weights in zip(together, forced_weights, strict=True):
        np.testing.assert_allclose(weights, caption.weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("setting", "value", "choices"),
    [
        ("data.name", "coco", ["scenes", "flickr8k_1k", "emoji_captions", "folder"]),
        ("data.emoji_captions.split", "hard", ["variant", "base"]),
        ("data.flickr8k_1k.size", 7, []),
        ("data.folder.size", 7, []),
        ("data.scenes.room", 7, []),
        ("data.scenes.most", 0, []),
        ("data.scenes.test", -1, []),
        ("data.longest", 1, []),
        ("data.min_count", 0, []),
        ("model.annotations", "vgg", ["conv", "given"]),
        ("model.score", "bilinear", ["dot", "additive", "none"]),
        ("model.cell", "rnn", ["cho-gru", "gru", "lstm"]),
        ("model.preset", "xu2016", ["xu2015-soft"]),
        ("model.dropout", 1.0, []),
        ("train.doubly_stochastic", -1.0, []),
        ("train.label_smoothing", 1.0, []),
        ("train.steps", 0, []),
        ("train.stop_on", "aer", ["exact", "bleu", "perplexity", "pointing"]),
        ("evaluate.beams", 0, []),
        ("evaluate.pictures", 0, []),
        ("evaluate.dev_pictures", 0, []),
        ("evaluate.longest", 0, []),
        ("evaluate.positions", 0, []),
        ("evaluate.length_penalty", "log", ["average", "gnmt", "none"]),
        ("evaluate.predict", "best", ["expected", "marginal", "argmax"]),
    ],
)
def test_wrong_choices_are_answered_with_the_right_ones(setting, value, choices):
    config = json.loads(rows.resolve(get_config(), {}, TINY).to_json())
    *sections, name = setting.split(".")
    section = config
    for part in sections:
        section = section[part]
    section[name] = value
    with pytest.raises(ValueError) as caught:
        parse_settings(config)
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in [setting, repr(value), *choices])


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"model.channels": ()}, "model.channels"),
        ({"evaluate.predict": "marginal"}, "evaluate.predict marginal"),
        (
            {
                "model.read": "hard",
                "estimator.learning": "marginal",
                "train.label_smoothing": 0.1,
            },
            "train.label_smoothing",
        ),
        ({"model.read": "hard"}, "estimator.learning"),
    ],
)
def test_settings_that_do_not_go_together_are_named(overrides, named):
    with pytest.raises(ValueError, match=named):
        tiny(overrides)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"model.annotations": "given"}, "'scenes' .*model.annotations conv"),
        ({"model.channels": (2,) * 5}, "16 x 16 pixels .* 5 times"),
        ({"data.scenes.test": 0}, "no test pictures: data.scenes"),
        ({"data.scenes.most": 5}, "most is 5"),
    ],
)
def test_settings_that_the_pictures_do_not_fit_are_named(overrides, named, tmp_path):
    with pytest.raises(ValueError, match=named):
        make_task(tiny(overrides), tmp_path)


def test_an_option_that_a_corpus_does_not_have_is_unknown():
    config = json.loads(get_config().to_json())
    config["data"]["flickr8k_1k"]["sise"] = 3
    with pytest.raises(ValueError, match=r"data.flickr8k_1k.sise.*mean .*size"):
        parse_settings(config)


def test_given_features_need_no_encoder(tmp_path):
    grids = np.random.default_rng(0).normal(size=(3, 14, 14, 512)).astype(np.float32)
    np.save(tmp_path / "grids.npy", grids)
    records = [
        {"filename": f"{n}.jpg", "split": split, "sentences": [{"raw": "a b c"}]}
        for n, split in enumerate(("train", "val", "test"))
    ]
    (tmp_path / "data.json").write_text(json.dumps({"images": records}))
    overrides = {
        "data.name": "folder",
        "data.folder.json": str(tmp_path / "data.json"),
        "data.folder.features": str(tmp_path / "grids.npy"),
        "model.annotations": "given",
        "train.stop_on": "bleu",
    }
    task = make_task(tiny(overrides), tmp_path)
    batch = task.batches.at(0)
    np.testing.assert_array_equal(batch.source[0], grids[0])
    params = jax.eval_shape(task.init, jax.random.key(0))
    assert "grid" not in params["params"] and "pointing" not in task.scores
    loss, (sums, _) = jax.eval_shape(
        task.loss, params, batch, jax.random.key(1), task.estimator_state
    )
    assert loss.shape == sums.tokens.shape == ()
    wrong = tiny(overrides | {"model.annotations": "conv"})
    with pytest.raises(ValueError, match="model.annotations given"):
        make_task(wrong, tmp_path)


@pytest.mark.parametrize("name", ["xu2015-soft", "xu2015-hard"])
def test_the_papers_presets_reach_the_captioner(name):
    settings = tiny(preset=name)
    model, soft = settings.model, name == "xu2015-soft"
    assert model.gate and (model.score, model.cell) == ("additive", "lstm")
    assert model.annotations == "conv"
    assert settings.train.doubly_stochastic == (1.0 if soft else 0.0)
    assert settings.estimator.feed == ("expected" if soft else "sampled")
