"""A step of a scan taken apart: its products with matrices, and the rest of it.

Read off the step's jaxpr. What a step does not get from its arguments, parameters above
all, is the same at every step: `invariant`. A product counts where one factor is
invariant and the other is one row, or vector, for each example. For loops that pack,
several that share their variable factor become one, a [U V], of matrices joined before
the loop; what follows from invariants alone is computed there for all.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.extend.core.primitives import dot_general_p, jit_p, remat_p

Arrays = list[jax.Array]
Values = dict[core.Var, jax.Array]
Atoms = Sequence[core.Var | core.Literal]
Shaped = jax.Array | jax.ShapeDtypeStruct

# By name: JAX's public modules do not export them all.
_MOVES = {"broadcast_in_dim", "reshape", "slice", "split", "squeeze", "transpose"}


class LoopProduct(NamedTuple):
    """A dot_general of an invariant factor, or several with one variable factor.

    factor: the variable one. dot: dot(factor, invariant) -> the product. results,
    widths: what the product holds side by side. by_rows: is it [B, K] @ [K, M]?
    """

    factor: core.Var
    dot: Callable[[jax.Array, jax.Array], jax.Array]
    results: list[core.Var]
    widths: list[int]
    by_rows: bool

    @property
    def shape(self) -> jax.ShapeDtypeStruct:
        """Shape and type of the product."""
        first: Any = self.results[0].aval
        return jax.ShapeDtypeStruct((*first.shape[:-1], sum(self.widths)), first.dtype)

    def split(self, product: jax.Array) -> Values:
        """The results that a product holds.

        Args:
          product: [..., sum of widths].

        Returns:
          The results [..., width] by variable.
        """
        ends = [sum(self.widths[: n + 1]) for n in range(len(self.widths) - 1)]
        parts = jnp.split(product, ends, axis=-1) if ends else [product]
        return dict(zip(self.results, parts, strict=True))

    def slope(
        self, factors: jax.Array, slopes: jax.Array, invariant: jax.Array
    ) -> jax.Array:
        """The gradient of the invariant factor, in one product over all steps.

        Args:
          factors: the variable ones of all steps [T, ...].
          slopes: d loss / d products [T, ...].
          invariant: the invariant factor.

        Returns:
          d loss / d invariant.
        """
        if self.by_rows:  # [T B, K]^T [T B, M]
            rows = factors.reshape(-1, factors.shape[-1])
            return rows.T @ slopes.reshape(-1, slopes.shape[-1])

        def all_steps(invariant):
            return jax.vmap(lambda factor: self.dot(factor, invariant))(factors)

        return jax.linear_transpose(all_steps, invariant)(slopes)[0]


class StepPlan(NamedTuple):
    """A step, taken apart.

    carry, inputs: its arguments. others: the invariants that are no factor of a
    product. work: what it computes, in order. after, outputs: its results.
    """

    carry: list[core.Var]
    inputs: list[core.Var]
    others: list[core.Var]
    work: list[core.JaxprEqn | LoopProduct]
    after: Atoms
    outputs: Atoms

    @property
    def products(self) -> list[LoopProduct]:
        """Those of the work, in order."""
        return [item for item in self.work if isinstance(item, LoopProduct)]

    def compute(
        self,
        others: Arrays,
        carry: Arrays,
        inputs: Arrays,
        multiply: Callable[[LoopProduct, jax.Array], jax.Array],
    ) -> Values:
        """All values of a step.

        Args:
          others: the invariants that are no factors.
          carry: before the step.
          inputs: of the step.
          multiply: makes each product of its variable factor; called in their order.

        Returns:
          The values by variable.
        """
        names = [*self.others, *self.carry, *self.inputs]
        values = dict(zip(names, [*others, *carry, *inputs], strict=True))
        for item in self.work:
            if isinstance(item, LoopProduct):
                values |= item.split(multiply(item, values[item.factor]))
            else:
                results = _apply(item, read(values, item.invars))
                values |= dict(zip(item.outvars, results, strict=True))
        return values

    def ahead(self, inputs: Arrays) -> tuple["StepPlan", Arrays]:
        """What only moves inputs about, done for all steps before the loop.

        Args:
          inputs: [T, ...] each.

        Returns:
          The plan of the rest, and its inputs [T, ...].
        """
        stacks = dict(zip(self.inputs, inputs, strict=True))
        work: list[core.JaxprEqn | LoopProduct] = []
        for item in self.work:
            if isinstance(item, LoopProduct) or not _moves(item, stacks):
                work.append(item)
                continue
            given = [stacks[var] for var in only_vars(item.invars)]
            made = jax.vmap(lambda *given, eqn=item: _apply(eqn, list(given)))(*given)
            stacks |= dict(zip(item.outvars, made, strict=True))
        used = {*only_vars(self.after), *only_vars(self.outputs)}
        for item in work:
            if isinstance(item, LoopProduct):
                used.add(item.factor)
            else:
                used.update(only_vars(item.invars))
        names = [var for var in stacks if var in used]
        return self._replace(inputs=names, work=work), [stacks[n] for n in names]

    def stored(self, carry: Sequence[Shaped]) -> list[Shaped]:
        """What the forward loop stores of a step.

        Args:
          carry: arrays, or their shapes and types.

        Returns:
          The carry, and shapes and types of the products.
        """
        return [*carry, *(product.shape for product in self.products)]

    def stacks(self, stored: Arrays, inputs: Arrays) -> Values:
        """What is there of all steps after the forward loop.

        Args:
          stored: see the method of that name, [T, ...] each.
          inputs: [T, ...] each.

        Returns:
          The stacks [T, ...] by variable.
        """
        names, count = [*self.carry, *self.inputs], len(self.carry)
        stacks = dict(zip(names, [*stored[:count], *inputs], strict=True))
        for product, stack in zip(self.products, stored[count:], strict=True):
            stacks |= product.split(stack)
        return stacks


def make_plan(
    step: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    inputs: Any,
    *,
    packed: bool,
) -> tuple[StepPlan, Arrays, Arrays, Any]:
    """The plan of a step.

    Args:
      step: step(carry, inputs of one step) -> (carry, outputs of one step).
      carry: a pytree of arrays.
      inputs: of one step; a pytree of arrays, or of their shapes and types.
      packed: for a loop that packs what it stores: joins products of one factor, and
        looks into checkpoints, as that loop computes all anew.

    Returns:
      The plan, the invariant factors of its products, its other invariants, and a
      pytree like the outputs.
    """
    traced, (_, outputs) = jax.make_jaxpr(step, return_shape=True)(carry, inputs)
    carries = len(jax.tree.leaves(carry))
    closed = _inlined(traced, jax.tree.leaves((carry, inputs)), checkpoints=packed)
    plan, matrices, others = _taken_apart(closed, carries, join=packed)
    return plan, matrices, others, outputs


def _taken_apart(
    closed: core.ClosedJaxpr, carries: int, *, join: bool
) -> tuple[StepPlan, Arrays, Arrays]:
    jaxpr = closed.jaxpr
    known: Values = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    work: list[core.JaxprEqn | LoopProduct] = []
    parts: list[tuple[LoopProduct, Arrays]] = []  # with the matrices to be joined
    joinable: dict[Any, tuple[LoopProduct, Arrays]] = {}
    for eqn in jaxpr.eqns:
        if _goes_before_the_loop(eqn, known):
            results = _apply(eqn, read(known, eqn.invars))
            known |= dict(zip(eqn.outvars, results, strict=True))
        elif (made := _as_product(eqn, known)) is None:
            work.append(eqn)
        else:
            product, matrix = made
            alike = product.by_rows, product.factor, matrix.dtype, str(eqn.params)
            if join and product.by_rows and alike in joinable:
                first, matrices = joinable[alike]
                first.results.extend(product.results)
                first.widths.extend(product.widths)
                matrices.append(matrix)
            else:
                joinable[alike] = product, [matrix]
                parts.append(joinable[alike])
                work.append(product)
    used = {*only_vars(jaxpr.outvars)}
    for item in work:
        if not isinstance(item, LoopProduct):
            used.update(only_vars(item.invars))
    others = [var for var in known if var in used]
    before, inputs = jaxpr.invars[:carries], jaxpr.invars[carries:]
    after, outputs = jaxpr.outvars[:carries], jaxpr.outvars[carries:]
    plan = StepPlan(before, inputs, others, work, after, outputs)
    joined = [jnp.concatenate(m, axis=1) if len(m) > 1 else m[0] for _, m in parts]
    return plan, joined, [known[var] for var in others]


def only_vars(atoms: Atoms) -> list[core.Var]:
    """The variables among atoms.

    Args:
      atoms: of a jaxpr.

    Returns:
      Those that are no constants.
    """
    return [atom for atom in atoms if isinstance(atom, core.Var)]


def _goes_before_the_loop(eqn: core.JaxprEqn, known: Values) -> bool:
    """Follows it from invariants, and is it no larger than they are?"""
    # What is broadcast from little, a constant say, costs less anew in every step than
    # being read from memory.
    given = only_vars(eqn.invars)
    return all(var in known for var in given) and _size(eqn.outvars) <= _size(given)


def _size(variables: Sequence[core.Var]) -> int:
    avals: list[Any] = [var.aval for var in variables]
    return sum(aval.size for aval in avals)


def _moves(eqn: core.JaxprEqn, stacks: Values) -> bool:
    """Does the equation only cut, spread or turn inputs?"""
    given = only_vars(eqn.invars)
    return bool(given) and eqn.primitive.name in _MOVES and {*given} <= stacks.keys()


def _as_product(
    eqn: core.JaxprEqn, known: Values
) -> tuple[LoopProduct, jax.Array] | None:
    """The equation as a product with an invariant factor, and that factor."""
    factors = only_vars(eqn.invars)
    variable = [var for var in factors if var not in known]
    if eqn.primitive is not dot_general_p or len(variable) != 1 or len(factors) != 2:
        return None
    side = factors.index(variable[0])
    factor, matrix = variable[0], known[factors[1 - side]]
    contracted, batch = eqn.params["dimension_numbers"]
    # With more axes, as the tanh [B, S, H] of an additive score, the factors of all
    # steps would take more memory than the sum of the gradients.
    shape: Any = factor.aval
    result: Any = eqn.outvars[0].aval
    axes = shape.ndim - len(contracted[side]) - len(batch[side])
    if axes > 1 or not jnp.issubdtype(result.dtype, jnp.floating):
        return None

    def dot(factor, matrix):
        factors = (factor, matrix) if side == 0 else (matrix, factor)
        return dot_general_p.bind(*factors, **eqn.params)

    rows = (((1,), (0,)), ((), ()))
    by_rows = side == 0 and matrix.ndim == 2 and (contracted, batch) == rows
    width = result.shape[-1]
    return LoopProduct(factor, dot, [eqn.outvars[0]], [width], by_rows), matrix


def _inlined(
    closed: core.ClosedJaxpr, arguments: Sequence[Any], *, checkpoints: bool
) -> core.ClosedJaxpr:
    """The same without calls of jitted and, with `checkpoints`, of such functions."""

    def inline(jaxpr, consts, arguments):
        names = [*jaxpr.constvars, *jaxpr.invars]
        values = dict(zip(names, [*consts, *arguments], strict=True))
        for eqn in jaxpr.eqns:
            operands = read(values, eqn.invars)
            if eqn.primitive is jit_p:
                inner = eqn.params["jaxpr"]
                results = inline(inner.jaxpr, inner.consts, operands)
            elif eqn.primitive is remat_p and checkpoints:
                results = inline(eqn.params["jaxpr"], (), operands)
            else:
                results = _apply(eqn, operands)
            values |= dict(zip(eqn.outvars, results, strict=True))
        return read(values, jaxpr.outvars)

    def run(*arguments):
        return inline(closed.jaxpr, closed.consts, arguments)

    return jax.make_jaxpr(run)(*arguments)


def read(values: Values, atoms: Atoms) -> Arrays:
    """The values of atoms.

    Args:
      values: of the variables.
      atoms: of a jaxpr, variables and constants.

    Returns:
      The values, in that order.
    """
    return [a.val if isinstance(a, core.Literal) else values[a] for a in atoms]


def _apply(eqn: core.JaxprEqn, operands: Arrays) -> Arrays:
    """The results of an equation."""
    options, functions = eqn.primitive.get_bind_params(eqn.params), ()
    if isinstance(options, tuple):  # as in some versions of JAX
        functions, options = options
    results = eqn.primitive.bind(*functions, *operands, **options)
    return results if eqn.primitive.multiple_results else [results]
