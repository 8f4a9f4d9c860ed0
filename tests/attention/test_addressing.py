"""Each stage of NTM addressing against NumPy loops, and the attention they make."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import Dims
from attnlab.attention.addressing import (
    CLIP,
    addressing,
    cosines,
    interpolate,
    rotate,
    sharpen,
)
from attnlab.attention.scores import cosine
from tests.attention.ntm_by_hand import address, circular, cosine_of, power

QUERY, SLOTS, WIDTH = 5, 7, 4
random = np.random.default_rng(0)
MEMORY = random.normal(size=(SLOTS, WIDTH))
KEY = random.normal(size=WIDTH)
WEIGHTS = random.dirichlet(np.ones(SLOTS))
FULL = np.ones(SLOTS, bool)


def single(array):
    return jnp.asarray(array, jnp.float32)


def test_cosines_are_those_of_a_loop():
    result = cosines(single(KEY), single(MEMORY))
    expected = [cosine_of(KEY, row) for row in MEMORY]
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_cosines_times_strength_are_the_score_of_that_name():
    query = single(random.normal(size=QUERY))
    score = cosine()
    params = score.init(jax.random.key(0), Dims(QUERY, WIDTH, 1))
    keys = score.keys(params, single(MEMORY))
    expected = score.apply(params, query, keys, np.arange(SLOTS), np.zeros(SLOTS))
    strength = jax.nn.softplus(query @ params["b"])[0]
    result = strength * cosines(query @ params["w"], single(MEMORY))
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_cosines_of_an_empty_memory_have_a_finite_gradient():
    gradient = jax.grad(lambda slots: cosines(single(KEY), slots).sum())
    assert np.isfinite(gradient(jnp.zeros((SLOTS, WIDTH)))).all()


@pytest.mark.parametrize("gate", [0.0, 0.3, 1.0])
def test_the_gate_mixes_content_with_the_last_weights(gate):
    last = random.dirichlet(np.ones(SLOTS))
    expected = [gate * c + (1 - gate) * w for c, w in zip(WEIGHTS, last, strict=True)]
    result = interpolate(single(gate), single(WEIGHTS), single(last))
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.parametrize("shifts", [1, 3, 5])
def test_rotating_is_a_circular_convolution(shifts):
    shift = random.dirichlet(np.ones(shifts))
    result = rotate(single(WEIGHTS), single(shift))
    np.testing.assert_allclose(result, circular(WEIGHTS, shift), rtol=1e-5)


def test_the_last_shift_moves_on_and_over_the_end():
    last = jnp.zeros(SLOTS).at[-1].set(1.0)
    np.testing.assert_array_equal(rotate(last, jnp.array([0.0, 0, 1]))[0], 1.0)
    np.testing.assert_array_equal(rotate(last, jnp.array([1.0, 0, 0]))[-2], 1.0)


@pytest.mark.parametrize("sharpness", [1.0, 2.5, 21.0])
def test_sharpening_is_a_power_divided_by_its_sum(sharpness):
    result = sharpen(single(WEIGHTS), single(sharpness), FULL)
    np.testing.assert_allclose(result, power(WEIGHTS, sharpness), rtol=1e-4, atol=1e-9)


def test_sharpening_holds_where_the_powers_would_underflow():
    many = jnp.full(128, 1 / 128)  # to the power of 21: 5.6e-45
    result = sharpen(many, jnp.array(21.0), np.ones(128, bool))
    np.testing.assert_allclose(result, many, rtol=1e-5)
    gradient = jax.grad(lambda w: sharpen(w, jnp.array(3.0), FULL)[0])
    assert np.isfinite(gradient(jnp.zeros(SLOTS).at[0].set(1.0))).all()


def made(max_shift=1):
    attention = addressing(max_shift=max_shift)
    params = attention.init(jax.random.key(1), Dims(QUERY, WIDTH, 1))
    noise = jax.random.normal(jax.random.key(2), params["bias"].shape)
    return attention, params | {"bias": noise}


@pytest.mark.parametrize("max_shift", [1, 2])
def test_an_address_is_that_of_the_loop_step_after_step(max_shift):
    attention, params = made(max_shift)
    memory = attention.prepare(params, single(MEMORY), FULL, SLOTS)
    carry = attention.start(memory)
    np.testing.assert_array_equal(carry, np.eye(SLOTS)[0])
    expected = np.eye(SLOTS)[0]
    for query in random.normal(size=(3, QUERY)):
        aligned = attention.apply(params, single(query), memory, step=0, carry=carry)
        carry = aligned.carry
        emitted = query @ np.float64(params["emit"]) + np.float64(params["bias"])
        expected = address(emitted, MEMORY, expected)
        np.testing.assert_allclose(aligned.weights, expected, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(aligned.context, expected @ MEMORY, rtol=1e-4)
        assert np.sum(aligned.weights) == pytest.approx(1, rel=1e-5)


def test_what_a_head_emits_is_clipped():
    attention, params = made()
    memory = attention.prepare(params, single(MEMORY), FULL, SLOTS)
    far = {**params, "bias": jnp.full_like(params["bias"], 1e4)}
    near = {**params, "bias": jnp.full_like(params["bias"], CLIP)}
    query, carry = jnp.zeros(QUERY), attention.start(memory)
    one, other = (
        attention.apply(p, query, memory, step=0, carry=carry).weights
        for p in (far, near)
    )
    np.testing.assert_array_equal(one, other)


def test_masked_slots_get_no_weight_and_change_nothing():
    attention, params = made()
    query, real = single(random.normal(size=QUERY)), 5
    mask = np.arange(SLOTS) < real

    def read(values, mask):
        memory = attention.prepare(params, values, mask, real)
        carry = attention.start(memory)
        for _ in range(3):
            aligned = attention.apply(params, query, memory, step=0, carry=carry)
            carry = aligned.carry
        return aligned

    spoilt = single(np.where(mask[:, None], MEMORY, np.nan))
    aligned = read(spoilt, mask)
    assert (np.asarray(aligned.weights)[real:] == 0).all()
    assert np.sum(aligned.weights) == pytest.approx(1, rel=1e-5)
    gradient = jax.grad(lambda values: read(values, mask).context.sum())(spoilt)
    assert np.isfinite(gradient).all() and not np.asarray(gradient)[real:].any()
    nothing = read(spoilt, np.zeros(SLOTS, bool))
    assert not np.asarray(nothing.weights).any()


def test_a_negative_shift_is_refused():
    with pytest.raises(ValueError, match="max_shift is -1"):
        addressing(max_shift=-1)
