"""What a hard read draws, in both decoders: reads are fed, and keys decide all."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import SampleSpec
from tests.nn import by_hand
from tests.nn.by_hand import Case
from tests.nn.test_decoders import SOURCE, SOURCE_LENGTHS, TARGET

CASES = {
    "bahdanau": Case("bahdanau", "cho-gru", "additive"),
    "luong": Case(cell="gru"),
    "luong-unfed": Case(cell="gru", input_feeding=False),
    "luong-covered": Case(cell="gru", coverage=True),
}
every_case = pytest.mark.parametrize("name", CASES)
STEPS = TARGET.shape[1]


@cache
def toy(name):
    model = by_hand.make(CASES[name], read="hard")
    return model, by_hand.parameters(model)


@cache
def forcing(name):
    model, params = toy(name)

    @jax.jit
    def force(draw):
        return model.apply(params, SOURCE, SOURCE_LENGTHS, TARGET, draw=draw)

    return force


@every_case
def test_one_position_is_read_at_every_step(name):
    actual = forcing(name)(SampleSpec(jax.random.key(1)))
    reads = np.asarray(actual.reads)
    assert np.isin(reads, [0, 1]).all()
    np.testing.assert_array_equal(reads.sum(axis=-1), actual.weights.any(axis=-1))
    assert (np.asarray(actual.weights)[reads > 0] > 0).all()
    expected = np.einsum("bts,bsc->btc", reads, actual.values)
    np.testing.assert_allclose(actual.contexts, expected, rtol=1e-6)


@every_case
def test_a_key_gives_its_sample_and_another_another(name):
    force = forcing(name)
    one, same, other = (force(SampleSpec(jax.random.key(n))) for n in (1, 1, 2))
    jax.tree.map(np.testing.assert_array_equal, one, same)
    assert (one.reads != other.reads).any()
    first = np.asarray(one.reads[0, 0])
    drawn = [force(SampleSpec(jax.random.key(n))).reads[0] for n in range(20)]
    assert any((row[0] != first).any() for row in drawn)  # rows and steps: own keys
    assert any((row[0] != row[1]).any() for row in drawn)


@every_case
def test_what_is_read_is_what_the_next_step_is_fed(name):
    """Later states follow the sample, except where no context is ever fed."""
    force = forcing(name)
    one, other = (force(SampleSpec(jax.random.key(n))) for n in (1, 2))
    fed = name != "luong-unfed"
    moved = np.abs(one.queries - other.queries).max(axis=(0, 2))
    assert moved[0] == 0 and (moved[-1] > 0) == moved.any() == fed


@every_case
def test_no_draw_and_an_expected_one_read_the_weights(name):
    """So does the coin of Xu et al., for the sentences that it falls on."""
    force = forcing(name)
    plain, sampled = force(None), force(SampleSpec(jax.random.key(1)))
    np.testing.assert_allclose(plain.reads, plain.weights, rtol=1e-6)
    coin = np.array([True, False, True, False])
    mixed = force(SampleSpec(jax.random.key(1), expected=coin))
    for row, expected in enumerate(coin):
        wanted = plain if expected else sampled
        np.testing.assert_allclose(mixed.reads[row], wanted.reads[row], rtol=1e-6)
        np.testing.assert_allclose(mixed.queries[row], wanted.queries[row], rtol=1e-6)


@every_case
def test_without_a_key_the_likeliest_position_is_read(name):
    actual = forcing(name)(SampleSpec(None))
    rows = np.asarray(actual.weights).any(axis=-1)
    np.testing.assert_array_equal(
        actual.reads.argmax(axis=-1)[rows], actual.weights.argmax(axis=-1)[rows]
    )


@every_case
def test_step_by_step_with_the_keys_of_the_steps_is_teacher_forcing(name):
    model, params = toy(name)
    forced = forcing(name)(SampleSpec(jax.random.key(3)))

    @jax.jit
    def walk(rngs):
        memory, state = model.apply(params, SOURCE, SOURCE_LENGTHS, method="start")
        before = jnp.full_like(TARGET[:, :1], 1)
        tokens = jnp.concatenate([before, TARGET[:, :-1]], axis=1)

        def advance(state, at):
            tokens, rng = at
            state, _, aligned = model.apply(
                params, memory, state, tokens, method="step", draw=SampleSpec(rng)
            )
            return state, (aligned.reads, aligned.weights)

        return jax.lax.scan(advance, state, (tokens.T, rngs))[1]

    reads, weights = walk(jax.random.split(jax.random.key(3), STEPS))
    np.testing.assert_array_equal(jnp.swapaxes(reads, 0, 1), forced.reads)
    np.testing.assert_allclose(
        jnp.swapaxes(weights, 0, 1), forced.weights, rtol=1e-5, atol=1e-6
    )
