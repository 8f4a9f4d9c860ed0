"""Which choices go together, and what training with each of them minimizes.

That every gradient is the right one is the subject of
tests/estimators/test_enumeration.py.
"""

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention.presets import PRESETS
from attnlab.estimators import (
    BASELINES,
    LEARNING,
    RULES,
    EstimatorState,
    MovingAverage,
    Rule,
    initial_estimator_state,
    rule_options,
)
from attnlab.estimators.objective import check_objective, is_hard, make_loss
from attnlab.settings import AttentionSettings, EstimatorSettings
from attnlab.tasks.translation.task import build_model, init_params
from attnlab.text.batching import Batch
from tests.estimators.toy import BATCH, FAST, SIZE, settings, toy
from tests.tiny import tiny

# The package has a function of this name, too.
REINFORCE_MODULE = importlib.import_module("attnlab.estimators.reinforce")

REINFORCE = {"estimator.learning": "reinforce"}
SAMPLED = REINFORCE | {"estimator.feed": "sampled", "estimator.credit": "to-go"}
MARGINAL = {"estimator.learning": "marginal"}
ELBO = {"estimator.learning": "elbo"}
GUMBEL = {"estimator.learning": "gumbel"}
SAMPLED_GUMBEL = GUMBEL | {"estimator.feed": "sampled"}
HARD = {"model.read": "hard"} | REINFORCE


ESTIMATOR_CHOICES = [
    # setting, value, what the error offers
    ("model.read", "harder", "'soft'.*'hard', 'straight-through'"),
    ("estimator.learning", "em", "'cross-entropy', 'reinforce', .*'elbo', 'gumbel'"),
    ("estimator.feed", "both", "'expected', 'sampled'"),
    ("estimator.credit", "word", "'step', 'to-go', 'sentence'"),
    ("estimator.baseline", "mean", "'none', .*'soft', 'self-critical'"),
    ("train.compute", "half", "'float32', 'bfloat16'"),
    ("estimator.samples", -1, "0"),
    ("estimator.temperature", 0.0, "greater than 0"),
    ("estimator.final_temperature", -1.0, "greater than 0"),
    ("estimator.coin", 1.0, "less than 1"),
    ("estimator.coin", -0.1, "greater than or equal to 0"),
    ("estimator.decay", 1.0, "less than 1"),
    ("estimator.entropy", float("nan"), "finite"),
]


@pytest.mark.parametrize(("setting", "value", "offered"), ESTIMATOR_CHOICES)
def test_a_wrong_value_is_refused_with_the_choices(setting, value, offered):
    with pytest.raises(ValueError, match=f"{setting} is {value!r}.*{offered}"):
        tiny(**HARD | {setting: value})


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (REINFORCE, "soft read .* reinforce; estimator.learning: cross-entropy$"),
        (
            {"model.read": "hard"},
            "hard read .* cross-entropy; estimator.learning: reinforce, marginal, ",
        ),
        ({"model.read": "top-k"} | MARGINAL, "top-k read .* marginal; estimator.learn"),
        ({"model.read": "straight-through"} | REINFORCE, "reinforce; .*: gumbel$"),
        (HARD | {"model.score": "none"}, "model.score none .* hard .*model.read soft"),
        ({"evaluate.predict": "marginal"}, "soft .* evaluate.predict marginal"),
        (HARD | SAMPLED | MARGINAL, "marginal .*estimator.feed expected.*reinforce"),
        (HARD | SAMPLED | ELBO, "elbo .*estimator.feed expected.*reinforce, gumbel"),
        (
            HARD | SAMPLED | {"estimator.learning": "top-k"},
            "top-k .*estimator.feed expected",
        ),
        (
            HARD | SAMPLED | {"estimator.credit": "step"},
            "estimator.credit step .*estimator.feed sampled.*to-go or sentence",
        ),
        (HARD | GUMBEL | {"estimator.samples": 0}, "estimator.samples 0 .*gumbel"),
        (HARD | SAMPLED | {"estimator.samples": 0}, "estimator.samples 0 .*sampled"),
        (HARD | MARGINAL | {"estimator.coin": 0.5}, "estimator.coin is 0.5.*marginal"),
        (HARD | ELBO | {"estimator.coin": 0.5}, "estimator.coin is 0.5.*elbo"),
        (
            HARD | {"estimator.samples": 0, "estimator.coin": 0.5},
            "estimator.coin is 0.5.* 0 samples",
        ),
        (HARD | {"train.label_smoothing": 0.1}, "train.label_smoothing.*reinforce"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(chosen, message):
    with pytest.raises(ValueError, match=message):
        tiny(**chosen)


def test_all_other_choices_are_taken():
    check_objective(tiny())
    for read, learning in ((r, name) for r in LEARNING for name in LEARNING[r]):
        chosen = {"model.read": read, "estimator.learning": learning}
        for baseline in BASELINES:
            check_objective(tiny(**chosen, **{"estimator.baseline": baseline}))
    for way in (REINFORCE, SAMPLED, GUMBEL, SAMPLED_GUMBEL):
        check_objective(tiny(**HARD | way, **{"estimator.coin": 0.5}))
    for name, preset in PRESETS.items():
        if "translation" in preset.tasks:
            check_objective(tiny(**{"model.preset": name}))


def test_what_a_read_can_learn_by_follows_from_the_rules():
    assert LEARNING == {
        "soft": ("cross-entropy",),
        "top-k": ("cross-entropy",),
        "hard": ("reinforce", "marginal", "chain", "top-k", "elbo", "gumbel"),
        "straight-through": ("gumbel",),
    }
    sampled = [name for name, rule in RULES.items() if "sampled" in rule.feeds]
    assert sampled == ["reinforce", "gumbel"]
    for read in LEARNING:
        settings = AttentionSettings(read=read)
        assert is_hard(settings) == (read in ("hard", "straight-through"))


def test_the_options_of_a_rule_are_settings():
    fields = {*EstimatorSettings.model_fields, "k"}
    for learning, rule in RULES.items():
        for feed in rule.feeds:
            assert rule_options(learning, feed) <= fields
    assert rule_options("cross-entropy") == {"learning", "feed"}
    assert rule_options("top-k") == {"learning", "feed", "entropy", "k"}
    assert "temperature" in rule_options("gumbel", "sampled")
    taken = set().union(*(rule_options(learning) for learning in RULES))
    assert taken == fields, "a setting that no rule takes"
    with pytest.raises(ValueError, match="'em'.*cross-entropy, reinforce"):
        rule_options("em")
    with pytest.raises(ValueError, match="marginal.*'sampled'.*expected"):
        rule_options("marginal", "sampled")


def test_a_rule_is_a_record_and_a_line(monkeypatch):
    """It is then a choice of the settings, and learns."""

    def of_steps(steps, context):
        bound = steps.log_prob_under(steps.probabilities) * context.settings.model.k
        return bound, bound

    rule = Rule(reads=("hard",), of_steps=of_steps, options=("k",))
    monkeypatch.setitem(RULES, "soft-k", rule)
    monkeypatch.setitem(LEARNING, "hard", (*LEARNING["hard"], "soft-k"))
    once, twice = (
        minimized(toy()[1], BATCH, jax.random.key(0), learning="soft-k", k=k)[0]
        for k in (1, 2)
    )
    np.testing.assert_allclose(2 * once, twice, rtol=1e-6)


# Five rows: no word to look at, one, three, more than a window of three, and a filler.
ROWS = Batch(
    source=np.array(
        [[2, 0, 0, 0, 0, 0], [4, 2, 0, 0, 0, 0], [5, 4, 4, 2, 0, 0], [5, 4, 3, 4, 5, 2]]
        + [[0] * 6],
        np.int32,
    ),
    source_lengths=np.array([1, 2, 4, 6, 0], np.int32),
    target=np.array([[4, 5, 2], [3, 4, 2], [5, 2, 0], [3, 5, 2], [0, 0, 0]], np.int32),
    target_lengths=np.array([3, 3, 2, 3, 0], np.int32),
)
LOCAL_M, LOCAL_P = {"model.window": "local-m"}, {"model.window": "local-p"}
WINDOWED = {
    "reinforce, local-m": REINFORCE | LOCAL_M,
    "reinforce, local-p": REINFORCE | LOCAL_P | {"estimator.entropy": 0.1},
    "reinforce, sampled feed, local-p": (
        SAMPLED | LOCAL_P | {"estimator.coin": 0.5, "model.decoder": "bahdanau"}
    ),
    "marginal, local-p": MARGINAL | LOCAL_P,
    "top-k, local-m": {"estimator.learning": "top-k", "model.k": 2} | LOCAL_M,
    "elbo, local-p": ELBO | LOCAL_P,
    "gumbel, sampled feed, local-m": SAMPLED_GUMBEL | LOCAL_M,
}
SMALL = {
    "model.read": "hard",
    "model.embedding": 4,
    "model.hidden": 4,
    "model.attention_hidden": 4,
    "model.readouts": 4,
}


@functools.cache
def windowed(way):
    """Compiled run(seed) -> ((minimized, (Sums, Learner)), gradient) over ROWS.

    Those of local-p are padded so far that windows are gathered, those of local-m not.
    """
    config = tiny(**SMALL | WINDOWED[way], **{"model.half_width": 1})
    padding = 130 if config.model.window == "local-p" else 0
    rows = ROWS._replace(source=np.pad(ROWS.source, ((0, 0), (0, padding))))
    model = build_model(config, SIZE, SIZE)
    params = init_params(model, jax.random.key(0))
    minimize = jax.value_and_grad(make_loss(model, config), has_aux=True)
    run = jax.jit(minimize, compiler_options=FAST)
    return lambda seed: run(
        params, rows, jax.random.key(seed), initial_estimator_state()
    )


@pytest.mark.parametrize("way", WINDOWED)
def test_windows_of_no_word_or_of_one_are_finite(way):
    for seed in range(5):
        result = windowed(way)(seed)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result))
        (minimized, (sums, estimator_state)), gradient = result
        assert sums.tokens == 11
        assert sums.loss > 0
        assert estimator_state.updates == 1
        if "estimator.entropy" in WINDOWED[way]:
            assert minimized < sums.loss
        else:
            np.testing.assert_allclose(minimized, sums.loss, rtol=1e-6)
        looking = gradient["params"]["decoder"]["attention"]
        for name, leaf in (looking["score"] | looking["window"]).items():
            assert np.any(leaf), name


@pytest.mark.parametrize("way", WINDOWED)
def test_the_same_key_gives_the_same_gradient(way):
    first, again, other = (jax.tree.leaves(windowed(way)(seed)) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    same = all(np.array_equal(*pair) for pair in zip(first, other, strict=True))
    assert same == (way.startswith(("marginal", "top-k")))


def minimized(params, batch, rng, estimator_state=None, **chosen):
    """What a toy's loss returns, compiled."""
    config = settings(**chosen)
    loss = make_loss(build_model(config, SIZE, SIZE), config)
    run = jax.jit(loss, compiler_options=FAST)
    return run(params, batch, rng, estimator_state or initial_estimator_state())


def test_cross_entropy_is_the_likelihood_of_the_expected_value(rng):
    """A soft read's; the hard one's Sums are those of tests/estimators."""
    params = toy()[1]
    widths = ("embedding", "hidden", "attention_hidden", "readouts")
    config = tiny(
        **{f"model.{width}": 2 for width in widths},
        **{"model.read": "soft", "model.encoder": "uni"},
    )
    model = build_model(config, SIZE, SIZE)
    run = jax.jit(make_loss(model, config), compiler_options=FAST)
    loss, (sums, estimator_state) = run(params, BATCH, rng, initial_estimator_state())
    unrolled = jax.jit(model.apply, compiler_options=FAST)(params, *BATCH[:3])
    logs = jax.nn.log_softmax(model.apply(params, unrolled.readouts, method="logits"))
    logs = np.asarray(logs)
    expected = 0.0
    for b, length in enumerate(BATCH.target_lengths):
        expected -= sum(logs[b, t, BATCH.target[b, t]] for t in range(length))
    np.testing.assert_allclose(sums.loss, expected, rtol=1e-5)
    assert loss == sums.loss
    assert sums.tokens == 5
    assert estimator_state == initial_estimator_state()


def test_the_bonus_is_the_entropy_of_the_weights(rng):
    """In nats, of what was looked at: not of the positions that a read took."""
    model, params = toy()
    chosen = {"learning": "reinforce", "samples": 0, "entropy": 0.25}
    loss, (sums, _) = minimized(params, BATCH, rng, **chosen)
    unrolled = jax.jit(model.apply, compiler_options=FAST)(params, *BATCH[:3])
    weights = np.asarray(unrolled.weights, np.float64)
    entropy = 0.0
    for b, length in enumerate(BATCH.target_lengths):
        words = BATCH.source_lengths[b] - 1
        for p in weights[b, :length, :words].ravel():
            entropy -= p * np.log(p)
    np.testing.assert_allclose(loss, sums.loss - 0.25 * entropy, rtol=1e-5)


@pytest.mark.parametrize(
    "chosen",
    [
        {"learning": "reinforce", "samples": 2},
        {"learning": "reinforce", "feed": "sampled", "credit": "to-go", "samples": 2},
    ],
)
def test_the_learner_averages_the_rewards_of_a_step(rng, chosen):
    before = EstimatorState(MovingAverage(jnp.float32(-3.0)), jnp.int32(6))
    _, (sums, after) = minimized(toy()[1], BATCH, rng, before, decay=0.8, **chosen)
    assert after.updates == 7
    mean = -sums.loss / sums.tokens
    np.testing.assert_allclose(after.average.mean, 0.8 * -3 + 0.2 * mean, rtol=1e-5)


def test_the_learner_of_an_elbo_averages_the_likelihood_alone(rng):
    """The divergence is no reward: it is not estimated."""
    chosen = {"learning": "elbo", "samples": 0, "decay": 0.0}
    _, (sums, after) = minimized(toy()[1], BATCH, rng, **chosen)
    assert after.average.mean > -sums.loss / sums.tokens + 1e-3


def flipped(monkeypatch, rng, **chosen):
    """Steps of each sentence that earned an action credit, by 200 keys [200]."""

    def count(log_probs, rewards, baselines, **options):
        return jnp.mean(jnp.where(log_probs < 0, 1.0, 0.0), axis=-1)

    monkeypatch.setattr(REINFORCE_MODULE, "reinforce", count)
    config = settings(**chosen)
    loss = make_loss(build_model(config, SIZE, SIZE), config)
    first = jax.tree.map(lambda a: a[:1], BATCH)  # one sentence of three steps

    @functools.partial(jax.jit, compiler_options=FAST)
    def run(params, rngs):
        return jax.lax.map(
            lambda r: -loss(params, first, r, initial_estimator_state())[0], rngs
        )

    return np.asarray(run(toy()[1], jax.random.split(rng, 200)))


@pytest.mark.parametrize("feed", ["expected", "sampled"])
def test_the_coin_is_tossed_for_a_sentence(rng, monkeypatch, feed):
    """All its steps and samples are read alike: Xu et al.'s paper, not their code,
    which tosses for a minibatch."""
    chosen = {"learning": "reinforce", "feed": feed, "samples": 3}
    result = flipped(monkeypatch, rng, coin=0.3, credit="sentence", **chosen)
    assert set(result) == {0, 3}
    error = np.sqrt(0.3 * 0.7 / 200)
    assert abs((result == 0).mean() - 0.3) <= 4 * error


@pytest.mark.parametrize("baseline", ["soft", "self-critical"])
@pytest.mark.parametrize(
    ("feed", "decoder"), [("expected", "bahdanau"), ("sampled", "luong")]
)
def test_a_baseline_is_dropped_out_like_its_reward(
    rng, monkeypatch, feed, baseline, decoder
):
    """Of sentences of one word, which can only be read, each is the other."""

    def advantage(log_probs, rewards, baselines, **options):
        return jnp.abs(rewards - baselines).mean(axis=-1)

    monkeypatch.setattr(REINFORCE_MODULE, "reinforce", advantage)
    config = tiny(
        **SMALL | {"expected": REINFORCE, "sampled": SAMPLED}[feed],
        **{
            "estimator.baseline": baseline,
            "model.dropout": 0.5,
            "model.decoder": decoder,
        },
    )
    model = build_model(config, SIZE, SIZE)
    params = init_params(model, jax.random.key(0))
    word = ROWS._replace(
        source=np.array([[4, 2]] * 5, np.int32),
        source_lengths=np.full(5, 2, np.int32),
    )
    run = jax.jit(make_loss(model, config), compiler_options=FAST)
    result, _ = run(params, word, rng, initial_estimator_state())
    np.testing.assert_allclose(result, 0, atol=1e-5)


def test_the_temperature_falls_from_the_first_to_the_final_one():
    """Exponentially over train.steps, 30 here, and stays there."""

    def gradients(updates, **temperatures):
        config = settings(learning="gumbel", **temperatures)
        loss = make_loss(build_model(config, SIZE, SIZE), config)
        learners = EstimatorState(
            MovingAverage(jnp.zeros(len(updates))), jnp.array(updates)
        )

        rngs = jax.vmap(jax.random.key)(0 * learners.updates)  # all the same

        @functools.partial(jax.jit, compiler_options=FAST)
        def run(params, learners, rngs):
            def gradient(at):
                estimator_state, rng = at
                return jax.grad(loss, has_aux=True)(
                    params, BATCH, rng, estimator_state
                )[0]

            return jax.lax.map(gradient, (learners, rngs))

        return jax.tree.leaves(run(toy()[1], learners, rngs))

    falling = gradients([15, 30, 99], temperature=1.0, final_temperature=0.25)
    middle = gradients([0], temperature=0.5, final_temperature=0.5)
    for result, expected in zip(falling, middle, strict=True):
        np.testing.assert_allclose(result[0], expected[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(result[1], result[2])
    assert not all(np.allclose(result[0], result[1]) for result in falling)
