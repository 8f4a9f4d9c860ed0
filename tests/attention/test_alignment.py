import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import dense


def test_weights_land_on_their_positions_and_strays_are_dropped():
    weights = jnp.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    positions = jnp.array([[-1, 0, 1], [2, 3, 4]])
    got = dense(weights, positions, 4)
    expected = np.array([[0.2, 0.7, 0, 0], [0, 0, 0.5, 0.3]], "float32")
    np.testing.assert_array_equal(got, expected)
    batch = dense(jnp.stack([weights] * 3), jnp.stack([positions] * 3), 4)
    np.testing.assert_array_equal(batch, np.stack([expected] * 3))
    np.testing.assert_array_equal(dense(weights[0], positions[0], 4), expected[0])


def test_global_weights_come_back_as_they_are():
    weights = jnp.array([0.25, 0.5, 0.25])
    np.testing.assert_array_equal(dense(weights, jnp.arange(3), 3), weights)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"weights have shape \(2, 3\), positions"):
        dense(jnp.zeros((2, 3)), jnp.zeros(3, int), 3)
