"""The scan for accelerators against `jax.lax.scan` and its autodiff."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.nn.launches import few_kernels, launching
from attnlab.nn.scan import scan

STEPS, ROWS, WIDTH = 4, 3, 5
random = np.random.default_rng(7)


def draw(*shape):
    return jnp.asarray(random.normal(size=shape).astype(np.float32))


PARAMS = {"u": draw(WIDTH, WIDTH), "v": draw(WIDTH, 2), "bias": draw(WIDTH)}
PARAMS |= {"values": draw(ROWS, 6, WIDTH)}
MASK = jnp.array([[True] * 3, [True, False, True], [True, True, False], [False] * 3])
INPUTS = {"x": draw(STEPS, ROWS, WIDTH), "keep": MASK}
CARRY = (draw(ROWS, WIDTH), jnp.zeros((ROWS,), jnp.int32))


def step(params, carry, at):
    """Two products of one factor, one of another, one with a batch axis; a mask, a
    count, and outputs that are a carry, an input, a product and a constant."""
    state, count = carry
    hidden = jnp.tanh(state @ params["u"] + at["x"] + params["bias"][None])
    gate = jax.nn.sigmoid(state @ params["v"])[:, :1]
    weights = jax.nn.softmax(jnp.einsum("bk,bsk->bs", hidden, params["values"]))
    read = jnp.einsum("bs,bsk->bk", weights, params["values"])
    after = jnp.where(at["keep"][:, None], gate * hidden + read @ params["u"], state)
    return (after, count + 1), (state, after, at["x"], read, count, jnp.ones(()))


def results(few, reverse=False, used=range(4), run=scan):
    """Loss, results, and gradients of parameters, carry and inputs."""

    def loss(params, state, x):
        carry, inputs = (state, CARRY[1]), INPUTS | {"x": x}
        with launching(few=few):
            last, outputs = run(partial(step, params), carry, inputs, reverse=reverse)
        total = jnp.sum(jnp.sin(last[0]))
        total += sum(jnp.sum(jnp.cos(outputs[n])) for n in used)
        return total, (last, outputs)

    both = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
    return jax.jit(both)(PARAMS, CARRY[0], INPUTS["x"])


def close(actual, expected, rtol=1e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-5),
        actual,
        expected,
    )


@pytest.mark.parametrize(
    "reverse, used", [(False, range(4)), (True, range(4)), (False, []), (True, [3])]
)
def test_values_and_gradients_are_those_of_autodiff(reverse, used):
    expected = results(False, reverse, used, jax.lax.scan)
    close(results(True, reverse, used), expected)


def test_under_vmap_each_row_is_a_scan_of_its_own():
    """As replicas are trained: parameters have a leading axis, too."""
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, 0.5 * leaf]), PARAMS)

    def slopes(few, params):
        def loss(params):
            with launching(few=few):
                last, outputs = scan(partial(step, params), CARRY, INPUTS)
            return jnp.sum(last[0]) + jnp.sum(jnp.sin(outputs[3]))

        return jax.grad(loss)(params)

    together = jax.jit(jax.vmap(partial(slopes, True)))(many)
    for n in range(2):
        alone = jax.tree.map(lambda leaf, n=n: leaf[n], many)
        close(jax.tree.map(lambda leaf, n=n: leaf[n], together), slopes(False, alone))


def test_in_bfloat16_gradients_are_as_near_float32_as_autodiffs():
    # Weak recurrence: a strong one amplifies rounding, whoever rounds.
    small = jax.tree.map(lambda leaf: 0.3 * leaf, PARAMS)

    def slopes(dtype, few):
        params, carry, inputs = jax.tree.map(
            lambda x: x.astype(dtype) if x.dtype == jnp.float32 else x,
            (small, CARRY, INPUTS),
        )

        def loss(params):
            with launching(few=few):
                last, _ = scan(partial(step, params), carry, inputs)
            return jnp.sum(last[0].astype(jnp.float32))

        return jax.jit(jax.grad(loss))(params)

    exact = slopes(jnp.float32, True)

    def errors(few):
        rough = slopes(jnp.bfloat16, few)
        assert all(slope.dtype == jnp.bfloat16 for slope in rough.values())
        return {
            name: np.abs(np.asarray(rough[name], np.float32) - slope).max()
            / np.abs(slope).max()
            for name, slope in exact.items()
        }

    ours, autodiffs = errors(True), errors(False)
    for name, error in ours.items():
        assert error < max(0.02, 1.5 * autodiffs[name]), name


def test_the_loops_hold_no_gradient_of_a_matrix():
    """Each is one product over all steps, after the loop."""
    with launching(few=True):
        jaxpr = jax.make_jaxpr(
            jax.grad(
                lambda u: jnp.sum(
                    scan(partial(step, PARAMS | {"u": u}), CARRY, INPUTS)[0][0]
                )
            )
        )(PARAMS["u"])
    loops = [eqn for eqn in jaxpr.jaxpr.eqns if eqn.primitive.name == "scan"]
    assert len(loops) == 2
    for loop in loops:
        results_of_loop = [var.aval.shape for var in loop.outvars]
        assert PARAMS["u"].shape not in results_of_loop


def test_draws_of_a_step_are_the_same_in_the_backward_pass():
    rngs = jax.random.split(jax.random.key(3), STEPS)

    def loss(few, u):
        def draws(state, rng):
            noise = jax.random.normal(rng, state.shape)
            return jnp.tanh(state @ u + noise), noise

        with launching(few=few):
            last, noise = scan(draws, CARRY[0], rngs)
        return jnp.sum(last * last), noise

    slopes = [
        jax.jit(jax.grad(partial(loss, few), has_aux=True))(PARAMS["u"])
        for few in (True, False)
    ]
    close(*slopes)


def test_few_kernels_is_a_matter_of_the_backend_unless_chosen():
    assert few_kernels() == (jax.default_backend() != "cpu")
    with launching(few=True):
        assert few_kernels()
        with launching(few=False):
            assert not few_kernels()
        assert few_kernels()
