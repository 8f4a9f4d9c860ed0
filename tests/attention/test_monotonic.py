"""Monotonic attention and MoChA against loops from their equations, in float64."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import MONOTONIC, SCORES, Dims, build, options_of
from attnlab.attention.monotonic import OFFSET, chunkwise, stopping

SIZE, STEPS = 100, 60
DIMS = Dims(query=4, value=4, hidden=3)
random = np.random.default_rng(0)


def stops_by_hand(energies, valid, last):
    """Raffel et al. 2017, eq. 8: alpha of a step from that of the last one."""
    p = [
        1 / (1 + math.exp(-e)) if v else 0.0
        for e, v in zip(energies, valid, strict=True)
    ]
    alpha = np.zeros(len(p))
    for k, share in enumerate(last):
        for j in range(k, len(p)):
            alpha[j] += share * p[j]
            share *= 1 - p[j]
    return alpha


def chunks_by_hand(alpha, scores, valid, w):
    """Chiu and Raffel 2018, eq. 13, as it is printed."""
    beta = np.zeros(len(alpha))
    exp = [math.exp(u) if v else 0.0 for u, v in zip(scores, valid, strict=True)]
    for j in range(len(alpha)):
        for k in range(j, min(j + w, len(alpha))):
            if alpha[k]:
                beta[j] += alpha[k] * exp[j] / sum(exp[max(k - w + 1, 0) : k + 1])
    return beta


def first(size):
    return np.eye(size)[0]


def all_steps(energies, valid, **options):
    """alpha of all steps [T, S], one from the other."""

    def step(last, energies):
        alpha = stopping(energies, valid, last, **options)
        return alpha, alpha

    start = jnp.asarray(first(energies.shape[1]), energies.dtype)
    return np.asarray(jax.lax.scan(step, start, energies)[1])


@pytest.mark.parametrize(("spread", "offset"), [(1, 0), (3, 1), (30, 9)])
def test_stops_follow_the_equation_over_many_steps(spread, offset):
    """Measured: 3e-7 at most."""
    energies = np.random.default_rng(1).normal(size=(STEPS, SIZE)) * spread + offset
    valid = np.arange(SIZE) < SIZE - 7
    valid[5] = False  # a hole, which is walked over
    expected, last = [], first(SIZE)
    for row in energies:
        last = stops_by_hand(row, valid, last)
        expected.append(last)
    got = all_steps(jnp.asarray(energies, "float32"), valid)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    assert (got[:, ~valid] == 0).all()
    assert np.sum(expected[-1]) > 1e-4  # something is left to compare


def test_many_certain_positions_do_not_underflow():
    """The closed form divides by a product of (1 - p), here of 1e-17 and less."""
    energies = jnp.full((3, SIZE), 40.0).at[:, :50].set(-0.5)
    expected, last = [], first(SIZE)
    for row in np.asarray(energies):
        last = stops_by_hand(row, np.ones(SIZE, bool), last)
        expected.append(last)
    got = all_steps(energies, np.ones(SIZE, bool))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-12)


def test_weight_only_moves_forwards():
    energies = jnp.asarray(random.normal(size=(STEPS, 20)) * 2, "float32")
    alpha = all_steps(energies, np.ones(20, bool))
    up_to = np.cumsum(alpha, axis=1)
    assert (np.diff(up_to, axis=0) <= 1e-6).all()
    assert (up_to[:, -1] <= 1 + 1e-6).all()


def test_by_hand():
    half = jnp.zeros(3)
    alpha = stopping(half, jnp.ones(3, bool), jnp.array([1.0, 0, 0]))
    np.testing.assert_allclose(alpha, [1 / 2, 1 / 4, 1 / 8])
    again = stopping(half, jnp.ones(3, bool), alpha)
    np.testing.assert_allclose(again, [1 / 4, 1 / 4, 3 / 16])  # q: 1/2, 1/2, 3/8
    scores = jnp.log(jnp.array([1.0, 3.0, 1.0]))  # chunks: all of 0; 1/4, 3/4; 3/4, 1/4
    beta = chunkwise(alpha, scores, jnp.ones(3, bool), 2)
    np.testing.assert_allclose(beta, [9 / 16, 9 / 32, 1 / 32], rtol=1e-6)


@pytest.mark.parametrize("w", [1, 2, 5, 30, 200])
def test_chunks_follow_the_equation(w):
    size = 30
    for spread in (1, 60):  # u of 60 and -60: their exp in one sum is no float32
        alpha = random.dirichlet(np.ones(size)) * 0.9
        scores = random.normal(size=size) * spread
        valid = (np.arange(size) < 25) & (np.arange(size) != 3)
        alpha[~valid] = 0
        expected = chunks_by_hand(alpha, scores, valid, w)
        given = (jnp.asarray(part, "float32") for part in (alpha, scores))
        beta = np.asarray(chunkwise(*given, jnp.asarray(valid), w))
        np.testing.assert_allclose(beta, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(beta.sum(), alpha.sum(), rtol=1e-5)
        assert (beta[~valid] == 0).all()
        if w == 1:
            np.testing.assert_array_equal(beta, alpha.astype("float32"))


def online_by_hand(energies, valid):
    """Raffel et al. 2017, algorithm 1: the position of each step, or None from then."""
    at, positions = 0, []
    for row in energies:
        while at < len(row) and not (valid[at] and row[at] >= 0):
            at += 1
        positions.append(at if at < len(row) else None)
    return positions


def test_online_is_the_algorithm_and_the_limit_of_certainty():
    energies = np.random.default_rng(4).normal(size=(12, 30)) - 0.8
    valid = np.arange(30) < 25
    positions = online_by_hand(energies, valid)
    assert None in positions and len(set(positions)) > 4
    expected = np.zeros((12, 30))
    for row, position in zip(expected, positions, strict=True):
        if position is not None:
            row[position] = 1
    energies = jnp.asarray(energies, "float32")
    np.testing.assert_array_equal(all_steps(energies, valid, online=True), expected)
    certain = all_steps(energies * 1e6, valid)
    np.testing.assert_allclose(certain, expected, atol=1e-6)


VALUES = random.normal(size=(9, DIMS.value)).astype("float32")
QUERIES = random.normal(size=(4, DIMS.query)).astype("float32")


@functools.partial(jax.jit, static_argnums=0)
def attend(attention, params, queries, values, mask, length):
    """Every step's output, with a leading axis T."""
    memory = attention.prepare(params, values, mask, length)

    def step(carry, query):
        output = attention.apply(params, query, memory, step=0, carry=carry)
        return output.carry, output

    return jax.lax.scan(step, attention.start(memory), queries)[1]


def parameters(attention):
    """Random ones, of scale and offset too."""
    params = attention.init(jax.random.key(1), DIMS)
    return params | {"scale": jnp.array(1.7), "offset": jnp.array(-0.4)}


@pytest.mark.parametrize("coverage", [False, True])
@pytest.mark.parametrize("normalizer", MONOTONIC)
def test_the_attention_is_its_equations(normalizer, coverage):
    options = {"chunk": 3} if normalizer == "mocha" else {}
    attention = build(
        "additive", normalizer=normalizer, coverage=coverage, read="soft", **options
    )
    params = parameters(attention)
    mask = np.arange(9) < 7
    got = attend(attention, params, QUERIES, VALUES, mask, 6)
    arrays = jax.tree.map(lambda leaf: np.asarray(leaf, "float64"), params)

    def score(part, query, covered):
        part, covering = arrays[part], 0.0
        if coverage:
            part, covering = part["score"], np.outer(covered, part["w"])
        hidden = np.tanh((query @ part["w"])[None] + VALUES @ part["u"] + covering)
        return (hidden @ part["v"])[:, 0]

    alpha, covered = first(9), np.zeros(9)
    for step, query in enumerate(QUERIES):
        energies = 1.7 * score("score", query, covered) - 0.4
        weights = alpha = stops_by_hand(energies, mask, alpha)
        if options:
            weights = chunks_by_hand(alpha, score("chunk", query, covered), mask, 3)
        covered = covered + weights
        np.testing.assert_allclose(got.weights[step], weights, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(got.context[step], weights @ VALUES, rtol=1e-4)
        np.testing.assert_allclose(got.carry[0][step], alpha, rtol=1e-5, atol=1e-6)
        assert len(got.carry) == 1 + coverage


def test_a_chunk_of_one_is_monotonic():
    one = build("general", normalizer="mocha", chunk=1)
    params = parameters(one)
    alone = build("general", normalizer="monotonic")
    rest = {name: params[name] for name in ("score", "scale", "offset")}
    assert jax.tree.structure(rest) == jax.tree.structure(parameters(alone))
    given = (QUERIES, VALUES, np.ones(9, bool), 8)
    np.testing.assert_array_equal(
        attend(one, params, *given).weights, attend(alone, rest, *given).weights
    )


def test_scale_and_offset_start_as_documented():
    params = build("dot", normalizer="mocha").init(jax.random.key(0), DIMS)
    assert (params["scale"], params["offset"]) == (1, OFFSET)
    params = build("general", normalizer="mocha").init(jax.random.key(0), DIMS)
    assert not np.array_equal(params["score"]["w"], params["chunk"]["w"])


@functools.partial(jax.jit, static_argnums=0)
def gradients(attention, values, real):
    """(outputs, gradients) of a sentence of `real` words in 9 positions."""

    def loss(params, queries, values):
        output = attend(attention, params, queries, values, jnp.arange(9) < real, real)
        return jnp.sum(output.context**2), output

    gradient = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
    slopes, output = gradient(parameters(attention), QUERIES, values)
    return output, slopes


def padded(real, padding):
    return np.where(np.arange(9)[:, None] < real, VALUES, padding).astype("float32")


@pytest.mark.parametrize("score", ["general", "location"])
@pytest.mark.parametrize("name", MONOTONIC)
def test_padding_one_word_and_nothing(name, score):
    attention = build(score, normalizer=name)
    with jax.debug_nans(True):
        everything = gradients(attention, padded(6, 9.0), 6)
    output, (params, _, values) = jax.tree.map(np.asarray, everything)
    assert (output.weights[:, 6:] == 0).all() and (output.weights[:, :6] > 0).all()
    assert not values[6:].any() and values[:6].any()
    assert params["offset"] and params["scale"]
    same = gradients(attention, padded(6, np.nan), 6)
    jax.tree.map(np.testing.assert_array_equal, same, everything)
    output, slopes = gradients(attention, padded(1, 9.0), 1)
    assert (output.weights[:, 0] > 0).all() and not output.weights[:, 1:].any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    output, slopes = gradients(attention, padded(0, 9.0), 0)
    nothing = (output.weights, output.context, slopes)
    assert not any(leaf.any() for leaf in jax.tree.leaves(nothing))


def test_no_nan_is_formed_at_the_ends_of_float32():
    energies = jnp.array([-3e38, 3e38, 0, -100, 100, 1e4])
    last = jnp.array([0.5, 0, 0.5, 0, 0, 0])

    @jax.jit
    def everything(valid):
        alpha = stopping(energies, valid, last)
        slopes = jax.jacobian(stopping, argnums=(0, 2))(energies, valid, last)
        return alpha, slopes, jax.jacobian(chunkwise)(alpha, energies, valid, 3)

    with jax.debug_nans(True):
        for count in (0, 1, 6):
            for leaf in jax.tree.leaves(everything(jnp.arange(6) < count)):
                assert np.isfinite(leaf).all()


@pytest.mark.parametrize("read", ["top-k", "hard", "straight-through"])
def test_a_sum_that_falls_to_nothing_has_a_finite_gradient(read):
    """60 steps at the end of 4 words: what is left of 1 goes through all exponents."""
    attention = build("uniform", normalizer="monotonic", read=read)
    values, queries = VALUES[:4], jnp.ones((60, DIMS.query))

    @jax.jit
    @jax.grad
    def slope(offset):
        params = {"score": {}, "scale": jnp.array(1.0), "offset": offset}
        mask = jnp.ones(4, bool)
        reads = attend(attention, params, queries, values, mask, 4)
        return jnp.sum(reads.context[:, 0])

    slopes = [float(slope(offset)) for offset in (-6.0, -3.0, -1.0, 0.0)]
    assert np.isfinite(slopes).all() and np.all(slopes)


@pytest.mark.parametrize("name", MONOTONIC)
def test_bfloat16_values_are_walked_over_in_float32(name):
    attention = build("general", normalizer=name)
    params = parameters(attention)
    mask = np.arange(9) < 7
    exact = attend(attention, params, QUERIES, VALUES, mask, 7)
    half = jax.tree.map(lambda leaf: leaf.astype("bfloat16"), params)
    queries, values = jnp.asarray(QUERIES, "bfloat16"), jnp.asarray(VALUES, "bfloat16")
    got = attend(attention, half, queries, values, mask, 7)
    assert got.context.dtype == jnp.bfloat16
    assert got.weights.dtype == got.carry[0].dtype == jnp.float32
    np.testing.assert_allclose(got.weights, exact.weights, atol=0.02)
    assert (got.weights[:, 7:] == 0).all()


@pytest.mark.parametrize("score", SCORES)
def test_every_score_walks(score):
    attention = build(score, normalizer="mocha")
    assert repr(attention) == f"Attention({SCORES[score]().name or score}, " + (
        "global, mocha(chunk=2), soft)"
    )
    output = attend(
        attention, parameters(attention), QUERIES, VALUES, np.arange(9) < 7, 7
    )
    assert output.weights.shape == (4, 9)
    assert (output.weights[:, :7] > 0).all()
    assert (output.weights.sum(1) <= 1 + 1e-6).all()
    assert not attention.batch_steps(9)


def test_location_stops_within_its_table():
    attention = build("location", normalizer="mocha", max_length=4)
    mask = np.ones(9, bool)
    output = attend(attention, parameters(attention), QUERIES, VALUES, mask, 9)
    assert (output.weights[:, :4] > 0).all() and not output.weights[:, 4:].any()


def test_names_and_options():
    assert options_of("dot", normalizer="monotonic") == {"coverage", "online"}
    assert options_of("dot", normalizer="mocha") == {"chunk", "coverage", "online"}
    shown = repr(build("dot", normalizer="mocha", chunk=4, online=True, read="top-k"))
    assert shown == "Attention(dot, global, mocha(chunk=4, online), top-k(k=5))"
    for settings, message in [
        ({"normalizer": "mocha", "window": "local-m"}, "'mocha'.*'global'.*'local-m'"),
        ({"normalizer": "mocha", "chunk": 0}, "chunk is 0"),
        ({"normalizer": "monotonic", "chunk": 3}, "chunk is 3.*monotonic.*mocha would"),
        ({"chunk": 3}, "chunk is 3.*general, global.*normalizer mocha"),
        ({"normalizer": "monoton"}, "did you mean 'monotonic'"),
    ]:
        with pytest.raises(ValueError, match=message):
            build(**settings)
