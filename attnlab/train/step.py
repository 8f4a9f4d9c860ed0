"""One pure training step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from attnlab.losses import Sums


class TrainState(NamedTuple):
    """All that a step changes. `learner` is what the loss remembers (`Task.learner`);
    `step` counts finished updates; `rng` never changes: every step's key is
    `fold_in(rng, step)`, so a resumed run draws what it would have.
    """

    params: Any
    optimiser: Any
    learner: Any
    step: jax.Array
    rng: jax.Array


def init_state(
    init: Callable[[jax.Array], Any],
    tx: optax.GradientTransformation,
    learner: Any,
    seed: int,
) -> TrainState:
    """The state before the first update, from one seed."""
    rng_init, rng_train = jax.random.split(jax.random.key(seed))
    params = init(rng_init)
    step = jnp.zeros((), jnp.int32)
    return TrainState(params, tx.init(params), learner, step, rng_train)


def train_step(
    state: TrainState,
    batch: Any,
    *,
    loss: Callable[..., Any],
    tx: optax.GradientTransformation,
) -> tuple[TrainState, Sums]:
    """One update on the mean loss per token; returns the batch's Sums."""
    rng = jax.random.fold_in(state.rng, state.step)

    def mean_loss(params):
        total, (sums, learner) = loss(params, batch, rng, state.learner)
        return total / jnp.maximum(sums.tokens, 1), (sums, learner)

    gradient = jax.value_and_grad(mean_loss, has_aux=True)
    (_, (sums, learner)), gradients = gradient(state.params)
    updates, optimiser = tx.update(gradients, state.optimiser, state.params)
    params = optax.apply_updates(state.params, updates)
    state = TrainState(params, optimiser, learner, state.step + 1, state.rng)
    return state, sums
