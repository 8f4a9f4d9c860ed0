"""Monotonic attention and MoChA within the translation model."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.nn.decoder_model import BOS
from attnlab.nn.init_params import init_params
from attnlab.tasks.translation.task import build_model
from tests.tiny import plan, tiny
from tests.updates import two_updates

SOURCE, LENGTHS = np.array([[4, 5, 6, 7, 2], [8, 2, 0, 0, 0]]), np.array([5, 2])
TARGET = np.array([[4, 5, 6, 2], [6, 2, 0, 0]])

MODELS = {
    "bahdanau": {"model.decoder": "bahdanau", "model.normalizer": "mocha"},
    "luong-unfed": {
        "model.decoder": "luong",
        "model.input_feeding": False,
        "model.normalizer": "monotonic",
        "model.coverage": True,
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_step_by_step_is_teacher_forcing(name):
    model = build_model(tiny(**MODELS[name]), 9, 9)
    params = init_params(model, jax.random.key(0))
    apply = partial(model.apply, params)

    @jax.jit
    def both(tokens):
        unrolled = apply(SOURCE, LENGTHS, TARGET)
        memory, state = apply(SOURCE, LENGTHS, method="start")

        def advance(state, tokens):
            state, _, aligned = apply(memory, state, tokens, method="step")
            return state, (aligned.weights, aligned.context)

        stepped = jax.lax.scan(advance, state, tokens.T)[1]
        return (unrolled.weights, unrolled.contexts), stepped

    before = np.full((2, 1), BOS)
    forced, stepped = both(jnp.concatenate([before, TARGET[:, :-1]], axis=1))
    for by_forcing, by_step in zip(forced, stepped, strict=True):
        expected = np.swapaxes(by_step, 0, 1)
        np.testing.assert_allclose(by_forcing, expected, rtol=1e-5, atol=1e-6)
    weights = np.asarray(forced[0])
    assert (weights.sum(-1) <= 1 + 1e-6).all() and (weights[:, 0].sum(-1) > 0).all()
    assert (np.diff(weights.sum(-1), axis=1) < 0).all()  # what is lost stays lost
    assert not weights[1, :, 2:].any()


def test_a_row_learns_in_bfloat16():
    settings = tiny(**{"model.normalizer": "mocha", "train.compute": "bfloat16"})
    state, sums, moved = two_updates(settings)
    assert all(np.isfinite(part.loss) for part in sums)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
    assert moved == 1


def test_a_sweep_refuses_windows_and_chunks_that_mean_nothing():
    for given, message in [
        ({"normalizer": "mocha", "window": "local-p"}, "normalizer mocha .*local-p"),
        ({"normalizer": "monotonic", "chunk": 3}, "model.chunk .*normalizer mocha"),
    ]:
        with pytest.raises(ValueError, match=message):
            plan(lambda add, given=given: add("row", **given))
    (run,) = plan(lambda add: add("row", normalizer="mocha", chunk=3))
    assert run.settings.model.chunk == 3
