"""Windows, and how they are cut, against loops written from Luong et al. 2015."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from attnlab.attention import NORMALIZERS, SCORES, Dims, attention, build, dense
from attnlab.attention.normalizers import softmax
from attnlab.attention.scores import additive, dot
from attnlab.attention.windows import global_window, local_m, local_p
from attnlab.masking import length_mask

DIMS = Dims(query=4, value=4, hidden=3)
MASKED, GATHERED = 0, 200  # extra padding that makes a local window do either
random = np.random.default_rng(0)


def memory_of(attend, params, length, size, mask=None):
    values = np.random.default_rng(length).normal(size=(size, DIMS.value))
    mask = length_mask(length, size) if mask is None else mask
    return attend.prepare(params, jnp.asarray(values, "float32"), mask, length)


def read(attend, params, query, memory, step=0):
    return attend.apply(params, query, memory, step=step, carry=())


def row(aligned, size):
    return np.asarray(dense(aligned.weights, aligned.positions, size))


def by_hand(scores, centre, half_width, gaussian):
    """Weights over the sentence; `scores` has one entry a word, counted from 0."""
    middle = min(math.floor(centre), len(scores) - 1)
    inside, bumps = [], {}
    for s in range(middle - half_width, middle + half_width + 1):
        if 0 <= s < len(scores):
            inside.append(s)
            sigma = half_width / 2
            bumps[s] = math.exp(-((s - centre) ** 2) / (2 * sigma**2))
    seen = {s: scores[s] * (bumps[s] if gaussian == "before" else 1) for s in inside}
    total = sum(math.exp(score) for score in seen.values())
    weights = np.zeros(len(scores))
    for s in inside:
        weights[s] = math.exp(seen[s]) / total
        weights[s] *= bumps[s] if gaussian == "after" else 1
    return weights


@pytest.mark.parametrize("padding", [MASKED, GATHERED])
@pytest.mark.parametrize("gaussian", ["after", "before", None])
def test_local_windows_follow_the_paper(rng, gaussian, padding):
    window = local_m(2) if gaussian is None else local_p(2, gaussian)
    attend = attention(dot(), window, softmax)
    params = attend.init(rng, DIMS)
    apply = jax.jit(functools.partial(read, attend, params))
    size = 12 + padding
    for length, step in itertools.product([1, 2, 3, 4, 9, 12], [0, 1, 5, 20]):
        memory = memory_of(attend, params, length, size)
        query = jnp.asarray(random.normal(size=DIMS.query) * 2, "float32")
        got = apply(query, memory, step)
        if gaussian is None:
            centre = min(step, length - 1)
        else:
            w, v = np.asarray(params["window"]["w"]), np.asarray(params["window"]["v"])
            hidden = [math.tanh(sum(query * column)) for column in w.T]
            drive = sum(hidden[i] * v[i, 0] for i in range(DIMS.hidden))
            centre = length / (1 + math.exp(-drive))
        scores = [float(query @ memory.values[s]) for s in range(length)]
        expected = by_hand(scores, float(centre), 2, gaussian)
        np.testing.assert_allclose(got.aux["centre"], centre, rtol=1e-5)
        weights = row(got, size)
        np.testing.assert_allclose(weights[:length], expected, rtol=1e-4, atol=1e-7)
        assert not weights[length:].any()


def placed_at(centre, half_width=2, gaussian="after"):
    """A local-p window whose centre we choose, instead of predicting it."""
    window = local_p(half_width, gaussian)
    return window._replace(centre=lambda params, query, length, step: centre)


@pytest.mark.parametrize("padding", [MASKED, GATHERED])
@pytest.mark.parametrize(
    ("centre", "seen"),
    [
        (0.0, [0, 1, 2]),
        (3.0, [1, 2, 3, 4, 5]),
        (3.99, [1, 2, 3, 4, 5]),  # floor, not the nearest
        (7.9, [5, 6, 7]),  # nothing is moved inward
        (8.0, [5, 6, 7]),  # the centre may stand one past the last of eight words
    ],
)
def test_the_window_is_cut_around_the_floor_of_a_real_centre(centre, seen, padding):
    size = 8 + padding
    attend = attention(dot(), placed_at(jnp.float32(centre)), softmax)
    params = {"score": {}, "window": {}}
    memory = memory_of(attend, params, 8, size)
    weights = row(read(attend, params, jnp.zeros(DIMS.query), memory), size)
    assert np.flatnonzero(weights).tolist() == seen
    for s in seen:  # equal scores: the Gaussian at the real centre over equal weights
        bump = math.exp(-((s - centre) ** 2) / 2)  # sigma = 1
        np.testing.assert_allclose(weights[s], bump / len(seen), rtol=1e-5)


@pytest.mark.parametrize("padding", [MASKED, GATHERED])
def test_windows_are_measured_in_words_but_may_see_the_end_mark(padding):
    size = 9 + padding
    mask = length_mask(7, size)  # six words and the end mark
    attend = attention(dot(), local_m(2), softmax)
    params = {"score": {}, "window": {}}
    memory = memory_of(attend, params, 6, size, mask)
    for step in (5, 6, 30):  # the centre stays on the last word
        got = read(attend, params, jnp.zeros(DIMS.query), memory, step)
        assert got.aux["centre"] == 5
        assert np.flatnonzero(row(got, size)).tolist() == [3, 4, 5, 6]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_a_window_that_covers_the_sentence_is_global(rng, score, normalizer):
    half_width = 4  # at the last word, the window still reaches the first
    wide = build(score, "global", normalizer)
    local = build(score, "local-m", normalizer, half_width=half_width)
    gaussian = build(score, "local-p", normalizer, half_width=half_width)
    params = gaussian.init(rng, DIMS)
    query = jnp.asarray(random.normal(size=DIMS.query), "float32")
    for length in (1, half_width + 1):
        for size in (7, 207):
            memory = memory_of(wide, params, length, size)
            expected = row(read(wide, params, query, memory), size)
            got = row(read(local, params, query, memory, length - 1), size)
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
            got = read(gaussian, params, query, memory)
            distance = np.arange(size) - np.asarray(got.aux["centre"])
            bumps = np.exp(-(distance**2) / (2 * (half_width / 2) ** 2))
            np.testing.assert_allclose(row(got, size), expected * bumps, rtol=1e-5)


@pytest.mark.parametrize("padding", [MASKED, GATHERED])
@pytest.mark.parametrize("gaussian", ["after", "before"])
def test_only_the_gaussian_moves_the_predicted_centre(gaussian, padding):
    """Without it W and v would never learn: floor has no gradient (papers' trap)."""
    window = local_p(2, gaussian)
    without = window._replace(prior=lambda centre, positions: jnp.ones(positions.shape))
    query = jnp.asarray(random.normal(size=DIMS.query), "float32")

    def gradient(window):
        attend = attention(dot(), window, softmax)
        params = attend.init(jax.random.key(0), DIMS)

        def loss(params):
            memory = memory_of(attend, params, 8, 10 + padding)
            return read(attend, params, query, memory).context.sum()

        return jax.grad(loss)(params)["window"]

    assert all(np.all(leaf != 0) for leaf in gradient(window).values())
    assert not any(np.any(leaf) for leaf in gradient(without).values())


@pytest.mark.parametrize("padding", [MASKED, GATHERED])
@pytest.mark.parametrize("gaussian", ["after", "before"])
@pytest.mark.parametrize("score", [dot, additive])
def test_gradients_of_local_p_are_the_numerical_ones(score, gaussian, padding):
    """dot x local-p failed the original authors' own gradient check."""
    with jax.enable_x64(True):
        attend = attention(score(), local_p(2, gaussian), softmax)
        params = attend.init(jax.random.key(5), DIMS)
        params = jax.tree.map(lambda leaf: leaf.astype("float64"), params)
        size = 9 + padding
        # six words, whose centre stays far from where floor jumps
        values = np.random.default_rng(1).normal(size=(6, DIMS.value))
        query = jnp.asarray([0.5, -0.2, 0.3, 0.9])

        def context(params, query, words):
            padded = jnp.zeros((size, DIMS.value)).at[:6].set(words)
            memory = attend.prepare(params, padded, length_mask(6, size), 6)
            aligned = read(attend, params, query, memory)
            return aligned.context, aligned.aux["centre"]

        _, centre = context(params, query, jnp.asarray(values))
        assert 0.01 < centre % 1 < 0.99
        check_grads(
            jax.jit(context),
            (params, query, jnp.asarray(values)),
            order=1,
            modes=["rev"],
            rtol=1e-6,
            atol=1e-6,
        )


def flops(window, size):
    attend = attention(additive(), window, softmax)
    params = attend.init(jax.random.key(0), DIMS)
    memory = memory_of(attend, params, 8, size)
    compiled = jax.jit(functools.partial(read, attend)).lower(
        params, jnp.zeros(DIMS.query), memory
    )
    return compiled.compile().cost_analysis()["flops"]


def test_the_cost_of_a_local_step_follows_the_window():
    assert flops(local_p(5), 300) == flops(local_p(5), 3000)
    assert flops(global_window(), 3000) > 9 * flops(global_window(), 300)


def test_bad_windows_are_refused():
    with pytest.raises(ValueError, match="half_width is 0"):
        local_m(0)
    with pytest.raises(ValueError, match="half_width is -3"):
        local_p(-3)
    with pytest.raises(ValueError, match="'around'.* after, before"):
        local_p(2, "around")


def test_bad_sentences_are_refused():
    attend = attention(dot(), global_window(), softmax)
    params = {"score": {}, "window": {}}
    values, mask = jnp.zeros((9, 4)), jnp.ones(9, bool)
    with pytest.raises(ValueError, match=r"mask .*\(7,\).* 9 "):
        attend.prepare(params, values, mask[:7], 7)
    with pytest.raises(ValueError, match=r"values .*\(2, 9, 4\)"):
        attend.prepare(params, jnp.zeros((2, 9, 4)), mask, 9)
    with pytest.raises(ValueError, match="mask .*float32"):
        attend.prepare(params, values, jnp.ones(9), 9)
    with pytest.raises(ValueError, match=r"length .*\(1,\)"):
        attend.prepare(params, values, mask, jnp.array([9]))


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_bfloat16_values_are_read_at_places_and_by_weights_of_float32(normalizer):
    """bfloat16 would stand at 300, and the weights' sum off 1 by a percent."""
    attend = attention(additive(), local_m(2), NORMALIZERS[normalizer])
    params = attend.init(jax.random.key(0), DIMS)
    usual = memory_of(attend, params, 301, 301)
    given = jax.tree.map(
        lambda leaf: leaf.astype(jnp.bfloat16), (params, usual.values, jnp.arange(4.0))
    )

    @jax.jit
    def look(params, values, query):
        memory = attend.prepare(params, values, usual.mask, usual.length)
        return read(attend, params, query, memory, step=299)

    aligned = look(*given)
    assert aligned.context.dtype == jnp.bfloat16
    np.testing.assert_array_equal(aligned.positions, range(297, 302))
    assert aligned.weights.sum() == pytest.approx(1, abs=1e-6)
