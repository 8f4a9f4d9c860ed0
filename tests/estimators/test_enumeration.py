"""Every estimator's mean gradient against the gradient of the enumerated objective.

A gradient counts as unbiased if the mean of 20,000 samples is within 4 standard errors
of the enumerated one in every number of a toy's parameters, and so is the mean bound.
Sampled are 200 batches of 100 copies of the toy's sentences, each copy with draws of
its own: the errors are those of 200 means of 100, near normal. By chance one of 16,000
independent numbers would miss; the toy has 150 to 230 with a gradient, and the key is
fixed. What is biased misses by more than 20 standard errors somewhere.
"""

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.estimators import EstimatorState, MovingAverage, reinforce
from attnlab.estimators.objective import check_objective, make_loss
from attnlab.tasks.translation.task import build_model
from tests.estimators import toy as toys
from tests.estimators.toy import BATCH, FAST, SIZE, enumerated, settings, toy

COPIES, GROUPS = 100, 200
COPIED = jax.tree.map(lambda a: np.concatenate([a] * COPIES), BATCH)
LEARNER = EstimatorState(MovingAverage(jnp.float32(-1.5)), jnp.int32(7))

# Numbers that no sample changes have no standard error but the rounding of float64, far
# less than this: gradients stay below 20. Here they are the numbers without a gradient.
ROUNDING = 1e-12

DECODERS = ("luong", "bahdanau")
EXPECTED = {"learning": "reinforce", "feed": "expected"}
SAMPLED = {"learning": "reinforce", "feed": "sampled"}
ELBO = {"learning": "elbo"}
GUMBEL = {"learning": "gumbel"}
NONE = {"baseline": "none"}
MEAN = {"baseline": "moving-average"}
CRITICAL = {"baseline": "self-critical"}
TO_GO, SENTENCE = {"credit": "to-go"}, {"credit": "sentence"}
COIN, BONUS, THREE = {"coin": 0.5}, {"entropy": 0.3}, {"samples": 3}
COLD = {"temperature": 0.2, "final_temperature": 0.2}


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def deviations(truth, decoder="luong", **chosen):
    """Name of a parameter -> largest distance from the truth, in standard errors.

    Also of the "bound" that the Sums report.
    """
    config = settings(decoder, **chosen)
    loss = make_loss(build_model(config, SIZE, SIZE), config)

    def batch_means(params, rng):
        minimize = jax.grad(loss, has_aux=True)
        gradient, (sums, _) = minimize(params, COPIED, rng, LEARNER)
        return jax.tree.map(lambda a: -a / COPIES, (gradient, sums.loss))

    @functools.partial(jax.jit, compiler_options=FAST)
    def sample(params, rng):
        rngs = jax.random.split(rng, GROUPS)
        return jax.lax.map(lambda rng: batch_means(params, rng), rngs)

    values, gradients = enumerated(decoder)
    exact = jax.tree.leaves_with_path((gradients[truth], values[truth]))
    sampled = jax.tree.leaves(sample(toy(decoder)[1], jax.random.key(0)))
    result = {}
    for (path, number), means in zip(exact, sampled, strict=True):
        means = np.asarray(means)
        distance = np.abs(means.mean(axis=0) - number)
        error = means.std(axis=0, ddof=1) / np.sqrt(GROUPS)
        name = jax.tree_util.keystr(path[1:], simple=True, separator="/") or "bound"
        result[name] = float((distance / (error + ROUNDING)).max())
    return result


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_toy_has_no_rare_paths_and_no_idle_reads(decoder):
    """So no sampled gradient is rare, and a wrong credit is far from the right one."""
    model, params = toy(decoder)
    chances, rewards = jax.jit(
        functools.partial(toys.every_path, model), compiler_options=FAST
    )(params)
    chances, rewards = np.asarray(chances), np.asarray(rewards)
    assert (chances > 0).sum(axis=0).tolist() == [3**3, 2**3]
    assert chances[chances > 0].min() > 0.0095  # the rarest path is sampled 190 times
    np.testing.assert_allclose(chances.sum(axis=0), 1, rtol=1e-12)
    for sentence, words in enumerate((3, 2)):
        chance = chances[:, sentence].reshape(3, 9)[:words]
        batch_steps, later = (
            rewards[:, 0, sentence],
            rewards[:, 1:, sentence].sum(axis=1),
        )
        for reward in (
            batch_steps,
            later,
        ):  # expected, by the first position [words], nats
            expected = (chance * reward.reshape(3, 9)[:words]).sum(axis=1)
            assert np.ptp(expected / chance.sum(axis=1)) > 0.5


UNBIASED = {
    "expected feed, no baseline": ("steps", EXPECTED | NONE),
    "expected feed, moving average": ("steps", EXPECTED | MEAN),
    "expected feed, soft": ("steps", EXPECTED),
    "expected feed, self-critical": ("steps", EXPECTED | CRITICAL),
    "expected feed, to-go": ("steps", EXPECTED | TO_GO),
    "expected feed, sentence": ("steps", EXPECTED | SENTENCE | THREE),
    "expected feed, coin": ("steps or soft", EXPECTED | COIN),
    "sampled feed, no baseline": ("paths", SAMPLED | TO_GO | NONE),
    "sampled feed, moving average": ("paths", SAMPLED | TO_GO | MEAN),
    "sampled feed, soft": ("paths", SAMPLED | TO_GO),
    "sampled feed, self-critical": ("paths", SAMPLED | TO_GO | CRITICAL),
    "sampled feed, sentence": ("paths", SAMPLED | SENTENCE | THREE),
    "sampled feed, as Xu": ("paths or soft", SAMPLED | SENTENCE | MEAN | COIN),
    "elbo, no baseline": ("elbo", ELBO | NONE),
    "elbo, moving average": ("elbo", ELBO | MEAN),
    "elbo, soft": ("elbo", ELBO),
    "elbo, self-critical": ("elbo", ELBO | CRITICAL | THREE),
}
UNBIASED_TOO = [  # with the other decoder
    "expected feed, soft",
    "sampled feed, as Xu",
]


@pytest.mark.parametrize(
    ("decoder", "name"),
    [("luong", name) for name in UNBIASED]
    + [("bahdanau", name) for name in UNBIASED_TOO],
)
def test_the_mean_gradient_is_the_enumerated_one(name, decoder):
    truth, chosen = UNBIASED[name]
    check_objective(settings(decoder, **chosen))
    result = deviations(truth, decoder, **chosen)
    assert max(result.values()) < 4, result


BIASED = {
    "gumbel": ("steps", GUMBEL),
    "gumbel, sampled feed": ("paths", GUMBEL | COLD | {"feed": "sampled"}),
    "expected feed, reward weight": ("steps", EXPECTED | {"reward_weight": 0.1}),
    "sampled feed, step": ("paths", SAMPLED | {"credit": "step"}),
}
BIASED_TOO = ["gumbel", "sampled feed, step"]


@pytest.mark.parametrize(
    ("decoder", "name"),
    [("luong", name) for name in BIASED] + [("bahdanau", name) for name in BIASED_TOO],
)
def test_a_bias_is_seen(name, decoder):
    truth, chosen = BIASED[name]
    assert max(deviations(truth, decoder, **chosen).values()) > 20


def test_a_step_s_own_credit_with_sampled_feeding_is_refused():
    """`make_loss` alone lets it pass, so that its bias can be measured."""
    with pytest.raises(ValueError, match="estimator.credit step .* is biased"):
        check_objective(settings(**BIASED["sampled feed, step"][1]))


def wrong_sign(log_probs, rewards, baselines, **options):
    return reinforce(-log_probs, rewards, baselines, **options)


def other_steps(log_probs, rewards, baselines, **options):
    """Each step's action is credited with what the next one's brought."""
    return reinforce(jnp.roll(log_probs, 1, axis=1), rewards, baselines, **options)


def other_order(log_probs, rewards, baselines, **options):
    """[B, T] zipped with a flattened [T, B]."""
    flat = log_probs.swapaxes(0, 1).reshape(log_probs.shape)
    return reinforce(flat, rewards, baselines, **options)


def not_detached(log_probs, rewards, baselines, **options):
    """The reward is learned through the product as well."""
    result = reinforce(log_probs, rewards, baselines, **options)
    more = ((rewards - baselines) * jax.lax.stop_gradient(log_probs)).mean(axis=-1)
    return result + more - jax.lax.stop_gradient(more)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("expected feed, soft", wrong_sign),
        ("expected feed, soft", other_order),
        ("sampled feed, soft", wrong_sign),
        ("sampled feed, soft", other_steps),
        ("sampled feed, soft", not_detached),
    ],
)
def test_a_broken_estimator_is_seen(name, broken, monkeypatch):
    module = importlib.import_module("attnlab.estimators.reinforce")
    monkeypatch.setattr(module, "reinforce", broken)
    truth, chosen = UNBIASED[name]
    assert max(deviations(truth, **chosen).values()) > 20


ENUMERATING = {
    "reinforce": ("steps", EXPECTED | {"samples": 0}),
    "reinforce, entropy": ("steps and entropy", EXPECTED | {"samples": 0, **BONUS}),
    "marginal": ("marginal", {"learning": "marginal"}),
    "top-k of all": ("marginal", {"learning": "top-k"}),
    "elbo": ("elbo", ELBO | {"samples": 0}),
}


@pytest.mark.parametrize(
    ("decoder", "name"),
    [("luong", name) for name in ENUMERATING]
    + [("bahdanau", "marginal"), ("bahdanau", "elbo")],
)
def test_what_enumerates_has_the_written_out_gradient(name, decoder):
    truth, chosen = ENUMERATING[name]
    config = settings(decoder, **chosen)
    check_objective(config)
    loss = make_loss(build_model(config, SIZE, SIZE), config)
    minimize = jax.value_and_grad(loss, has_aux=True)
    run = jax.jit(minimize, compiler_options=FAST)
    result = run(toy(decoder)[1], BATCH, jax.random.key(0), LEARNER)
    (minimized, (sums, _)), gradient = result
    values, exact = enumerated(decoder)
    bound = "steps" if truth == "steps and entropy" else truth
    np.testing.assert_allclose(-minimized, values[truth], rtol=1e-10)
    np.testing.assert_allclose(-sums.loss, values[bound], rtol=1e-10)
    assert sums.tokens == 5
    pairs = zip(*map(jax.tree.leaves, (gradient, exact[truth])), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(-ours, theirs, rtol=1e-9, atol=ROUNDING)
