"""Whole models as they are compiled for accelerators, against the loops of a CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention.base import SampleSpec
from attnlab.nn.launches import launching
from tests.nn import by_hand
from tests.nn.by_hand import Case
from tests.updates import FAST

SOURCE = np.array([[4, 5, 6, 7, 2], [8, 9, 2, 0, 0], [0] * 5])
SOURCE_LENGTHS = np.array([5, 3, 0])
TARGET = np.array([[4, 5, 2], [6, 2, 0], [0] * 3])

MODELS = {
    "bahdanau": (Case("bahdanau", "cho-gru", "additive", coverage=True), {}),
    "luong": (Case(layers=2, bidirectional=False), {"dropout": 0.3}),
    "luong-unfed": (Case(cell="gru", score="additive", input_feeding=False), {}),
    "local-p": (Case(), {"window": "local-p", "read": "straight-through"}),
}


@pytest.mark.parametrize("name", MODELS)
def test_few_kernels_give_the_numbers_and_gradients_of_many(name):
    """For a GPU and for a TPU."""
    case, options = MODELS[name]
    model = by_hand.make(case, **options)
    params = by_hand.parameters(model)

    def slopes(backend):
        def loss(params):
            draw = SampleSpec(jax.random.key(1)) if "read" in options else None
            with launching(backend):
                outputs = model.apply(
                    params,
                    SOURCE,
                    SOURCE_LENGTHS,
                    TARGET,
                    train="dropout" in options,
                    draw=draw,
                    rngs={"dropout": jax.random.key(2)},
                )
            total = jnp.sum(jnp.sin(outputs.readouts))
            return total + jnp.sum(outputs.weights**2), outputs

        both = jax.value_and_grad(loss, has_aux=True)
        return jax.jit(both, compiler_options=FAST)(params)

    expected = slopes("cpu")
    for backend in ("gpu", "tpu"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
            slopes(backend),
            expected,
        )
