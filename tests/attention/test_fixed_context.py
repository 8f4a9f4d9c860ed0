import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import Dims, build, fixed_context
from attnlab.masking import length_mask

VALUES = jnp.asarray(np.random.default_rng(0).normal(size=(6, 4)), "float32")


def read(reads, mask, values=VALUES):
    attend = fixed_context(reads)
    params = attend.init(jax.random.key(0), Dims(3, 4, 5))
    assert params == {}
    memory = attend.prepare(params, values, jnp.asarray(mask), 3)
    carry = attend.start(memory)
    steps = [
        attend.apply(params, jnp.full(3, t), memory, step=t, carry=carry)
        for t in range(2)
    ]
    for step in steps:
        assert step.carry == ()
        assert step.weights.shape == step.positions.shape == (6,)
        assert not step.weights.any()
    np.testing.assert_array_equal(steps[0].context, steps[1].context)
    return steps[0].context


def test_it_reads_the_ends_of_the_sentence():
    mask = [True, True, True, False, False, False]
    np.testing.assert_array_equal(read("last", mask), VALUES[2])
    np.testing.assert_array_equal(read("first", mask), VALUES[0])
    both = [VALUES[2, 0], VALUES[2, 1], VALUES[0, 2], VALUES[0, 3]]
    np.testing.assert_array_equal(read("both", mask), both)
    np.testing.assert_array_equal(read("last", [True] * 6), VALUES[5])


@pytest.mark.parametrize("reads", ["last", "first", "both"])
def test_an_empty_sentence_reads_as_zeros(reads):
    assert not read(reads, [False] * 6, jnp.full_like(VALUES, jnp.nan)).any()


def test_it_batches_and_only_the_end_gets_a_gradient():
    attend = fixed_context("last")
    masks = length_mask(jnp.array([2, 6]), 6)

    def total(values):
        def context(values, mask):
            memory = attend.prepare({}, values, mask, 2)
            return attend.apply({}, None, memory, step=0, carry=()).context

        return jax.vmap(context)(values, masks).sum()

    gradient = np.asarray(jax.grad(total)(jnp.stack([VALUES, VALUES])))
    assert np.argwhere(gradient.any(-1)).tolist() == [[0, 1], [1, 5]]


def test_unknown_ends_are_refused():
    with pytest.raises(ValueError, match="'middle'.* last, first, both, mean"):
        fixed_context("middle")
    with pytest.raises(ValueError, match="'middle'.* last, first, both, mean"):
        build("none", fixed="middle")


def test_it_reads_the_mean_of_what_is_there():
    mask = [True, False, True, False, False, True]
    expected = (VALUES[0] + VALUES[2] + VALUES[5]) / 3
    np.testing.assert_allclose(read("mean", mask), expected, rtol=1e-6)
    assert not read("mean", [False] * 6).any()
