"""Cells against NumPy loops, and against flax's."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.nn.cells import CELLS, cell_named, dense
from tests.nn import cells_by_hand

INPUTS, HIDDEN = 3, 4
random = np.random.default_rng(1)
WORDS = random.normal(size=(5, 2, INPUTS)).astype(np.float32)  # [T, B, E]
STATE = random.normal(size=(2, HIDDEN)).astype(np.float32)

by_name = pytest.mark.parametrize("name", CELLS)


def parameters(name):
    init = cell_named(name).init
    shapes = jax.eval_shape(lambda rng: init(rng, INPUTS, HIDDEN), jax.random.key(0))
    return cells_by_hand.random_like(shapes)


def outputs(name, params, words, state):
    """Outputs [T, ..., H] over words [T, ..., E]."""
    return np.array(compiled(name)(params, words, state))


@cache
def compiled(name):
    cell = cell_named(name)

    @jax.jit
    def run(params, words, state):
        def step(carry, projected):
            carry = cell.step(params, carry, projected)
            return carry, cell.output(carry)

        return jax.lax.scan(step, cell.start(state), cell.project(params, words))[1]

    return run


@by_name
def test_five_steps_are_the_equations(name):
    params = parameters(name)
    actual = outputs(name, params, WORDS, STATE)
    for row in range(2):
        carry = cells_by_hand.start(name, STATE[row].astype(np.float64))
        for t in range(5):
            carry = cells_by_hand.STEPS[name](params, carry, WORDS[t, row])
            expected = cells_by_hand.output(name, carry)
            np.testing.assert_allclose(actual[t, row], expected, rtol=1e-5, atol=1e-6)


@by_name
def test_the_carry_of_a_state_puts_out_that_state(name):
    cell = cell_named(name)
    np.testing.assert_array_equal(cell.output(cell.start(jnp.asarray(STATE))), STATE)


@by_name
def test_any_number_of_batch_axes(name):
    params = parameters(name)
    batched = outputs(name, params, WORDS[:, None], STATE[None])
    plain = outputs(name, params, WORDS, STATE)
    alone = outputs(name, params, WORDS[:, 1], STATE[1])
    np.testing.assert_allclose(batched[:, 0], plain, rtol=1e-6)
    np.testing.assert_allclose(alone, plain[:, 1], rtol=1e-5, atol=1e-6)


def flax_gru(params):
    names = ("r", "z", "n")
    gates = {}
    for gate, (w, b, u) in zip(names, blocks(params, 3), strict=True):
        gates["i" + gate] = {"kernel": w, "bias": b}
        gates["h" + gate] = {"kernel": u}
    gates["hn"]["bias"] = params["candidate_bias"]
    return {"params": gates}


def flax_lstm(params):
    gates = {}
    for gate, (w, b, u) in zip("ifog", blocks(params, 4), strict=True):
        gates["i" + gate] = {"kernel": w}
        gates["h" + gate] = {"kernel": u, "bias": b}
    return {"params": gates}


def blocks(params, gates):
    """(input matrix, bias, recurrent matrix) of each gate."""
    parts = (params["input"], params["bias"], params["state"])
    return zip(*(np.split(part, gates, axis=-1) for part in parts), strict=True)


@pytest.mark.parametrize(
    "name, theirs, mapped",
    [
        ("gru", nn.GRUCell(HIDDEN), flax_gru),
        ("lstm", nn.OptimizedLSTMCell(HIDDEN), flax_lstm),
    ],
)
def test_flax_has_the_same_cell(name, theirs, mapped):
    params = parameters(name)
    carry = cell_named(name).start(jnp.asarray(STATE))
    expected = []
    for t in range(5):
        carry, out = theirs.apply(mapped(params), carry, WORDS[t])
        expected.append(out)
    actual = outputs(name, params, WORDS, STATE)
    np.testing.assert_allclose(actual, np.array(expected), rtol=1e-4, atol=1e-6)


def test_chos_update_gate_opens_for_the_new_state():
    params = parameters("cho-gru")

    def with_update_gate(bias):
        gated = params["bias"].copy()
        gated[HIDDEN : 2 * HIDDEN] = bias
        return outputs("cho-gru", {**params, "bias": gated}, WORDS[:1], STATE)[0]

    np.testing.assert_allclose(with_update_gate(-60.0), STATE, rtol=1e-6)
    assert np.abs(with_update_gate(60.0) - STATE).max() > 0.1


def test_chos_reset_gate_acts_before_the_matmul_and_flaxs_after_it():
    """With the reset gate shut nothing but flax's own bias is left of the state."""
    for name in ("cho-gru", "gru"):
        params = parameters(name)
        bias = params["bias"].copy()
        bias[:HIDDEN] = -60.0  # reset nothing through
        bias[HIDDEN : 2 * HIDDEN] = 60.0 if name == "cho-gru" else -60.0  # only new
        params = {**params, "bias": bias}
        actual = outputs(name, params, WORDS[:1], STATE)[0]
        blank = outputs(name, params, WORDS[:1], 0 * STATE)[0]
        np.testing.assert_allclose(actual, blank, rtol=1e-6)


def test_chos_reset_gate_half_open_differs_from_flaxs():
    """r (U h) is not U (r h) for a gate that varies, all else being the same."""
    shared = parameters("gru")
    shared["candidate_bias"] = 0 * shared["candidate_bias"]
    gates, candidate = np.split(shared["state"], [2 * HIDDEN], axis=-1)
    cho = {**shared, "gates": gates, "candidate": candidate}
    cho["bias"] = shared["bias"].copy()
    cho["input"], cho["gates"] = shared["input"].copy(), gates.copy()
    for part in ("bias", "input", "gates"):  # cho's z is one minus flax's
        cho[part][..., HIDDEN : 2 * HIDDEN] *= -1
    ours = outputs("gru", shared, WORDS[:1], STATE)
    assert np.abs(ours - outputs("cho-gru", cho, WORDS[:1], STATE)).max() > 0.01
    blank = outputs("cho-gru", cho, WORDS[:1], 0 * STATE)
    np.testing.assert_allclose(
        outputs("gru", shared, WORDS[:1], 0 * STATE), blank, rtol=1e-5, atol=1e-6
    )


@by_name
def test_init_is_orthogonal_gate_by_gate_and_unbiased(name, rng):
    params = cell_named(name).init(rng, INPUTS, HIDDEN)
    gates = cells_by_hand.gates_of(params)
    assert params["input"].shape == (INPUTS, gates * HIDDEN)
    limit = (6 / (INPUTS + gates * HIDDEN)) ** 0.5
    assert 0.5 * limit < np.abs(params["input"]).max() <= limit
    recurrent = [params[k] for k in params if k in ("state", "gates", "candidate")]
    recurrent = np.concatenate(recurrent, axis=1)
    assert recurrent.shape == (HIDDEN, gates * HIDDEN)
    split = np.split(recurrent, gates, axis=1)
    for block in split:
        np.testing.assert_allclose(block @ block.T, np.eye(HIDDEN), atol=1e-5)
    assert np.abs(split[0] - split[1]).max() > 0.1  # each its own draw
    bias = np.zeros(gates * HIDDEN)
    if name == "lstm":
        bias[HIDDEN : 2 * HIDDEN] = 1.0  # the forget gate starts open
    np.testing.assert_array_equal(params["bias"], bias)


def test_dense_is_a_matmul_over_the_last_axis():
    kernel, bias = random.normal(size=(INPUTS, 6)), random.normal(size=6)
    kernel, bias = kernel.astype(np.float32), bias.astype(np.float32)
    expected = np.einsum("tbe,eh->tbh", WORDS, kernel)
    actual = dense(jnp.asarray(WORDS), jnp.asarray(kernel))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    actual = dense(jnp.asarray(WORDS), jnp.asarray(kernel), jnp.asarray(bias))
    np.testing.assert_allclose(actual, expected + bias, rtol=1e-5, atol=1e-6)


def test_an_unknown_cell_lists_the_choices():
    with pytest.raises(ValueError, match="'GRU'.*cho-gru, gru, lstm"):
        cell_named("GRU")


def test_many_cells_can_be_drawn_in_one_program():
    # In a process of its own: batches of QR in one program have waited for each other.
    code = """
import jax
from attnlab.nn.cells import gru
draw = jax.jit(lambda rng: [gru().init(r, 64, 64) for r in jax.random.split(rng, 8)])
for seed in range(20):
    jax.block_until_ready(draw(jax.random.key(seed)))
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=120)
