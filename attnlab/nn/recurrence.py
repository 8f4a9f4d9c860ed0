"""A recurrent cell over a padded batch, forwards or backwards, as one scan."""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Params
from attnlab.nn.cells import Carry, Cell


def hold(keep: jax.Array, new: Carry, old: Carry) -> Carry:
    """Choose between two carries, row by row.

    Args:
      keep: [B], True where it is the new one.
      new: leaves of [B, H].
      old: the same.

    Returns:
      The carry of the chosen rows.
    """
    return jax.tree.map(lambda n, o: jnp.where(keep[:, None], n, o), new, old)


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

    def step(carry, at):
        projected_t, keep = at  # [B, G * H], [B]
        carry = hold(keep, cell.step(params, carry, projected_t), carry)
        return carry, jnp.where(keep[:, None], cell.output(carry), 0.0)

    scanned = (projected, time_major(mask))
    final, outputs = jax.lax.scan(step, start, scanned, reverse=reverse)
    return time_major(outputs), final
