"""A recurrent cell over a padded batch, forwards or backwards, as one scan."""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Params
from attnlab.masking import zero_padding
from attnlab.nn.cells import Carry, Cell
from attnlab.nn.launches import few_kernels
from attnlab.nn.scan import scan


def hold(keep: jax.Array, new: Carry, old: Carry) -> Carry:
    """Choose between two carries, row by row.

    Args:
      keep: [..., B], True where it is the new one.
      new: leaves of [..., B, H].
      old: the same.

    Returns:
      The carry of the chosen rows.
    """
    return jax.tree.map(lambda n, o: jnp.where(keep[..., None], n, o), new, old)


def time_major(array: jax.Array) -> jax.Array:
    """Swap the axes of batch and time: scans go over the first.

    Args:
      array: [B, T, ...].

    Returns:
      [T, B, ...]; a second call gives the array back.
    """
    return jnp.swapaxes(array, 0, 1)


def recur(
    cell: Cell,
    params: Params,
    inputs: jax.Array,
    mask: jax.Array,
    *,
    hidden: int,
    reverse: bool = False,
) -> tuple[jax.Array, Carry]:
    """Run a cell over sequences.

    Padding changes nothing: forwards the final carry is the one at the last real
    token; with `reverse` the scan reaches each sentence's true end with a zero state.

    Args:
      cell: the cell.
      params: its parameters.
      inputs: [B, S, E].
      mask: [B, S]; steps where it is False leave the state as it was.
      hidden: H.
      reverse: read from the end.

    Returns:
      Outputs [B, S, H] in the order of the inputs either way, zeros where masked; and
      the final carry.
    """
    # Turned before the projection: its inputs are narrower than its G * H outputs.
    projected = cell.project(params, time_major(inputs))
    start = cell.start(jnp.zeros((inputs.shape[0], hidden), projected.dtype))
    outputs, final = _run(cell, params, start, projected, time_major(mask), reverse)
    return time_major(outputs), final


def recur_both(
    cell: Cell,
    params: tuple[Params, Params],
    inputs: jax.Array,
    mask: jax.Array,
    *,
    hidden: int,
) -> tuple[tuple[jax.Array, Carry], tuple[jax.Array, Carry]]:
    """Run a cell over sequences forwards, and another from their ends.

    On GPUs in one loop: both directions are a leading axis, of parameters too.

    Args:
      cell: the cell.
      params: its parameters forwards, and backwards.
      inputs: [B, S, E].
      mask: [B, S].
      hidden: H.

    Returns:
      What `recur` returns forwards, and with `reverse`.
    """
    if not few_kernels():
        forwards, backwards = (
            recur(cell, p, inputs, mask, hidden=hidden, reverse=reverse)
            for p, reverse in zip(params, (False, True), strict=True)
        )
        return forwards, backwards
    words, real = time_major(inputs), time_major(mask)
    both = [cell.project(params[0], words), cell.project(params[1], words)[::-1]]
    projected = jnp.stack(both, axis=1)  # [S, 2, B, G * H]
    start = cell.start(jnp.zeros((2, inputs.shape[0], hidden), projected.dtype))
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *params)
    masks = jnp.stack([real, real[::-1]], axis=1)
    each = cell._replace(step=jax.vmap(cell.step))
    outputs, final = _run(each, stacked, start, projected, masks, False)
    first, second = (jax.tree.map(lambda leaf, n=n: leaf[n], final) for n in (0, 1))
    return (
        (time_major(outputs[:, 0]), first),
        (time_major(outputs[::-1, 1]), second),
    )


def _run(cell: Cell, params, start: Carry, projected, mask, reverse: bool):
    """Outputs [S, ..., B, H], zeros where masked, and the final carry."""

    def step(carry, at):
        projected_t, keep = at  # [..., B, G * H], [..., B]
        carry = hold(keep, cell.step(params, carry, projected_t), carry)
        return carry, cell.output(carry)

    final, outputs = scan(step, start, (projected, mask), reverse=reverse)
    return zero_padding(outputs, mask), final
