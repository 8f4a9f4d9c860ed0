"""Length-aware recurrence: one scan over padded batches, forwards or backwards."""

import jax
import jax.numpy as jnp

from attnlab.nn.cells import Carry, Cell


def hold(keep: jax.Array, new: Carry, old: Carry) -> Carry:
    """`new` in rows where `keep` [B] is true, `old` elsewhere, leaf by leaf [B, H]."""
    return jax.tree.map(lambda n, o: jnp.where(keep[:, None], n, o), new, old)


def time_major(array: jax.Array) -> jax.Array:
    """[B, T, ...] -> [T, B, ...], and back."""
    return jnp.swapaxes(array, 0, 1)


def recur(
    cell: Cell,
    params,
    inputs: jax.Array,
    mask: jax.Array,
    *,
    hidden: int,
    reverse: bool = False,
) -> tuple[jax.Array, Carry]:
    """Outputs [B, S, H] and the final carry of `cell` over inputs [B, S, E].

    Steps where `mask` [B, S] is false leave the state as it was and output zeros, so
    padding changes nothing: forwards the final carry is the one at the last real
    token; with `reverse` the scan reaches each sentence's true end with a zero state.
    Outputs stay in the order of the inputs either way.
    """
    projected = cell.project(params, time_major(inputs))  # the narrow side turned
    start = cell.start(jnp.zeros((inputs.shape[0], hidden), projected.dtype))

    def step(carry, at):
        projected_t, keep = at
        carry = hold(keep, cell.step(params, carry, projected_t), carry)
        return carry, jnp.where(keep[:, None], cell.output(carry), 0.0)

    scanned = (projected, time_major(mask))
    final, outputs = jax.lax.scan(step, start, scanned, reverse=reverse)
    return time_major(outputs), final
