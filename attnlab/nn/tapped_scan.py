"""A scan over time for a TPU: JAX's own gradient, but for what its loops need not do.

    (c_t, y_t) = f(c_{t-1}, x_t),  in which matrices W meet the loop as  p_t = a_t W

The gradient of W is one product over all steps after the loop, as in `scan`,

    dW = sum_t a_t^T dp_t,

where dp_t is the gradient of a tap: zeros added to p_t, for each step its own. The rest
is autodiff's. A kernel of a TPU may have many results and stores them itself, so that
nothing is packed; but slicing or spreading an array for several kernels, or storing one
that none of them makes, is a kernel more. So what only moves inputs about is done
before the loop (`StepPlan.ahead`), a carry is stored by the step that makes it and not
by the next, and what is computed anew within a kernel is not stored (`_is_saved`).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.extend.core.primitives import dot_general_p

from attnlab.nn.step_plan import Arrays, StepPlan, only_vars, read

# Arithmetic of single elements, and moves: joined with what needs their results.
_MADE_ANEW = frozenset(
    "add add_any broadcast_in_dim concatenate convert_element_type div integer_pow max "
    "min mul neg reshape select_n slice split square squeeze sub transpose".split()
)


def tapped_scan(
    plan: StepPlan,
    reverse: bool,
    matrices: Arrays,
    others: Arrays,
    carry: Arrays,
    inputs: Arrays,
) -> tuple[Arrays, Arrays]:
    """The scan of a plan.

    Args:
      plan: of the step, with its checkpoints.
      reverse: go from the last step to the first.
      matrices: the invariant factors of its products.
      others: its other invariants.
      carry: before the first step.
      inputs: [T, ...] each.

    Returns:
      The last carry, and the outputs of all steps [T, ...].
    """
    shapes = [(len(inputs[0]), *product.shape.shape) for product in plan.products]
    plan, inputs = plan.ahead(inputs)

    def taps():
        each = zip(shapes, plan.products, strict=True)
        return [jnp.zeros(shape, product.shape.dtype) for shape, product in each]

    @jax.custom_vjp
    def run(matrices, others, carry, inputs):
        return _loop(plan, reverse, matrices, others, carry, inputs, taps())[0]

    def forward(matrices, *rest):
        loop = partial(_loop, plan, reverse, matrices)
        results, pull, factors = jax.vjp(loop, *rest, taps(), has_aux=True)
        return results, (pull, factors, matrices)

    def backward(saved, slopes):
        pull, factors, matrices = saved
        *d_rest, d_products = pull(slopes)
        each = zip(plan.products, factors, d_products, matrices, strict=True)
        return [p.slope(a, d_p, m) for p, a, d_p, m in each], *d_rest

    run.defvjp(forward, backward)
    return run(matrices, others, carry, inputs)


@jax.custom_vjp
def _tapped(product: jax.Array, tap: jax.Array) -> jax.Array:
    """product + tap, where tap is zero: the gradient of one is that of the other."""
    del tap
    return product


_tapped.defvjp(lambda product, tap: (product, None), lambda _, slope: (slope, slope))


def _loop(plan: StepPlan, reverse: bool, matrices, others, carry, inputs, taps):
    """(The last carry, outputs), and the variable factor [T, ...] of each product."""
    factors = [product.factor for product in plan.products]
    pairs = zip(plan.carry, plan.after, strict=True)
    after = {var: atom for var, atom in pairs if isinstance(atom, core.Var)}
    there = {*plan.inputs, *only_vars(plan.outputs)}
    wanted = [after.get(var, var) for var in factors if var not in there]
    stored = [var for var in dict.fromkeys(wanted) if var not in there]

    def body(carry, at):
        inputs, taps = at
        rest = iter(zip(matrices, taps, strict=True))

        def multiply(product, factor):
            matrix, tap = next(rest)
            return _tapped(product.dot(factor, matrix), tap)

        values = plan.compute(others, carry, inputs, multiply)
        made = read(values, plan.outputs), read(values, stored)
        return read(values, plan.after), made

    most = sum(array.size for array in carry) + sum(array[0].size for array in inputs)
    policy = partial(_is_saved, most)
    # In a loop nothing stands beside the copy that could be taken for the same.
    light = jax.checkpoint(body, policy=policy, prevent_cse=False)
    last, (outputs, made) = jax.lax.scan(light, carry, (inputs, taps), reverse=reverse)
    names = [*plan.inputs, *plan.outputs, *stored]
    arrays = [*inputs, *outputs, *made]
    pairs = zip(names, arrays, strict=True)
    stacks = {atom: x for atom, x in pairs if isinstance(atom, core.Var)}
    for var, first in zip(plan.carry, carry, strict=True):
        if var in after and var not in stacks and after[var] in stacks:
            stacks[var] = _before(first, stacks[after[var]], reverse)
    return (last, outputs), [stacks[factor] for factor in factors]


def _before(first: jax.Array, after: jax.Array, reverse: bool) -> jax.Array:
    """The carries before every step, of the first one and those after."""
    if reverse:
        return jnp.concatenate([after[1:], first[None]])
    return jnp.concatenate([first[None], after[:-1]])


def _is_saved(most: int, primitive, *arguments, **options) -> bool:
    """Whether autodiff stores what a primitive of a step gives."""
    del options
    if primitive is dot_general_p:
        return True
    little = bool(arguments) and arguments[0].size <= most
    return little and primitive.name not in _MADE_ANEW
