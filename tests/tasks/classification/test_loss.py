"""A look as a step of the estimators, its losses and predictions, against loops."""

import jax
import numpy as np
import pytest

from attnlab.attention.presets import build
from attnlab.estimators.objective import initial_estimator_state
from attnlab.nn.cells import cell_named
from attnlab.tasks.classification.batches import Sentences
from attnlab.tasks.classification.loss import make_loss, pool, predict, steps_of
from attnlab.tasks.classification.model import Classifier
from tests.nn import cells_by_hand
from tests.tasks.classification.small import small

MODEL = Classifier(
    size=9,
    classes=3,
    attention=build("additive"),
    cell=cell_named("gru"),
    embedding=4,
    hidden=2,
    attention_hidden=3,
)
PARAMS = cells_by_hand.random_like(
    jax.eval_shape(lambda: MODEL.init(jax.random.key(0), method="parameters"))
)
BATCH = Sentences(
    np.array([[4, 5, 6, 7, 2], [8, 4, 2, 0, 0], [2, 0, 0, 0, 0], [0] * 5], np.int32),
    np.array([5, 3, 1, 0], np.int32),  # the third has no word, the last is a filler
    np.array([2, 0, 1, 0], np.int32),
)


@pytest.fixture(scope="module")
def by_hand():
    """(weights [B, S], p(class | that position is read) [B, S, 3]) by NumPy."""
    seen = jax.jit(lambda: pool(MODEL, PARAMS, BATCH))()
    params = PARAMS["params"]
    logits = np.asarray(seen.values, float) @ params["output"] + params["output_bias"]
    powers = np.exp(logits)
    shares = powers / powers.sum(axis=-1, keepdims=True)
    return np.asarray(seen.weights, float), shares, np.asarray(seen.values, float)


def expected_shares(by_hand):
    weights, _, values = by_hand
    params = PARAMS["params"]
    contexts = np.einsum("bs,bsc->bc", weights, values)
    powers = np.exp(contexts @ params["output"] + params["output_bias"])
    return powers / powers.sum(axis=-1, keepdims=True)


def of_labels(shares):
    return np.array([row[label] for row, label in zip(shares, BATCH.labels, strict=1)])


def marginal_shares(by_hand):
    weights, shares, _ = by_hand
    mixed = np.zeros((4, 3))
    for b in range(4):
        for s in range(5):
            mixed[b] += weights[b, s] * shares[b, s]
        if not weights[b].any():  # nothing to look at: a zero is read
            mixed[b] = shares[b, 0]
    return mixed


def test_the_step_says_what_the_class_would_be(by_hand):
    weights, shares, _ = by_hand

    @jax.jit
    def steps():
        step = steps_of(MODEL, PARAMS, BATCH, pool(MODEL, PARAMS, BATCH))
        slots = np.arange(5, dtype=np.int32)
        each = [step.log_prob_at(np.full((4, 1), s, np.int32))[:, 0] for s in slots]
        return (
            step.probabilities[:, 0],
            each,
            step.log_prob_under(weights[:, None])[:, 0],
        )

    probabilities, each, under = steps()
    np.testing.assert_allclose(probabilities[:2], weights[:2], rtol=1e-6)
    np.testing.assert_array_equal(probabilities[2:], [[1, 0, 0, 0, 0]] * 2)
    for s in range(5):
        expected = np.log(of_labels(shares[:, s]))
        np.testing.assert_allclose(each[s][:3], expected[:3], rtol=1e-4)
        assert each[s][3] == 0.0  # log 1 for a filler
    expected = np.log(of_labels(expected_shares(by_hand)))
    np.testing.assert_allclose(under[:3], expected[:3], rtol=1e-4)


def test_predictions_are_the_loops(by_hand):
    @jax.jit
    def logs():
        ways = ("expected", "marginal", "argmax")
        return {how: predict(MODEL, PARAMS, BATCH, how)[0] for how in ways}

    best = by_hand[0].argmax(axis=1)
    wanted = {
        "expected": expected_shares(by_hand),
        "marginal": marginal_shares(by_hand),
        "argmax": by_hand[1][np.arange(4), best],
    }
    for how, given in logs().items():
        np.testing.assert_allclose(np.exp(given), wanted[how], rtol=1e-4)


LEARNING = {
    "soft": {},
    "marginal": {"read": "hard", "learning": "marginal"},
    "reinforce": {"read": "hard", "learning": "reinforce", "samples": 0},
    "top-2": {"read": "hard", "learning": "top-k", "k": 2},
}


def test_losses_are_minus_what_is_maximized(by_hand):
    losses = {name: make_loss(MODEL, small(LEARNING[name])) for name in LEARNING}

    @jax.jit
    def all_of_them(rng):
        rngs = dict(zip(losses, jax.random.split(rng, len(losses)), strict=True))
        estimator_state = initial_estimator_state()
        return {n: losses[n](PARAMS, BATCH, rngs[n], estimator_state) for n in losses}

    weights, shares, _ = by_hand
    weights = weights.copy()
    weights[2:, 0] = 1  # nothing to look at: a zero is read, at slot 0
    labeled = np.array([of_labels(shares[:, s]) for s in range(5)]).T  # [B, S]
    two = np.where(weights >= np.sort(weights, axis=1)[:, -2:-1], weights, 0)
    two /= two.sum(axis=1, keepdims=True)
    wanted = {
        "soft": np.log(of_labels(expected_shares(by_hand))),
        "marginal": np.log((weights * labeled).sum(axis=1)),
        "reinforce": (weights * np.log(labeled)).sum(axis=1),
        "top-2": np.log((two * labeled).sum(axis=1)),
    }
    for name, (total, (sums, estimator_state)) in all_of_them(
        jax.random.key(1)
    ).items():
        expected = -wanted[name][:3].sum()  # the filler counts for nothing
        np.testing.assert_allclose(total, expected, rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(sums.loss, expected, rtol=1e-4, err_msg=name)
        assert int(sums.tokens) == 3
        assert int(estimator_state.updates) == (name != "soft")
