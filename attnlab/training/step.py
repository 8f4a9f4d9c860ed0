"""One pure training step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from attnlab.nn.losses import Sums


class TrainState(NamedTuple):
    """All that a step changes. `estimator_state` is what the loss remembers (`Task.learner`);
    `step` counts finished updates; `rng` never changes: every step's key is
    `fold_in(rng, step)`, so a resumed run draws what it would have.
    """

    params: Any
    optimizer: Any
    estimator_state: Any
    step: jax.Array
    rng: jax.Array


def init_state(
    init: Callable[[jax.Array], Any],
    tx: optax.GradientTransformation,
    estimator_state: Any,
    seed: int,
) -> TrainState:
    """The state before the first update, from one seed."""
    rng_init, rng_train = jax.random.split(jax.random.key(seed))
    params = init(rng_init)
    step = jnp.zeros((), jnp.int32)
    return TrainState(params, tx.init(params), estimator_state, step, rng_train)


def train_step(
    state: TrainState,
    batch: Any,
    *,
    loss: Callable[..., Any],
    tx: optax.GradientTransformation,
    axis_name: str | None = None,
) -> tuple[TrainState, Sums]:
    """One update on the mean loss per token; returns the batch's Sums.

    With an `axis_name`, `batch` is one device's share of the rows and all devices of
    the axis make the same update: Sums and gradients are summed over them before they
    are divided, since shares differ in tokens. Each draws with a key of its own.
    """
    rng = jax.random.fold_in(state.rng, state.step)
    if axis_name is not None:
        rng = jax.random.fold_in(rng, jax.lax.axis_index(axis_name))

    def mean_loss(params):
        total, (sums, estimator_state) = loss(params, batch, rng, state.estimator_state)
        if axis_name is not None:
            own, sums = sums, jax.lax.psum(sums, axis_name)
            estimator_state = _pooled(
                estimator_state, own.tokens, sums.tokens, axis_name
            )
        return total / jnp.maximum(sums.tokens, 1), (sums, estimator_state)

    gradient = jax.value_and_grad(mean_loss, has_aux=True)
    (_, (sums, estimator_state)), gradients = gradient(state.params)
    if axis_name is not None:
        gradients = jax.lax.psum(gradients, axis_name)
    updates, optimizer = tx.update(gradients, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    state = TrainState(params, optimizer, estimator_state, state.step + 1, state.rng)
    return state, sums


def _pooled(
    estimator_state: Any, own: jax.Array, tokens: jax.Array, axis_name: str
) -> Any:
    """One learner of those of all devices: means per token, so weighted by tokens."""
    even = 1.0 / jax.lax.psum(1, axis_name)  # where no device has a token
    weight = jnp.where(tokens > 0, own / jnp.maximum(tokens, 1), even)

    def pool(leaf):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf  # counts updates, and is the same everywhere
        return jax.lax.psum(weight * leaf, axis_name).astype(leaf.dtype)

    return jax.tree.map(pool, estimator_state)
