"""One pure training step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from attnlab.nn.losses import Sums

Pytree = Any  # of arrays: parameters, a batch, what a loss remembers
# loss(params, batch, rng, estimator_state) -> (sum, (Sums, next estimator_state))
Loss = Callable[..., tuple[jax.Array, tuple[Sums, Pytree]]]


class TrainState(NamedTuple):
    """All that a step changes.

    params: the model's parameters. optimizer: the state of the optax transformation.
    estimator_state: what the loss remembers (`Task.estimator_state`). step: finished
    updates, []. rng: a key that never changes: every step's is `fold_in(rng, step)`, so
    a resumed run draws what it would have.
    """

    params: Pytree
    optimizer: optax.OptState
    estimator_state: Pytree
    step: jax.Array
    rng: jax.Array


# update(state, batch, ...) -> (state, Sums)
Update = Callable[..., tuple[TrainState, Sums]]


def init_state(
    init: Callable[[jax.Array], Pytree],
    tx: optax.GradientTransformation,
    estimator_state: Pytree,
    seed: int | jax.Array,
) -> TrainState:
    """The state before the first update.

    Args:
      init: makes the parameters of a random key.
      tx: the optimizer.
      estimator_state: what the loss remembers before the first update.
      seed: of the parameters and of all that training draws.

    Returns:
      The state at step 0.
    """
    # Apart, so that more draws at initialization change no draw in training.
    rng_init, rng_train = jax.random.split(jax.random.key(seed))
    params = init(rng_init)
    step = jnp.zeros((), jnp.int32)
    return TrainState(params, tx.init(params), estimator_state, step, rng_train)


def train_step(
    state: TrainState,
    batch: Pytree,
    *,
    loss: Loss,
    tx: optax.GradientTransformation,
    axis_name: str | None = None,
) -> tuple[TrainState, Sums]:
    """One update on the mean loss per token.

    Args:
      state: the state before it.
      batch: arrays with rows as their first axis.
      loss: the summed loss of a batch, see `attnlab.task.Task`.
      tx: the optimizer.
      axis_name: of the devices that share the rows, each of which has a part of them as
        `batch`. All make the same update: Sums and gradients are summed over them
        before they are divided, since parts differ in tokens.

    Returns:
      The next state, and the Sums of the whole batch.
    """
    rng = jax.random.fold_in(state.rng, state.step)
    if axis_name is not None:
        # Each device draws for its own rows: with one key all would draw alike.
        rng = jax.random.fold_in(rng, jax.lax.axis_index(axis_name))

    def objective(params):
        total, (sums, estimator_state) = loss(params, batch, rng, state.estimator_state)
        if axis_name is None:
            # A batch may be all padding: its sums are zero, and stay so.
            total = total / jnp.maximum(sums.tokens, 1)
        return total, (sums, estimator_state)

    gradient = jax.value_and_grad(objective, has_aux=True)
    (_, (sums, estimator_state)), gradients = gradient(state.params)
    if axis_name is not None:
        gradients, sums, estimator_state = _exchanged(
            gradients, sums, estimator_state, axis_name
        )
    # Clipping comes in here, so it sees the gradient of the whole batch.
    updates, optimizer = tx.update(gradients, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    state = TrainState(params, optimizer, estimator_state, state.step + 1, state.rng)
    return state, sums


def _exchanged(
    gradients: Pytree, sums: Sums, estimator_state: Pytree, axis_name: str
) -> tuple[Pytree, Sums, Pytree]:
    """The gradient of the mean loss, the Sums and the estimator state of all devices.

    Devices have different numbers of tokens, so that everything is summed before it is
    divided; and all of it at once, since an exchange costs its latency first.
    """

    def moves(leaf: jax.Array) -> bool:  # the others count updates, alike everywhere
        return jnp.issubdtype(leaf.dtype, jnp.floating)

    # Means per token, weighted by the tokens; and as they are, where there is none.
    weighted = jax.tree.map(
        lambda leaf: (sums.tokens * leaf, leaf) if moves(leaf) else (), estimator_state
    )
    # One all-reduce is of one dtype. float32 counts to 2 ** 24 tokens exactly.
    counted = sums._replace(tokens=sums.tokens.astype(sums.loss.dtype))
    gradients, totals, pooled = jax.lax.psum((gradients, counted, weighted), axis_name)
    count = jnp.maximum(totals.tokens, 1)
    gradients = jax.tree.map(lambda x: x / count.astype(x.dtype), gradients)
    devices = jax.lax.axis_size(axis_name)

    def mean(leaf: jax.Array, pair: tuple[jax.Array, ...]) -> jax.Array:
        if not pair:
            return leaf
        by_token, plain = pair
        even = plain / devices
        return jnp.where(totals.tokens > 0, by_token / count, even).astype(leaf.dtype)

    estimator_state = jax.tree.map(mean, estimator_state, pooled)
    tokens = totals.tokens.astype(sums.tokens.dtype)
    return gradients, totals._replace(tokens=tokens), estimator_state
