"""A scan over time that launches few kernels: it stores little, in one array a step,
and takes the gradients of matrices after the loop.

    (c_t, y_t) = f(c_{t-1}, x_t),  in which matrices W meet the loop as  p_t = a_t W

Autodiff stores every intermediate array of every step, and adds to the gradient of W in
every step. Here the forward loop stores c_{t-1} and the products p_t. The backward loop
goes from the last step to the first, computes f anew from them without its products,
and then

    (dc_{t-1}, dx_t, dp_t) from (dc_t, dy_t),  where da_t = dp_t W^T;

after it the gradient of each matrix is one product over all steps,

    dW = sum_t a_t^T dp_t = A^T dP.

`step_plan` finds the products.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.extend import core

from attnlab.nn.launches import few_kernels, launched_by_host
from attnlab.nn.step_plan import Arrays, Shaped, StepPlan, make_plan, only_vars, read
from attnlab.nn.tapped_scan import tapped_scan

Slopes = list[jax.Array | None]  # None where an array has no gradient


def scan(
    step: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    inputs: Any,
    *,
    reverse: bool = False,
    matrices_last: bool = False,
) -> tuple[Any, Any]:
    """`jax.lax.scan`; on GPUs the one of this file, on TPUs `tapped_scan`.

    Args:
      step: step(carry, inputs of one step) -> (carry, outputs of one step).
      carry: before the first step, a pytree of arrays.
      inputs: a pytree of arrays whose first axis is the steps.
      reverse: go from the last step to the first.
      matrices_last: take the gradients of matrices after the loop on a CPU, too: worth
        it where a step has few rows, and adding to a matrix costs more than the step.

    Returns:
      The last carry, and the outputs of all steps with the steps as the first axis.
    """
    if not (few_kernels() or matrices_last):
        return jax.lax.scan(step, carry, inputs, reverse=reverse)
    # The backward loop draws once more what the forward loop drew, which JAX's checks
    # of reused keys cannot tell from a mistake: so keys pass as plain numbers.
    plain = jax.tree.map(lambda x: jax.random.key_data(x) if _is_key(x) else x, inputs)

    def keyed(carry, xs):
        return step(carry, jax.tree.map(_like, xs, inputs))

    carries, scanned = jax.tree.leaves(carry), jax.tree.leaves(plain)
    first = jax.eval_shape(lambda xs: jax.tree.map(lambda x: x[0], xs), plain)
    plan, matrices, others, outputs = make_plan(
        keyed, carry, first, packed=launched_by_host()
    )
    if launched_by_host():
        run = _packed_scan(plan, reverse)
    else:
        run = partial(tapped_scan, plan, reverse)
    last, stacks = run(matrices, others, carries, scanned)
    return (
        jax.tree.unflatten(jax.tree.structure(carry), last),
        jax.tree.unflatten(jax.tree.structure(outputs), stacks),
    )


def _packed_scan(plan: StepPlan, reverse: bool) -> Callable[..., tuple[Arrays, Arrays]]:
    """The scan of a plan, of its matrices, others, carry and inputs."""

    @jax.custom_vjp
    def run(*arguments):
        return _forward(plan, reverse, *arguments)[0]

    def forward(*arguments):
        values = jax.tree.map(lambda leaf: leaf.value, arguments)
        return _forward(plan, reverse, *values)

    run.defvjp(forward, partial(_backward, plan, reverse), symbolic_zeros=True)
    return run


def _forward(plan: StepPlan, reverse: bool, matrices, others, carry, inputs):
    """(The last carry, outputs), and what the backward pass needs."""
    # Outputs that are stored anyway are not stored twice.
    there = {*plan.carry, *plan.inputs, *only_vars(plan.after)}
    there = there.union(*(product.results for product in plan.products))
    rest = [
        n
        for n, atom in enumerate(plan.outputs)
        if isinstance(atom, core.Literal) or atom not in there
    ]

    def body(carry, inputs):
        products: Arrays = []

        def multiply(product, factor):
            products.append(product.dot(factor, matrices[len(products)]))
            return products[-1]

        values = plan.compute(others, carry, inputs, multiply)
        stored = _packed([*carry, *products])
        made = read(values, [plan.outputs[n] for n in rest])
        return read(values, plan.after), (stored, made)

    last, (packed, made) = jax.lax.scan(body, carry, inputs, reverse=reverse)
    before = _unpacked(packed, plan.stored(carry))
    stacks = plan.stacks(before, inputs)
    for n, atom in enumerate(plan.after):
        if isinstance(atom, core.Var) and atom not in stacks:
            stacks[atom] = _after(before[n], last[n], reverse)
    numbered = dict(zip(rest, made, strict=True))
    outputs = [
        numbered[n] if n in numbered else read(stacks, [atom])[0]
        for n, atom in enumerate(plan.outputs)
    ]
    return (last, outputs), (matrices, others, carry, inputs, packed)


def _after(before: jax.Array, last: jax.Array, reverse: bool) -> jax.Array:
    """The carries after every step, of those before it and the last."""
    if reverse:
        return jnp.concatenate([last[None], before[:-1]])
    return jnp.concatenate([before[1:], last[None]])


def _backward(plan: StepPlan, reverse: bool, saved, slopes):
    """d loss / d (matrices, others, carry, inputs), of d loss / d (last, outputs)."""
    matrices, others, carry, inputs, packed = saved
    d_last, d_outputs = slopes
    shapes = plan.stored(carry)
    stacks = plan.stacks(_unpacked(packed, shapes), inputs)
    live = [n for n, slope in enumerate(d_outputs) if _is_live(slope)]
    missing = [
        n for n, product in enumerate(plan.products) if product.factor not in stacks
    ]
    emitted_shapes: Arrays = []

    def back(sums, at):
        d_carry, d_others = sums
        packed_t, inputs_t, d_outputs_t = at
        stored = _unpacked(packed_t, shapes)
        carry_t, products_t = stored[: len(carry)], stored[len(carry) :]

        def replay(carry_, inputs_, others_, taps):
            factors: Arrays = []

            def multiply(product, factor) -> Any:
                n = len(factors)
                factors.append(factor)
                return _given(product.dot, matrices[n], products_t[n], factor, taps[n])

            values = plan.compute(
                _filled(others_, others),
                _filled(carry_, carry_t),
                _filled(inputs_, inputs_t),
                multiply,
            )
            after = _floats(read(values, plan.after))
            return (after, read(values, [plan.outputs[n] for n in live])), factors

        variable = _floats(carry_t), _floats(inputs_t), _floats(others)
        taps = [jnp.zeros_like(product) for product in products_t]
        _, pull, factors = jax.vjp(replay, *variable, taps, has_aux=True)
        d_carry, d_inputs, more, d_products = pull((d_carry, d_outputs_t))
        made = [*d_products, *(factors[n] for n in missing), *jax.tree.leaves(d_inputs)]
        emitted_shapes[:] = made
        return (d_carry, jax.tree.map(jnp.add, d_others, more)), _packed(made)

    start = _filled_slopes(d_last, carry), jax.tree.map(jnp.zeros_like, _floats(others))
    each = packed, inputs, [d_outputs[n] for n in live]
    (d_carry, d_others), made = jax.lax.scan(back, start, each, reverse=not reverse)
    emitted = iter(_unpacked(made, emitted_shapes))
    d_products = [next(emitted) for _ in plan.products]
    stacks |= {plan.products[n].factor: next(emitted) for n in missing}
    d_inputs = [None if x is None else next(emitted) for x in _floats(inputs)]
    d_matrices = [
        product.slope(stacks[product.factor], slope, matrix)
        for product, slope, matrix in zip(
            plan.products, d_products, matrices, strict=True
        )
    ]
    return d_matrices, d_others, d_carry, d_inputs


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _given(dot, matrix, product, factor, tap):
    """The known `product` of factor and matrix; `tap` gets the product's gradient."""
    del dot, matrix, factor, tap
    return product


def _given_forward(dot, matrix, product, factor, tap):
    del dot, tap
    return product, (matrix, factor)


def _given_backward(dot, saved, slope):
    matrix, factor = saved
    (d_factor,) = jax.linear_transpose(lambda f: dot(f, matrix), factor)(slope)
    return None, None, d_factor, slope


_given.defvjp(_given_forward, _given_backward)


def _groups(arrays: Sequence[Shaped]) -> list[list[int]]:
    """Numbers of the arrays that are packed into one: those of one type of floats."""
    groups: dict[Any, list[int]] = {}
    for n, array in enumerate(arrays):
        groups.setdefault(array.dtype if _is_float(array) else n, []).append(n)
    return list(groups.values())


def _packed(arrays: Arrays) -> Arrays:
    """The arrays flat and end to end: one kernel stores them all."""
    return [
        jnp.concatenate([arrays[n].reshape(-1) for n in group])
        if len(group) > 1
        else arrays[group[0]]
        for group in _groups(arrays)
    ]


def _unpacked(packed: Arrays, shapes: Sequence[Shaped]) -> Arrays:
    """The arrays of these shapes, with the leading axes that `packed` has besides."""
    arrays: dict[int, jax.Array] = {}
    for group, pack in zip(_groups(shapes), packed, strict=True):
        if len(group) == 1:
            arrays[group[0]] = pack
            continue
        sizes = [math.prod(shapes[n].shape) for n in group]
        ends = [sum(sizes[: k + 1]) for k in range(len(sizes) - 1)]
        for n, part in zip(group, jnp.split(pack, ends, axis=-1), strict=True):
            arrays[n] = part.reshape(*pack.shape[:-1], *shapes[n].shape)
    return [arrays[n] for n in range(len(shapes))]


def _is_key(array: jax.Array) -> bool:
    return jnp.issubdtype(array.dtype, jax.dtypes.prng_key)


def _like(plain: jax.Array, original: jax.Array) -> jax.Array:
    """Numbers as the random keys they were, if they were."""
    if not _is_key(original):
        return plain
    return jax.random.wrap_key_data(plain, impl=jax.random.key_impl(original))


def _is_float(array: Shaped) -> bool:
    return jnp.issubdtype(array.dtype, jnp.floating)


def _is_live(slope: jax.Array | SymbolicZero) -> bool:
    return not isinstance(slope, SymbolicZero) and slope.dtype != jax.dtypes.float0


def _floats(arrays: Arrays) -> Slopes:
    """The arrays that have a gradient, None for the others."""
    return [array if _is_float(array) else None for array in arrays]


def _filled(floats: Slopes, arrays: Arrays) -> Arrays:
    """`floats` with the other arrays in their places."""
    pairs = zip(floats, arrays, strict=True)
    return [array if float_ is None else float_ for float_, array in pairs]


def _filled_slopes(slopes: list[Any], arrays: Arrays) -> Slopes:
    """The slopes of the arrays that have one, as arrays."""
    return [
        None if x is None else slope if _is_live(slope) else jnp.zeros_like(x)
        for slope, x in zip(slopes, _floats(arrays), strict=True)
    ]
