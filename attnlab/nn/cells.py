"""Recurrent cells as records of pure functions: Cho's GRU, flax's GRU, the LSTM.

A cell splits its input projection from its recurrence, because the projection needs no
state: `project` is one matmul over all time steps before the scan, `step` is what is
left. All arrays may carry leading batch axes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform, orthogonal

from attnlab.attention.base import Params

Carry = Any  # a pytree of arrays [..., H], each cell's own


class Cell(NamedTuple):
    """A recurrent cell as a record of pure functions; H is its width, G its gates.

    init(rng, inputs, hidden) -> params
    project(params, inputs [..., E]) -> [..., G * H]: everything that needs no state
    step(params, carry, projected [..., G * H]) -> carry
    start(state [..., H]) -> carry whose output is `state`
    output(carry) -> [..., H]
    """

    init: Callable[[jax.Array, int, int], Params]
    project: Callable[..., jax.Array]
    step: Callable[..., Carry]
    start: Callable[[jax.Array], Carry]
    output: Callable[[Carry], jax.Array]


def dense(
    inputs: jax.Array, kernel: jax.Array, bias: jax.Array | None = None
) -> jax.Array:
    """inputs @ kernel + bias, as one two-dimensional matrix product.

    XLA's weight gradient of a dot that contracts two leading axes is 1.2 to 1.4 times
    slower on a CPU than the same numbers flattened.

    Args:
      inputs: [..., E].
      kernel: [E, D].
      bias: [D], or none.

    Returns:
      [..., D].
    """
    flat = inputs.reshape(-1, inputs.shape[-1]) @ kernel
    if bias is not None:
        flat = flat + bias[None]
    return flat.reshape(*inputs.shape[:-1], kernel.shape[-1])


def project(params: Params, inputs: jax.Array) -> jax.Array:
    """The input projection that all cells share: inputs @ params["input"] + bias.

    Args:
      params: of the cell.
      inputs: [..., E].

    Returns:
      [..., G * H], the gates side by side.
    """
    return dense(inputs, params["input"], params["bias"])


def _init(
    rng: jax.Array, inputs: int, hidden: int, gates: int, recurrent: dict[str, int]
) -> Params:
    """Glorot inputs, zero biases, one orthogonal block per gate (Saxe et al. 2013)."""
    rng_input, rng_blocks = jax.random.split(rng)
    rngs = jax.random.split(rng_blocks, sum(recurrent.values()))
    # One QR to compile for all blocks, and one after the other: where a program holds
    # several batches of them, jax 0.10's on a CPU wait for each other for ever.
    blocks = iter(jax.lax.map(lambda r: orthogonal()(r, (hidden, hidden)), rngs))
    params = {
        "input": glorot_uniform()(rng_input, (inputs, gates * hidden)),
        "bias": jnp.zeros((gates * hidden,)),
    }
    for name, count in recurrent.items():
        # [H, count * H]: the gates that read the same side by side, for one product.
        params[name] = jnp.concatenate([next(blocks) for _ in range(count)], axis=1)
    return params


def cho_gru() -> Cell:
    """Cho et al. 2014; Bahdanau et al. 2014, appendix A.1: reset *before* the matmul.

    r = sigmoid(W_r x + U_r h),  z = sigmoid(W_z x + U_z h),
    h' = (1 - z) * h + z * tanh(W x + U (r * h)).
    The update gate opens for the new state, as in GroundHog (flax gates the old one).

    Returns:
      The Cell; its carry is the state [..., H].
    """

    def init(rng, inputs, hidden):
        return _init(rng, inputs, hidden, 3, {"gates": 2, "candidate": 1})

    def step(params, carry, projected):
        gates, candidate = jnp.split(projected, [2 * carry.shape[-1]], axis=-1)
        gates = jax.nn.sigmoid(gates + carry @ params["gates"])
        reset, update = jnp.split(gates, 2, axis=-1)
        candidate = jnp.tanh(candidate + (reset * carry) @ params["candidate"])
        return (1.0 - update) * carry + update * candidate

    return Cell(init, project, step, lambda state: state, lambda carry: carry)


def gru() -> Cell:
    """The GRU of flax, cuDNN and torch: reset *after* the matmul, on U h + b.

    r = sigmoid(W_r x + U_r h),  z = sigmoid(W_z x + U_z h),
    n = tanh(W x + r * (U h + b)),  h' = (1 - z) * n + z * h.

    Returns:
      The Cell; its carry is the state [..., H].
    """

    def init(rng, inputs, hidden):
        params = _init(rng, inputs, hidden, 3, {"state": 3})
        return params | {"candidate_bias": jnp.zeros((hidden,))}

    def step(params, carry, projected):
        width = carry.shape[-1]
        gates, candidate = jnp.split(projected, [2 * width], axis=-1)
        gates_h, candidate_h = jnp.split(carry @ params["state"], [2 * width], axis=-1)
        reset, update = jnp.split(jax.nn.sigmoid(gates + gates_h), 2, axis=-1)
        # Spelt out: tests forbid that ranks are promoted silently.
        bias = jnp.broadcast_to(params["candidate_bias"], candidate_h.shape)
        candidate = jnp.tanh(candidate + reset * (candidate_h + bias))
        return (1.0 - update) * candidate + update * carry

    return Cell(init, project, step, lambda state: state, lambda carry: carry)


def lstm() -> Cell:
    """Hochreiter and Schmidhuber 1997 with forget gates.

    i, f, o = sigmoid(W x + U h),  g = tanh(W x + U h),
    c' = f * c + i * g,  h' = o * tanh(c').
    The forget gate's bias starts at one (Jozefowicz et al. 2015).

    Returns:
      The Cell; its carry is (cell c, state h), each [..., H].
    """

    def init(rng, inputs, hidden):
        params = _init(rng, inputs, hidden, 4, {"state": 4})
        # The second block is the forget gate; at one, a new cell remembers.
        bias = params["bias"].at[hidden : 2 * hidden].set(1.0)
        return params | {"bias": bias}

    def step(params, carry, projected):
        cell, state = carry
        gates = projected + state @ params["state"]
        write, forget, show, new = jnp.split(gates, 4, axis=-1)  # i, f, o, g
        cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(write) * jnp.tanh(new)
        return cell, jax.nn.sigmoid(show) * jnp.tanh(cell)

    def start(state):
        # Whoever gives a first state gives an output; the cell behind it is empty.
        return jnp.zeros_like(state), state

    return Cell(init, project, step, start, lambda carry: carry[1])


CELLS: dict[str, Callable[[], Cell]] = {"cho-gru": cho_gru, "gru": gru, "lstm": lstm}


def cell_named(name: str) -> Cell:
    """The cell of a name.

    Args:
      name: one of CELLS.

    Returns:
      The Cell.

    Raises:
      ValueError: for another name; the choices are given.
    """
    if name not in CELLS:
        raise ValueError(f"unknown cell {name!r}; choose {', '.join(CELLS)}")
    return CELLS[name]()
