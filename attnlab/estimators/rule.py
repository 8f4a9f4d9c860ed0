"""A learning rule: which choices it goes with, and what it makes of target steps.

To add one: its function and its `Rule` in a file of this folder, a line in
`attnlab.estimators.rules`, and a field of `attnlab.settings.EstimatorSettings` for each
option that is new. It then serves every model that gives `Steps`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.estimators.base import Steps
from attnlab.estimators.baselines import MovingAverage
from attnlab.settings import LearningSettings


class EstimatorState(NamedTuple):
    """What a loss remembers from one update to the next.

    average: of the rewards so far, for the moving-average baseline.
    updates: [] int, how many there were, for the temperature.
    """

    average: MovingAverage
    updates: jax.Array


def initial_estimator_state() -> EstimatorState:
    """Before the first update.

    Returns:
      The state, of zeros.
    """
    return EstimatorState(MovingAverage(jnp.zeros(())), jnp.zeros((), jnp.int32))


class Context(NamedTuple):
    """What a rule may look at beside the steps.

    settings: of the run.
    state: before this update.
    real: [B, T] bool, which steps are no padding.
    coin: [B] bool, the sentences that read expected values instead of samples.
    rng: a key, to sample by.
    q: [B, T, W], the inference network's distribution; None where there is none.
    """

    settings: LearningSettings
    state: EstimatorState
    real: jax.Array
    coin: jax.Array
    rng: jax.Array
    q: jax.Array | None = None


class Passes(NamedTuple):
    """N sampled passes over a batch, where each state was fed what was read.

    rewards: [B, T, N], log p(target) of each step.
    actions: [B, T, N], log p of what each step read, zero at padding.
    soft: () -> [B, T], the rewards of a pass that is fed expected values.
    argmax: () -> [B, T], of one that is fed the most probable positions.
    """

    rewards: jax.Array
    actions: jax.Array
    soft: Callable[[], jax.Array]
    argmax: Callable[[], jax.Array]


class Rule(NamedTuple):
    """A way to learn a read.

    reads: names in `attnlab.attention.presets.READS` that can learn so.
    of_steps: (steps [B, T], context) -> (bound [B, T], reward [B, T]): what to
      maximize, with the estimator as its gradient, and what the moving average is of.
      The states between the steps see expected values. None: the read is
      differentiable, and the model's own cross entropy is the loss.
    of_passes: (passes, context) -> bound [B, T], where states see what was read; None
      where the rule can not do that.
    options: settings in `estimator` that it takes; "k" is `model.k`.
    needs_q: it needs the distribution of an inference network.
    needs_transition: it needs steps that follow one another, `Steps.transitions`.
    enumerates: `estimator.samples` may be 0, for every position of a step.
    """

    reads: tuple[str, ...]
    of_steps: Callable[[Steps, Context], tuple[jax.Array, jax.Array]] | None
    of_passes: Callable[[Passes, Context], jax.Array] | None = None
    options: tuple[str, ...] = ()
    needs_q: bool = False
    needs_transition: bool = False
    enumerates: bool = False

    @property
    def feeds(self) -> tuple[str, ...]:
        """What the next state may see.

        Returns:
          Values of `estimator.feed`.
        """
        return ("expected",) if self.of_passes is None else ("expected", "sampled")
