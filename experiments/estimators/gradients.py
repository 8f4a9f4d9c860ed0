"""Gradients of the estimators, enumerated and sampled, on a model that stays fixed.

The model is so small that every objective can be enumerated: over the positions of a
step where the expected value is fed, over all paths through a sentence where the sample
is. What is sampled are the gradients of `make_loss`, those that training uses.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from attnlab.attention.base import Params
from attnlab.estimators import MovingAverage
from attnlab.estimators.objective import (
    EstimatorState,
    initial_estimator_state,
    make_loss,
)
from attnlab.tasks.translation.task import build_model
from experiments.estimators.exact import expected_over_paths
from experiments.estimators.setup import QUICK, Estimator, FixedModel
from experiments.estimators.statistics import Groups

GROUPS = 40  # the samples of an estimator are cut into these; they give the errors

# params -> (what is to be minimized, mean reward a step), both []
Objective = Callable[[Params], tuple[jax.Array, jax.Array]]


class Exact(NamedTuple):
    """The gradient [P] of an objective to minimize, and its mean reward a step."""

    gradient: jax.Array
    reward: jax.Array


def exact(fixed: FixedModel, estimator: Estimator) -> Exact:
    """What the estimator estimates, enumerated.

    Gumbel's forward pass reads what a hard read does: its objective is REINFORCE's.

    Args:
      fixed: the model and its batch.
      estimator: how gradients are sampled.

    Returns:
      The exact gradient, P numbers, and the mean reward a step.
    """
    learning = "elbo" if estimator.learning == "elbo" else "reinforce"
    objectives = {"expected": _over_positions, "sampled": _over_paths}
    objective = objectives[estimator.feed](fixed, learning)
    program = jax.jit(jax.grad(objective, has_aux=True), compiler_options=QUICK)
    gradient, reward = program(fixed.params)
    return Exact(ravel_pytree(gradient)[0], reward)


def _over_positions(fixed: FixedModel, learning: str) -> Objective:
    """The objective of expected feeding: the library's, enumerated."""
    enumerated = Estimator(learning, "expected", samples=0).settings(fixed.settings)
    # Without decay the moving average is the mean reward of this batch.
    section = enumerated.estimator.model_copy(update={"decay": 0.0})
    settings = enumerated.model_copy(update={"estimator": section})
    loss = make_loss(build_model(settings, *fixed.sizes), settings)

    def objective(params: Params) -> tuple[jax.Array, jax.Array]:
        arguments = (fixed.batch, jax.random.key(0), initial_estimator_state())
        total, (_, estimator_state) = loss(params, *arguments)
        return total, estimator_state.average.mean

    return objective


def _over_paths(fixed: FixedModel, learning: str) -> Objective:
    """The objective of sampled feeding, summed over all paths."""
    settings = Estimator(learning, "sampled").settings(fixed.settings)
    model = build_model(settings, *fixed.sizes)
    tokens = fixed.batch.target_lengths.sum()

    def objective(params: Params) -> tuple[jax.Array, jax.Array]:
        total = expected_over_paths(model, params, fixed.batch).sum()
        return -total, total / tokens

    return objective


def sampler(
    fixed: FixedModel, estimator: Estimator, truth: Exact, size: int
) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """A compiled program that samples a group of gradients.

    They are computed one after the other, as training would. The moving average stands
    at the mean reward of the batch.

    Args:
      fixed: the model and its batch.
      estimator: how gradients are sampled.
      truth: the exact gradient, which is subtracted from each.
      size: gradients of a group.

    Returns:
      group(rng) -> (mean [P], mean squared length []).
    """
    settings = estimator.settings(fixed.settings)
    loss = make_loss(build_model(settings, *fixed.sizes), settings)
    estimator_state = EstimatorState(
        MovingAverage(truth.reward), jnp.zeros((), jnp.int32)
    )

    def group(params, batch, estimator_state, centre, rng):
        def add(sums, rng):
            # The barrier keeps XLA from moving out of the loop what no sample changes.
            bits = jax.random.key_data(rng)
            inside, bits = jax.lax.optimization_barrier((params, bits))
            rng_loss = jax.random.wrap_key_data(bits)
            gradient = jax.grad(lambda p: loss(p, batch, rng_loss, estimator_state)[0])
            off = ravel_pytree(gradient(inside))[0] - centre
            return (sums[0] + off, sums[1] + off @ off), None

        zeros = (jnp.zeros_like(centre), jnp.zeros(()))
        sums, _ = jax.lax.scan(add, zeros, jax.random.split(rng, size))
        return jax.tree.map(lambda a: a / size, sums)

    arguments = (fixed.params, fixed.batch, estimator_state, truth.gradient)
    lowered = jax.jit(group).lower(*arguments, jax.random.key(0))
    compiled = lowered.compile(compiler_options=QUICK)
    return lambda rng: compiled(*arguments, rng)


def sample_all(
    fixed: FixedModel,
    estimators: Sequence[Estimator],
    samples: int,
    notify: Callable[[str], None] = lambda what: None,
) -> dict[Estimator, Groups]:
    """Sampled gradients of each estimator, less the enumerated one.

    The estimators take turns, group by group, so that a busy machine disturbs all
    alike.

    Args:
      fixed: the model and its batch.
      estimators: those to sample.
      samples: gradients of each, at least.
      notify: is called at every compilation and every group, `work(estimators)` times.

    Returns:
      The groups of each.

    Raises:
      ValueError: for fewer samples than two a group.
    """
    size = group_size(samples)
    truths: dict[tuple[str, bool], Exact] = {}
    programs = []
    for estimator in estimators:
        objective = _objective(estimator)
        if objective not in truths:
            truths[objective] = exact(fixed, estimator)
        programs.append(sampler(fixed, estimator, truths[objective], size))
        notify(f"compiling {estimator.name}")
    rngs = [_keys(fixed, estimator) for estimator in estimators]
    parameters = len(next(iter(truths.values())).gradient)
    means = np.zeros((len(estimators), GROUPS, parameters))
    squares, seconds = np.zeros((2, len(estimators), GROUPS))
    for turn in range(GROUPS):
        for number in range(len(estimators)):
            which = (number + turn) % len(estimators)
            start = time.perf_counter()
            group = jax.block_until_ready(programs[which](rngs[which][turn]))
            seconds[which, turn] = (time.perf_counter() - start) / size
            means[which, turn], squares[which, turn] = group
            notify(f"sampling {estimators[which].name}")
    return {
        estimator: Groups(
            means[number],
            squares[number],
            size,
            float(jnp.linalg.norm(truths[_objective(estimator)].gradient)),
            seconds[number],
        )
        for number, estimator in enumerate(estimators)
    }


def _objective(estimator: Estimator) -> tuple[str, bool]:
    """Estimators of the same objective estimate the same gradient."""
    return estimator.feed, estimator.learning == "elbo"


def _keys(fixed: FixedModel, estimator: Estimator) -> jax.Array:
    """A key a group, the same whatever else is sampled."""
    code = zlib.crc32(estimator.name.encode())
    rng = jax.random.fold_in(jax.random.key(fixed.settings.seed), code)
    return jax.random.split(rng, GROUPS)


def group_size(samples: int) -> int:
    """How many gradients each group has.

    Args:
      samples: gradients in all, at least.

    Returns:
      Gradients of each of `GROUPS` groups, 2 or more.

    Raises:
      ValueError: where they are too few.
    """
    if samples < 2 * GROUPS:
        raise ValueError(f"samples is {samples}; must be at least {2 * GROUPS}")
    return -(-samples // GROUPS)


def work(estimators: Sequence[Estimator]) -> int:
    """The length of a progress bar.

    Args:
      estimators: those to sample.

    Returns:
      How often `sample_all` notifies.
    """
    return len(estimators) * (1 + GROUPS)
