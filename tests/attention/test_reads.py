"""What each read makes of the weights of a step, in value and gradient."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import READS
from attnlab.attention.base import SampleSpec
from attnlab.attention.reads import hard, soft, straight_through, top_k

# A masked position, and a sum short of one as under a Gaussian prior.
WEIGHTS = np.array([0.1, 0.25, 0.0, 0.4, 0.05], np.float32)
SHARES = WEIGHTS / WEIGHTS.sum()
COUNT = 20_000
EXCEPT_SOFT = [name for name in READS if name != "soft"]


def many(read, weights=WEIGHTS, **options):
    """Reads by COUNT keys, [COUNT, W]."""
    rngs = jax.random.split(jax.random.key(0), COUNT)
    return np.asarray(
        jax.vmap(lambda rng: read(weights, SampleSpec(rng, **options)))(rngs)
    )


def jacobian(read, draw, weights=WEIGHTS):
    """d reads [W] / d weights [W]."""
    return np.asarray(jax.jacrev(lambda weights: read(weights, draw))(weights))


def test_soft_reads_with_the_weights_as_they_are(rng):
    for draw in (None, SampleSpec(rng), SampleSpec(None)):
        np.testing.assert_array_equal(soft()(WEIGHTS, draw), WEIGHTS)


@pytest.mark.parametrize("name", EXCEPT_SOFT)
def test_without_a_draw_the_others_read_a_distribution(name):
    read = READS[name]()  # of top-k: more positions than there are
    np.testing.assert_allclose(read(WEIGHTS, None), SHARES, rtol=1e-6)
    expected = (np.eye(5) - SHARES[:, None]) / WEIGHTS.sum()
    np.testing.assert_allclose(jacobian(read, None), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("k", "kept"), [(1, [3]), (2, [1, 3]), (3, [0, 1, 3])])
def test_top_k_reads_the_likeliest(k, kept):
    expected = np.zeros(5)
    expected[kept] = WEIGHTS[kept] / WEIGHTS[kept].sum()
    np.testing.assert_allclose(top_k(k)(WEIGHTS, None), expected, rtol=1e-6)
    slopes = jacobian(top_k(k), None)
    assert not np.delete(slopes, kept, axis=0).any()
    assert not np.delete(slopes, kept, axis=1).any()


def test_top_k_needs_a_position():
    with pytest.raises(ValueError, match="k is 0, must be at least 1"):
        top_k(0)


def test_hard_reads_each_position_as_often_as_it_is_likely():
    result = many(hard())
    assert set(np.unique(result)) == {0, 1}
    assert (result.sum(axis=1) == 1).all()
    errors = np.sqrt(SHARES * (1 - SHARES) / COUNT)
    assert np.all(np.abs(result.mean(axis=0) - SHARES) <= 4 * errors)  # never a masked


def test_a_straight_through_sample_is_the_hard_one():
    """The same key reads the same position, whatever the temperature."""
    for temperature in (0.1, 1.0, 10.0):
        result = many(straight_through(), temperature=temperature)
        np.testing.assert_allclose(result, many(hard()), atol=1e-6)
        assert not result[:, 2].any()


@pytest.mark.parametrize("make", [hard, straight_through])
def test_the_same_key_reads_the_same_position(make):
    result = [make()(WEIGHTS, SampleSpec(jax.random.key(seed))) for seed in (5, 5)]
    np.testing.assert_array_equal(*result)


@pytest.mark.parametrize("make", [hard, straight_through])
def test_without_a_key_the_likeliest_position_is_read(make):
    result = make()(WEIGHTS, SampleSpec(None))
    np.testing.assert_allclose(result, [0, 0, 0, 1, 0], atol=1e-6)


@pytest.mark.parametrize("make", [hard, straight_through])
@pytest.mark.parametrize("expected", [True, jnp.array(True)])
def test_the_expected_value_may_be_read_after_all(make, expected):
    result = make()(WEIGHTS, SampleSpec(jax.random.key(0), expected=expected))
    np.testing.assert_allclose(result, SHARES, rtol=1e-6)
    slopes = jacobian(make(), SampleSpec(jax.random.key(0), expected=expected))
    np.testing.assert_allclose(slopes, jacobian(make(), None), atol=1e-6)


def test_no_gradient_passes_a_hard_read():
    for seed in range(5):
        assert not jacobian(hard(), SampleSpec(jax.random.key(seed))).any()
    assert not jacobian(hard(), SampleSpec(None)).any()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_straight_through_gradient_is_that_of_the_relaxed_sample(temperature):
    """r = softmax((log p + g) / t): d r_i / d w_j = r_i ([i = j] - r_j) / (t w_j)."""
    there = WEIGHTS > 0
    for seed in range(5):
        rng = jax.random.key(seed)
        noise = np.asarray(jax.random.gumbel(rng, WEIGHTS.shape), np.float64)
        power = np.exp(noise / temperature) * SHARES ** (1 / temperature)
        relaxed = np.where(there, power, 0) / power[there].sum()
        slopes = relaxed[:, None] * (np.eye(5) - relaxed) / temperature
        slopes[:, there] /= WEIGHTS[there]
        draw = SampleSpec(jax.random.key(seed), temperature)
        result = jacobian(straight_through(), draw)
        np.testing.assert_allclose(result, slopes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", READS)
def test_nothing_to_look_at_is_read_as_zeros(rng, name):
    for draw in (
        None,
        SampleSpec(None),
        SampleSpec(rng, 0.1),
        SampleSpec(jax.random.key(1), 0.1, True),
    ):
        read = functools.partial(READS[name](), draw=draw)
        result, pull = jax.vjp(read, jnp.zeros(4))
        assert not np.any(result)
        assert np.isfinite(pull(jnp.arange(4.0))[0]).all()


@pytest.mark.parametrize("name", EXCEPT_SOFT)
@pytest.mark.parametrize("weight", [1.0, 3e-4, 1e-10])  # local-p's priors are >= e^-8
def test_one_position_is_read_whole_however_small_its_weight(name, weight):
    weights = jnp.array([0.0, weight, 0.0], "float32")
    for draw in (None, SampleSpec(jax.random.key(0), 0.1), SampleSpec(None)):
        read = functools.partial(READS[name](), draw=draw)
        result, pull = jax.vjp(read, weights)
        np.testing.assert_allclose(result, [0, 1, 0], atol=1e-6)
        assert np.isfinite(pull(jnp.arange(3.0))[0]).all()


@pytest.mark.parametrize("name", READS)
def test_a_position_of_next_to_no_weight_leaves_the_gradient_finite(name):
    """4.20: log 0 where a weight underflows was a source of NaN."""
    weights = jnp.array([1.0, 1e-38, 1e-45], "float32")
    for seed in range(3):
        draw = SampleSpec(jax.random.key(seed), 0.1)
        assert np.isfinite(jacobian(READS[name](), draw, weights)).all()
