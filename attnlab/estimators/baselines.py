"""Baselines of the score-function estimator: the reward of a step, predicted.

    none             0
    moving-average   the mean reward of earlier updates (Xu et al. 2015, decay 0.9)
    soft             the reward of reading the expected value (Deng et al. 2018)
    self-critical    the reward of reading the most probable position (Rennie et al.
                     2017, https://arxiv.org/abs/1612.00563)

With expected feeding the last two are those of the same step. With sampled feeding they
come from a second pass that is fed its own reads: the sampled one's states know the
actions, which a baseline must not.
"""

from collections.abc import Callable
from typing import NamedTuple, Self

import jax
import jax.numpy as jnp

BASELINES = ("none", "moving-average", "soft", "self-critical")


class MovingAverage(NamedTuple):
    """Mean reward of a target step so far: starts at 0, as Xu et al.'s does.

    mean: [], in nats.
    """

    mean: jax.Array

    def after(self, rewards: jax.Array, real: jax.Array, decay: float) -> Self:
        """The average after an update.

        Args:
          rewards: [B, T, K] of the update, zero but at real steps.
          real: [B, T] bool, which steps are no padding.
          decay: in [0, 1), the share of the average before.

        Returns:
          The average, without a gradient.
        """
        steps = jnp.maximum(real.sum(), 1) * rewards.shape[-1]
        new = jax.lax.stop_gradient(rewards.sum() / steps)
        return type(self)(decay * self.mean + (1.0 - decay) * new)


def baseline(
    kind: str,
    *,
    soft: Callable[[], jax.Array],
    argmax: Callable[[], jax.Array],
    average: MovingAverage,
    real: jax.Array,
) -> jax.Array:
    """What is subtracted from the rewards of a batch.

    Args:
      kind: a name in BASELINES.
      soft: () -> [B, T], rewards of reading expected values; called if it is chosen.
      argmax: () -> [B, T], rewards of reading the most probable positions.
      average: of earlier rewards.
      real: [B, T] bool, which steps are no padding.

    Returns:
      Rewards [B, T], zero at padding.
    """
    if kind == "soft":
        return soft()
    if kind == "self-critical":
        return argmax()
    mean = average.mean if kind == "moving-average" else 0.0
    return jnp.where(real, mean, 0.0)
