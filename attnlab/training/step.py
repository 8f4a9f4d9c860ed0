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

    def mean_loss(params):
        total, (sums, estimator_state) = loss(params, batch, rng, state.estimator_state)
        if axis_name is not None:
            # Summed before the division: devices have different numbers of tokens.
            tokens, sums = sums.tokens, jax.lax.psum(sums, axis_name)
            estimator_state = _pooled(estimator_state, tokens, sums.tokens, axis_name)
        # A batch may be all padding on every device: its sums are zero, and stay so.
        return total / jnp.maximum(sums.tokens, 1), (sums, estimator_state)

    gradient = jax.value_and_grad(mean_loss, has_aux=True)
    (_, (sums, estimator_state)), gradients = gradient(state.params)
    if axis_name is not None:
        # A sum, not a mean: each device has divided by the tokens of all.
        gradients = jax.lax.psum(gradients, axis_name)
    # Clipping comes in here, so it sees the gradient of the whole batch.
    updates, optimizer = tx.update(gradients, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    state = TrainState(params, optimizer, estimator_state, state.step + 1, state.rng)
    return state, sums


def _pooled(
    estimator_state: Pytree, tokens: jax.Array, total: jax.Array, axis_name: str
) -> Pytree:
    """One estimator state of those of all devices: means per token, so weighted by the
    `tokens` of each of the `total`."""
    even = 1.0 / jax.lax.psum(1, axis_name)  # where no device has a token
    weight = jnp.where(total > 0, tokens / jnp.maximum(total, 1), even)

    def pool(leaf: jax.Array) -> jax.Array:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf  # counts updates, and is the same everywhere
        # The float32 weights would widen a bfloat16 leaf.
        return jax.lax.psum(weight * leaf, axis_name).astype(leaf.dtype)

    return jax.tree.map(pool, estimator_state)
