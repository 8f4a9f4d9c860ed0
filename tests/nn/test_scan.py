"""The scans for accelerators against `jax.lax.scan` and its autodiff."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.nn.launches import few_kernels, launched_by_host, launching
from attnlab.nn.scan import scan
from attnlab.nn.step_plan import make_plan

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


BOTH = pytest.mark.parametrize("backend", ["gpu", "tpu"])


def results(backend, reverse=False, used=range(4), run=scan):
    """Loss, results, and gradients of parameters, carry and inputs."""

    def loss(params, state, x):
        carry, inputs = (state, CARRY[1]), INPUTS | {"x": x}
        with launching(backend):
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


@BOTH
@pytest.mark.parametrize(
    "reverse, used", [(False, range(4)), (True, range(4)), (False, []), (True, [3])]
)
def test_values_and_gradients_are_those_of_autodiff(reverse, used, backend):
    expected = results("cpu", reverse, used, jax.lax.scan)
    close(results(backend, reverse, used), expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_matrices_may_come_last_on_a_cpu_too(reverse):
    expected = results("cpu", reverse, range(4), jax.lax.scan)
    last = partial(scan, matrices_last=True)
    close(results("cpu", reverse, range(4), last), expected)


@BOTH
def test_under_vmap_each_row_is_a_scan_of_its_own(backend):
    """As replicas are trained: parameters have a leading axis, too."""
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, 0.5 * leaf]), PARAMS)

    def slopes(backend, params):
        def loss(params):
            with launching(backend):
                last, outputs = scan(partial(step, params), CARRY, INPUTS)
            return jnp.sum(last[0]) + jnp.sum(jnp.sin(outputs[3]))

        return jax.grad(loss)(params)

    together = jax.jit(jax.vmap(partial(slopes, backend)))(many)
    for n in range(2):
        alone = jax.tree.map(lambda leaf, n=n: leaf[n], many)
        close(jax.tree.map(lambda leaf, n=n: leaf[n], together), slopes("cpu", alone))


@BOTH
def test_in_bfloat16_gradients_are_as_near_float32_as_autodiffs(backend):
    # Weak recurrence: a strong one amplifies rounding, whoever rounds.
    small = jax.tree.map(lambda leaf: 0.3 * leaf, PARAMS)

    def slopes(dtype, backend):
        params, carry, inputs = jax.tree.map(
            lambda x: x.astype(dtype) if x.dtype == jnp.float32 else x,
            (small, CARRY, INPUTS),
        )

        def loss(params):
            with launching(backend):
                last, _ = scan(partial(step, params), carry, inputs)
            return jnp.sum(last[0].astype(jnp.float32))

        return jax.jit(jax.grad(loss))(params)

    exact = slopes(jnp.float32, backend)

    def errors(backend):
        rough = slopes(jnp.bfloat16, backend)
        assert all(slope.dtype == jnp.bfloat16 for slope in rough.values())
        return {
            name: np.abs(np.asarray(rough[name], np.float32) - slope).max()
            / np.abs(slope).max()
            for name, slope in exact.items()
        }

    ours, autodiffs = errors(backend), errors("cpu")
    for name, error in ours.items():
        assert error < max(0.02, 1.5 * autodiffs[name]), name


@BOTH
def test_the_loops_hold_no_gradient_of_a_matrix(backend):
    """Each is one product over all steps, after the loop."""
    with launching(backend):
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


@BOTH
def test_draws_of_a_step_are_the_same_in_the_backward_pass(backend):
    rngs = jax.random.split(jax.random.key(3), STEPS)

    def loss(backend, u):
        def draws(state, rng):
            noise = jax.random.normal(rng, state.shape)
            return jnp.tanh(state @ u + noise), noise

        with launching(backend):
            last, noise = scan(draws, CARRY[0], rngs)
        return jnp.sum(last * last), noise

    slopes = [
        jax.jit(jax.grad(partial(loss, name), has_aux=True))(PARAMS["u"])
        for name in (backend, "cpu")
    ]
    close(*slopes)


@BOTH
def test_inputs_that_no_step_reads(backend):
    def loss(backend, u):
        with launching(backend):
            last, _ = scan(lambda c, _: (jnp.tanh(c @ u), None), CARRY[0], INPUTS)
        return jnp.sum(last)

    slopes = [jax.grad(partial(loss, name))(PARAMS["u"]) for name in (backend, "cpu")]
    close(*slopes)


def test_what_only_moves_inputs_about_is_done_ahead_of_the_loop():
    """Masks are spread, and inputs split, for all steps at once."""

    def halves(state, at):
        left, right = jnp.split(at["x"], [2], axis=-1)
        keep = jnp.broadcast_to(at["keep"][:, None], right.shape)
        return state + left.sum() + jnp.where(keep, right, -right).sum(), ()

    first = jax.tree.map(lambda stack: stack[0], INPUTS)
    plan, _, _, _ = make_plan(halves, jnp.zeros(()), first, packed=False)
    rest, stacks = plan.ahead([INPUTS["keep"], INPUTS["x"]])

    def names(plan):
        return {item.primitive.name for item in plan.work}

    assert {"split", "broadcast_in_dim"} <= names(plan)
    assert not {"split", "broadcast_in_dim"} & names(rest)
    keep, left, right = sorted(stacks, key=lambda stack: stack.dtype.itemsize)
    np.testing.assert_array_equal(keep, np.repeat(MASK[..., None], 3, axis=2))
    np.testing.assert_array_equal(jnp.concatenate([left, right], -1), INPUTS["x"])


def test_few_kernels_is_a_matter_of_the_backend_unless_chosen():
    assert few_kernels() == (jax.default_backend() != "cpu")
    with launching("gpu"):
        assert few_kernels() and launched_by_host()
        with launching("cpu"):
            assert not few_kernels() and not launched_by_host()
        with launching("tpu"):
            assert few_kernels() and not launched_by_host()
        assert launched_by_host()
