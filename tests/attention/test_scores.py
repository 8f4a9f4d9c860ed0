"""Scores against loops in NumPy, written from the equations."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import SCORES, Dims, attention
from attnlab.attention.normalizers import softmax
from attnlab.attention.scores import (
    additive,
    cosine,
    dot,
    general,
    location,
    uniform,
    with_coverage,
)
from attnlab.attention.windows import global_window, local_m

SIZE, QUERY, VALUE, HIDDEN = 5, 3, 4, 6
DIMS = Dims(QUERY, VALUE, HIDDEN)
SQUARE = Dims(VALUE, VALUE, HIDDEN)  # for the scores that need one width

random = np.random.default_rng(0)
VALUES = random.normal(size=(SIZE, VALUE))


def score_all(score, params, query, coverage=None):
    values = jnp.asarray(VALUES, "float32")
    coverage = jnp.zeros(SIZE) if coverage is None else jnp.asarray(coverage, "float32")
    keys = score.keys(params, values)
    query = jnp.asarray(query, "float32")
    return score.apply(params, query, keys, jnp.arange(SIZE), coverage)


def inner(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def mlp(v, summands):
    """v . tanh(sum of the summands), one hidden unit at a time."""
    return sum(
        float(v[unit, 0]) * math.tanh(sum(float(part[unit]) for part in summands))
        for unit in range(len(v))
    )


def by_dot(params, q, h, s):
    return inner(q, h)


def by_scaled_dot(params, q, h, s):
    return inner(q, h) / math.sqrt(len(q))


def by_general(params, q, h, s):
    w = params["w"]  # [C, Q]
    return sum(h[i] * w[i, j] * q[j] for i in range(len(h)) for j in range(len(q)))


def by_additive(params, q, h, s):
    projected = [inner(q, column) for column in params["w"].T]
    key = [inner(h, column) for column in params["u"].T]
    return mlp(params["v"], [projected, key])


def by_concat(params, q, h, s):
    both = np.concatenate([q, h])
    return mlp(params["v"], [[inner(both, column) for column in params["w"].T]])


def by_concat_luong2015(params, q, h, s):
    return mlp(params["v"], [[inner(q, column) for column in params["w"].T], h])


def by_location(params, q, h, s):
    return inner(params["w"][s], q)


def by_cosine(params, q, h, s):
    key = [inner(q, column) for column in params["w"].T]
    strength = math.log1p(math.exp(inner(q, params["b"][:, 0])))
    return strength * inner(key, h) / math.sqrt(inner(key, key) * inner(h, h))


def by_uniform(params, q, h, s):
    return 0.0


BY_HAND = {
    "dot": by_dot,
    "scaled-dot": by_scaled_dot,
    "general": by_general,
    "additive": by_additive,
    "concat": by_concat,
    "concat-luong2015": by_concat_luong2015,
    "location": by_location,
    "cosine": by_cosine,
    "uniform": by_uniform,
}


@pytest.mark.parametrize("name", SCORES)
def test_scores_follow_their_equations(rng, name):
    score = SCORES[name]()
    dims = SQUARE if name in ("dot", "scaled-dot") else DIMS
    params = score.init(rng, dims)
    for _ in range(3):
        query = random.normal(size=dims.query)
        arrays = jax.tree.map(np.asarray, params)
        expected = [BY_HAND[name](arrays, query, VALUES[s], s) for s in range(SIZE)]
        got = score_all(score, params, query)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_location_looks_up_the_positions_it_is_given(rng):
    score = location(max_length=3)
    params = score.init(rng, DIMS)
    query = jnp.ones(QUERY)
    got = score.apply(params, query, jnp.zeros((2, 0)), jnp.array([2, 0]), jnp.zeros(2))
    np.testing.assert_allclose(got, params["w"].sum(1)[jnp.array([2, 0])], rtol=1e-6)
    assert score.max_positions == 3
    with pytest.raises(ValueError, match="max_length is 0"):
        location(max_length=0)


def test_words_beyond_the_location_table_get_no_weight(rng):
    attend = attention(location(max_length=2), global_window(), softmax)
    params = attend.init(rng, DIMS)
    memory = attend.prepare(
        params, jnp.asarray(VALUES, "float32"), jnp.ones(SIZE, bool), SIZE
    )
    step = attend.apply(params, jnp.ones(QUERY), memory, step=0, carry=())
    assert step.weights[2:].tolist() == [0, 0, 0]
    np.testing.assert_allclose(step.weights.sum(), 1, rtol=1e-6)


def test_cosine_ignores_how_long_a_value_is(rng):
    score = cosine()
    params = score.init(rng, DIMS)
    got = [
        score.apply(
            params,
            jnp.ones(QUERY),
            score.keys(params, jnp.asarray(scale * VALUES, "float32")),
            jnp.arange(SIZE),
            jnp.zeros(SIZE),
        )
        for scale in (1, 100)
    ]
    np.testing.assert_allclose(*got, rtol=1e-4)


@pytest.mark.parametrize("name", ["dot", "scaled-dot"])
def test_two_widths_are_refused_by_name(rng, name):
    with pytest.raises(ValueError, match=f"{name} .* 3 and 4"):
        SCORES[name]().init(rng, DIMS)


def test_coverage_enters_additive_as_in_see_2017(rng):
    score = with_coverage(additive())
    params = jax.tree.map(np.asarray, score.init(rng, DIMS))
    query, coverage = random.normal(size=QUERY), random.uniform(size=SIZE)
    inside = params["score"]
    expected = []
    for s in range(SIZE):
        projected = [inner(query, column) for column in inside["w"].T]
        key = [inner(VALUES[s], column) for column in inside["u"].T]
        expected.append(mlp(inside["v"], [projected, key, coverage[s] * params["w"]]))
    got = score_all(score, params, query, coverage)
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    np.testing.assert_allclose(
        score_all(score, params, query), score_all(additive(), inside, query)
    )


@pytest.mark.parametrize("inside", [dot, general])
def test_coverage_adds_to_the_keys_of_any_score(rng, inside):
    score = with_coverage(inside())
    params = score.init(rng, SQUARE)
    query, coverage = jnp.ones(VALUE), random.uniform(size=SIZE)
    plain = score_all(inside(), params["score"], query)
    expected = plain + jnp.asarray(coverage, "float32") * (query @ params["w"])
    got = score_all(score, params, query, coverage)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("score", [location(max_length=3), uniform()])
def test_coverage_needs_keys(rng, score):
    keys = score.keys(score.init(rng, DIMS), jnp.asarray(VALUES, "float32"))
    assert keys.shape == (SIZE, 0)
    with pytest.raises(ValueError, match="score (location|uniform)"):
        with_coverage(score)


@pytest.mark.parametrize("size", [7, 200])  # masked, and gathered
@pytest.mark.parametrize("window", [global_window(), local_m(1)])
def test_coverage_sums_past_weights_and_leaves_the_memory_alone(rng, window, size):
    score = with_coverage(additive())
    attend = attention(score, window, softmax)
    params = attend.init(rng, DIMS)
    values = jnp.zeros((size, VALUE)).at[:SIZE].set(jnp.asarray(VALUES, "float32"))
    memory = attend.prepare(params, values, jnp.arange(size) < SIZE, SIZE)
    carry, past = attend.start(memory), np.zeros(SIZE)
    queries = jnp.asarray(random.normal(size=(4, QUERY)), "float32")
    for step, query in enumerate(queries):
        got = attend.apply(params, query, memory, step=step, carry=carry)
        carry = got.carry
        scores = score_all(score, params["score"], query, past)  # from fresh keys
        near = np.ones(SIZE, bool)
        if window.half_width is not None:
            near = np.abs(np.arange(SIZE) - step) <= 1
        expected = np.where(near, np.exp(scores), 0)
        past += expected / expected.sum()
        np.testing.assert_allclose(carry[:SIZE], past, rtol=1e-5, atol=1e-6)
    assert not carry[SIZE:].any()
