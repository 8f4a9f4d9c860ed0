import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.masking import (
    distribution,
    length_mask,
    masked_sum,
    safe_log,
    zero_padding,
)


def test_length_mask_is_true_at_the_first_positions():
    assert length_mask(2, 4).tolist() == [True, True, False, False]
    batch = length_mask(jnp.array([[0, 1], [3, 9]]), 3)
    assert batch.astype(int).tolist() == [[[0, 0, 0], [1, 0, 0]], [[1, 1, 1]] * 2]
    assert batch.dtype == jnp.bool_


def test_sums_leave_padding_out():
    values = jnp.arange(12.0).reshape(3, 2, 2)
    mask = length_mask(jnp.array([1, 2, 0]), 2)
    kept = np.where(np.asarray(mask)[:, :, None], values, 0)
    np.testing.assert_array_equal(zero_padding(values, mask), kept)
    np.testing.assert_array_equal(masked_sum(values, mask, axis=1), kept.sum(1))
    assert masked_sum(values, mask) == kept.sum()


def test_padding_may_hold_nan():
    values, mask = jnp.array([1.0, jnp.nan]), jnp.array([True, False])
    total, gradient = jax.value_and_grad(lambda v: masked_sum(v**2, mask))(values)
    assert total == 1
    assert gradient[0] == 2
    clean = jax.grad(lambda v: (zero_padding(v, mask) ** 2).sum())(values)
    assert clean.tolist() == [2, 0]


def test_a_mask_of_another_sentence_is_refused():
    with pytest.raises(
        ValueError, match=r"mask has shape \(3,\), values have \(2, 5\)"
    ):
        zero_padding(jnp.zeros((2, 5)), jnp.zeros(3, bool))


def test_a_distribution_sums_to_one_or_is_nothing():
    weights = jnp.array([[0.2, 0.6, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(
        distribution(weights), [[0.25, 0.75, 0], [0, 0, 0]], rtol=1e-6
    )
    slope = jax.grad(lambda w: (distribution(w) ** 2).sum())(weights)
    assert np.isfinite(slope).all()


def test_a_safe_log_is_the_log_where_there_is_one():
    weights = jnp.array([0.5, 1.0, 1e-30, 0.0])
    logs = safe_log(weights)
    np.testing.assert_allclose(logs[:3], np.log([0.5, 1.0, 1e-30]), rtol=1e-6)
    assert -88 < logs[3] < -87
    slope = jax.grad(lambda w: safe_log(w).sum())(weights)
    np.testing.assert_allclose(slope[:3], [2, 1, 1e30], rtol=1e-5)
    assert slope[3] == 0
