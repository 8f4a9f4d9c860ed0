"""Gradients of the estimators, enumerated and sampled, on a model that stays fixed.

The model is so small that every objective can be enumerated: over the positions of a
step where the expected value is fed, over all paths through a sentence where the sample
is. What is sampled are the gradients of `make_loss`, those that training uses.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from attnlab.estimators import MovingAverage
from attnlab.estimators.objective import (
    EstimatorState,
    initial_estimator_state,
    make_loss,
)
from attnlab.tasks.translation.task import build_model
from experiments.estimators.exact import expected_over_paths
from experiments.estimators.setup import QUICK, Estimator, Fixed
from experiments.estimators.statistics import Groups

GROUPS = 40  # the samples of an estimator are cut into these; they give the errors


class Exact(NamedTuple):
    """The gradient [P] of an objective to minimize, and its mean reward a step."""

    gradient: jax.Array
    reward: jax.Array


def exact(fixed: Fixed, estimator: Estimator) -> Exact:
    """What the estimator estimates, enumerated.

    Gumbel's forward pass reads what a hard read does: its objective is REINFORCE's.
    """
    learning = "elbo" if estimator.learning == "elbo" else "reinforce"
    objectives = {"expected": _over_positions, "sampled": _over_paths}
    minimized = objectives[estimator.feed](fixed, learning)
    program = jax.jit(jax.grad(minimized, has_aux=True), compiler_options=QUICK)
    gradient, reward = program(fixed.params)
    return Exact(ravel_pytree(gradient)[0], reward)


def _over_positions(fixed: Fixed, learning: str) -> Callable[..., Any]:
    """params -> (to minimize, mean reward) of expected feeding: the library's own."""
    config = Estimator(learning, "expected", samples=0).config(fixed.config)
    config["estimator"]["decay"] = 0.0  # the average after is this batch's
    loss = make_loss(build_model(config, *fixed.sizes), config)

    def minimized(params):
        given = (fixed.batch, jax.random.key(0), initial_estimator_state())
        total, (_, estimator_state) = loss(params, *given)
        return total, estimator_state.average.mean

    return minimized


def _over_paths(fixed: Fixed, learning: str) -> Callable[..., Any]:
    """params -> (to minimize, mean reward) of sampled feeding."""
    config = Estimator(learning, "sampled").config(fixed.config)
    model = build_model(config, *fixed.sizes)
    tokens = fixed.batch.target_lengths.sum()

    def minimized(params):
        total = expected_over_paths(model, params, fixed.batch).sum()
        return -total, total / tokens

    return minimized


def sampler(
    fixed: Fixed, estimator: Estimator, truth: Exact, size: int
) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """A compiled group(rng) -> (mean [P], mean squared length []) of `size` gradients.

    Less the exact one, each computed after the other, as training would. The moving
    average stands at the mean reward of the batch.
    """
    config = estimator.config(fixed.config)
    loss = make_loss(build_model(config, *fixed.sizes), config)
    estimator_state = EstimatorState(
        MovingAverage(truth.reward), jnp.zeros((), jnp.int32)
    )

    def group(params, batch, estimator_state, centre, rng):
        def add(sums, rng):
            # The barrier keeps XLA from moving out of the loop what no sample changes.
            drawn = jax.random.key_data(rng)
            held, drawn = jax.lax.optimization_barrier((params, drawn))
            own = jax.random.wrap_key_data(drawn)
            gradient = jax.grad(lambda p: loss(p, batch, own, estimator_state)[0])(held)
            off = ravel_pytree(gradient)[0] - centre
            return (sums[0] + off, sums[1] + off @ off), None

        nothing = (jnp.zeros_like(centre), jnp.zeros(()))
        sums, _ = jax.lax.scan(add, nothing, jax.random.split(rng, size))
        return jax.tree.map(lambda a: a / size, sums)

    given = (fixed.params, fixed.batch, estimator_state, truth.gradient)
    lowered = jax.jit(group).lower(*given, jax.random.key(0))
    compiled = lowered.compile(compiler_options=QUICK)
    return lambda rng: compiled(*given, rng)


def sample_all(
    fixed: Fixed,
    estimators: Sequence[Estimator],
    samples: int,
    notify: Callable[[str], None] = lambda what: None,
) -> dict[Estimator, Groups]:
    """At least `samples` gradients of each, less the enumerated one.

    The estimators take turns, group by group, so that a busy machine disturbs all
    alike. `notify` hears of every compilation and every group: `work(estimators)`.
    """
    size = group_size(samples)
    truths, programs = {}, []
    for estimator in estimators:
        objective = _objective(estimator)
        if objective not in truths:
            truths[objective] = exact(fixed, estimator)
        programs.append(sampler(fixed, estimator, truths[objective], size))
        notify(f"compiling {estimator.name}")
    rngs = [_keys(fixed, estimator) for estimator in estimators]
    taken = np.zeros((len(estimators), GROUPS))
    found: list[list[Any]] = [[None] * GROUPS for _ in estimators]
    for turn in range(GROUPS):
        for number in range(len(estimators)):
            which = (number + turn) % len(estimators)
            start = time.perf_counter()
            result = jax.block_until_ready(programs[which](rngs[which][turn]))
            taken[which, turn] = (time.perf_counter() - start) / size
            found[which][turn] = jax.tree.map(np.float64, result)
            notify(f"sampling {estimators[which].name}")
    groups = {}
    for number, estimator in enumerate(estimators):
        means, squares = map(np.array, zip(*found[number], strict=True))
        scale = float(jnp.linalg.norm(truths[_objective(estimator)].gradient))
        groups[estimator] = Groups(means, squares, size, scale, taken[number])
    return groups


def _objective(estimator: Estimator) -> tuple[str, bool]:
    """Estimators of the same one estimate the same gradient."""
    return estimator.feed, estimator.learning == "elbo"


def _keys(fixed: Fixed, estimator: Estimator) -> jax.Array:
    """A key a group, the same whatever else is sampled."""
    own = zlib.crc32(estimator.name.encode())
    rng = jax.random.fold_in(jax.random.key(fixed.config["seed"]), own)
    return jax.random.split(rng, GROUPS)


def group_size(samples: int) -> int:
    """Gradients in each of the groups; ValueError where they are too few."""
    if samples < 2 * GROUPS:
        raise ValueError(f"samples is {samples}; must be at least {2 * GROUPS}")
    return -(-samples // GROUPS)


def work(estimators: Sequence[Estimator]) -> int:
    """How often `sample_all` notifies."""
    return len(estimators) * (1 + GROUPS)
