"""The steps of a pass, read in other ways than it was."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention.base import SampleSpec
from attnlab.estimators import at_every
from attnlab.estimators.decoder_steps import (
    forced,
    infer,
    likelihoods,
    real_steps,
    steps_of,
)
from attnlab.tasks.translation.task import build_model, init_params
from attnlab.text.batching import Batch
from tests.estimators.toy import FAST, SIZE
from tests.nn.cells_by_hand import random_like
from tests.tiny import tiny

REAL = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [0, 0, 0]], bool)
NARROW, WIDE = 6, 130  # sources so wide that a window's 3 positions are gathered
CASES = [
    ("global", NARROW, "luong"),
    ("local-m", WIDE, "luong"),
    ("local-p", NARROW, "luong"),
    ("local-p", WIDE, "bahdanau"),
]


def rows(size):
    """Sentences of no word, of one and of four, and a filler."""
    source = np.zeros((4, size), np.int32)
    for row, words in enumerate((0, 1, 4)):
        source[row, :words] = [4, 5, 4, 3][:words]
        source[row, words] = 2
    return Batch(
        source=source,
        source_lengths=np.array([1, 2, 5, 0], np.int32),
        target=np.array([[4, 5, 2], [3, 2, 0], [4, 3, 2], [0, 0, 0]], np.int32),
        target_lengths=np.array([3, 2, 3, 0], np.int32),
    )


def made(window="global", decoder="luong", rate=0.0) -> tuple[Any, Any]:
    """A model with an inference network, and parameters."""
    options = {
        "model.read": "hard",
        "estimator.learning": "elbo",
        "model.window": window,
        "model.decoder": decoder,
        "model.dropout": rate,
    }
    if window != "global":
        options["model.half_width"] = 1
    model = build_model(tiny(**options), SIZE, SIZE)
    shapes = jax.eval_shape(functools.partial(init_params, model), jax.random.key(0))
    return model, random_like(shapes)


def nats(model, params, batch, readouts):
    """log p(target) by the whole softmax, zero at padding."""
    logs = jax.nn.log_softmax(model.apply(params, readouts, method="logits"))
    chosen = jnp.take_along_axis(logs, batch.target[..., None], axis=-1)[..., 0]
    return jnp.where(REAL, chosen, 0)


@functools.cache
def looked(window, size, decoder) -> dict[str, Any]:
    """What a pass and its steps say, by name."""
    model, params = made(window, decoder)
    batch = rows(size)

    @functools.partial(jax.jit, compiler_options=FAST)
    def run(params):
        unrolled = forced(model, params, batch)
        steps = steps_of(model, params, batch, unrolled)
        nowhere = 0 * unrolled.contexts
        given = (unrolled.queries, unrolled.embedded, nowhere)
        width = unrolled.weights.shape[-1]

        def only(slot):
            weights = jax.nn.one_hot(slot, width)
            return steps.log_prob_under(
                jnp.broadcast_to(weights, unrolled.weights.shape)
            )

        return {
            "weights": unrolled.weights,
            "p": steps.probabilities,
            "at": at_every(steps),
            "only": jnp.moveaxis(jax.lax.map(only, jnp.arange(width)), 0, -1),
            "soft": steps.log_prob_under(unrolled.reads),
            "pass": likelihoods(model, params, batch, unrolled.readouts),
            "by hand": nats(model, params, batch, unrolled.readouts),
            "nothing": nats(
                model, params, batch, model.apply(params, *given, method="readout")
            ),
            "q": infer(model, params, batch, unrolled),
        }

    return jax.tree.map(np.asarray, run(params))


def test_padding_is_no_real_step():
    np.testing.assert_array_equal(real_steps(rows(NARROW)), REAL)


@pytest.mark.parametrize("case", CASES)
def test_likelihoods_are_log_probabilities_of_the_target(case):
    result = looked(*case)
    np.testing.assert_allclose(result["pass"], result["by hand"], rtol=1e-5, atol=1e-6)
    assert not result["pass"][~REAL].any()


@pytest.mark.parametrize("case", CASES)
def test_probabilities_sum_to_one_wherever_there_is_something_or_not(case):
    result = looked(*case)
    weights, p = result["weights"], result["p"]
    something = weights.sum(axis=-1) > 0
    assert something.any() and not something.all()
    shares = weights[something] / weights[something].sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(p[something], shares, rtol=1e-6)
    assert (p[~something][:, 0] == 1).all() and not p[~something][:, 1:].any()


@pytest.mark.parametrize("case", CASES)
def test_a_slot_is_read_as_under_all_the_weight_there(case):
    result = looked(*case)
    there = (result["weights"] > 0) & REAL[..., None]
    at, only = result["at"], result["only"]
    np.testing.assert_allclose(at[there], only[there], rtol=1e-5, atol=1e-6)
    assert np.ptp(at[2, 0][there[2, 0]]) > 0.01  # it matters which
    assert not at[result["p"] == 0].any() and not at[~REAL].any()


@pytest.mark.parametrize("case", CASES)
def test_where_nothing_can_be_read_that_is_what_is_read(case):
    result = looked(*case)
    nothing = (result["weights"].sum(axis=-1) == 0) & REAL
    for name in ("soft", "pass"):
        np.testing.assert_allclose(
            result[name][nothing], result["nothing"][nothing], rtol=1e-5
        )
    at = result["at"][nothing]
    np.testing.assert_allclose(at[:, 0], result["nothing"][nothing], rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_what_the_pass_read_is_the_pass_itself(case):
    result = looked(*case)
    np.testing.assert_allclose(result["soft"], result["pass"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_the_inferred_is_a_distribution_over_what_was_looked_at(case):
    result = looked(*case)
    q, weights = result["q"], result["weights"]
    np.testing.assert_allclose(q.sum(axis=-1), 1, rtol=1e-5)
    something = weights.sum(axis=-1) > 0
    assert ((q[something] > 0) == (weights[something] > 0)).all()
    assert (q[~something][:, 0] == 1).all()


@pytest.mark.parametrize("decoder", ["luong", "bahdanau"])
def test_whatever_a_step_might_read_is_dropped_out_alike(decoder):
    """The one word of the second sentence is the expected value as well."""
    model, params = made(decoder=decoder, rate=0.5)
    batch = rows(NARROW)

    @functools.partial(jax.jit, compiler_options=FAST)
    def run(params, rng):
        unrolled = forced(model, params, batch)
        result = []
        for dropping in (rng, jax.random.key(7), None):
            steps = steps_of(model, params, batch, unrolled, rng=dropping)
            result.append(
                (at_every(steps)[1, :2, 0], steps.log_prob_under(unrolled.weights)[1])
            )
        return result

    result = run(params, jax.random.key(5))
    for word, soft in result:
        np.testing.assert_allclose(word, soft[:2], rtol=1e-5)
    words = np.stack([word for word, _ in result])
    assert len(np.unique(words[:, 0])) == 3  # by two keys, and by none


def test_a_pass_reads_what_it_draws(rng):
    model, params = made()
    batch = rows(NARROW)

    @functools.partial(jax.jit, compiler_options=FAST)
    def run(params, rng):
        drawn = forced(model, params, batch, draw=SampleSpec(rng))
        return drawn, forced(model, params, batch), drawn.values

    drawn, expected, values = run(params, rng)
    reads = np.asarray(drawn.reads)
    assert set(np.unique(reads)) == {0, 1}
    assert not reads[drawn.weights == 0].any()
    contexts = np.einsum("bts,bsc->btc", reads, values)
    np.testing.assert_allclose(drawn.contexts, contexts, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(expected.reads, expected.weights, rtol=1e-5)
    # The first step asked before it read, the later ones after.
    np.testing.assert_allclose(drawn.weights[:, 0], expected.weights[:, 0], rtol=1e-5)
    assert np.abs(drawn.weights[2, 2] - expected.weights[2, 2]).max() > 1e-3
