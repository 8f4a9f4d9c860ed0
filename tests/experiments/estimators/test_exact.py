"""The objective of sampled feeding: against loops over all paths, and by sampling."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention.base import SampleSpec
from attnlab.estimators.decoder_steps import forced, likelihoods
from attnlab.nn.init_params import init_params
from attnlab.tasks.translation.model import Seq2Seq
from attnlab.tasks.translation.task import build_model
from experiments.estimators.exact import expected_over_paths, looking_at
from tests.estimators.toy import BATCH, FAST, SIZE, enumerated, settings, toy
from tests.nn.cells_by_hand import random_like


def windowed(window: str) -> Seq2Seq:
    """The toy with a window of three positions."""
    hard = settings(learning="reinforce")
    section = hard.model.model_copy(update={"window": window, "half_width": 1})
    return build_model(hard.model_copy(update={"model": section}), SIZE, SIZE)


@pytest.mark.parametrize("decoder", ["luong", "bahdanau"])
def test_it_is_the_written_out_sum_over_paths(decoder):
    model, params = toy(decoder)

    def total(params):
        return expected_over_paths(model, params, BATCH).sum()

    with jax.enable_x64(True):
        run = jax.jit(jax.value_and_grad(total), compiler_options=FAST)
        value, gradient = run(params)
        values, exact = enumerated(decoder)
    np.testing.assert_allclose(value, values["paths"], rtol=1e-10)
    pairs = zip(*map(jax.tree.leaves, (gradient, exact["paths"])), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("window", ["local-m", "local-p"])
def test_it_is_what_passes_over_samples_earn_on_average(window):
    """Also where a window's weights do not sum to one; 20,000 passes a sentence."""
    model = windowed(window)
    shapes = jax.eval_shape(functools.partial(init_params, model), jax.random.key(0))
    params = random_like(shapes, 5, 1.5)
    copies = jax.tree.map(lambda a: np.concatenate([a] * 100), BATCH)

    @functools.partial(jax.jit, compiler_options=FAST)
    def run(params, rngs):
        def earned(rng):
            unrolled = forced(model, params, copies, draw=SampleSpec(rng))
            nats = likelihoods(model, params, copies, unrolled.readouts)
            return nats.sum(axis=1).reshape(100, 2)

        sampled = jax.lax.map(earned, rngs).reshape(-1, 2)
        weights = forced(model, params, BATCH).weights
        return sampled, expected_over_paths(model, params, BATCH), weights

    sampled, exact, weights = run(params, jax.random.split(jax.random.key(0), 200))
    sums = np.asarray(weights[0].sum(axis=-1))
    assert (sums < 0.9).any() == (window == "local-p")
    error = np.asarray(sampled).std(axis=0) / np.sqrt(20_000)
    assert error.min() > 1e-3  # it matters what is read
    distance = np.abs(np.asarray(sampled, np.float64).mean(axis=0) - exact)
    assert np.all(distance <= 4 * error)


def test_looking_at_a_slot_reads_its_value_alone(rng):
    """Whatever the draw; a word outside the window, as padding, reads as zeros."""
    attention = windowed("local-m").attention
    model, params = toy()
    memory, _ = model.apply(params, *BATCH[:2], method="start")
    memory = jax.tree.map(lambda a: a[0], memory)  # three words, step 0 sees two
    given = (params["params"]["decoder"]["attention"], jnp.ones(2), memory)
    expected = attention.apply(*given, step=0, carry=())
    assert np.flatnonzero(expected.weights).tolist() == [0, 1]
    assert memory.values[2].any()
    for slot, rng_read in enumerate(jax.random.split(rng, 4)):
        looking = looking_at(attention, slot)
        output = looking.apply(*given, step=0, carry=(), draw=SampleSpec(rng_read))
        seen = slot < 2
        np.testing.assert_array_equal(output.context, memory.values[slot] * seen)
        np.testing.assert_array_equal(output.reads, np.eye(4)[slot] * seen)
        np.testing.assert_array_equal(output.weights, expected.weights)
