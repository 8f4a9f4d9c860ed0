"""Baselines of the score-function estimator: the reward of a step, foretold.

    none             0
    moving-average   the mean reward of earlier updates (Xu et al. 2015, decay 0.9)
    soft             the reward of reading the expected value (Deng et al. 2018)
    self-critical    the reward of reading the likeliest position (Rennie et al. 2017)

With expected feeding the last two are those of the same step. With sampled feeding they
come from a second pass that is fed its own reads: the sampled one's states know the
actions, which a baseline must not.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

BASELINES = ("none", "moving-average", "soft", "self-critical")


class MovingAverage(NamedTuple):
    """Mean reward a target step so far: starts at 0, as Xu et al.'s does."""

    mean: jax.Array

    def after(self, rewards: jax.Array, real: jax.Array, decay: float):
        """With the rewards [B, T, K] of an update, zero but at `real` steps [B, T]."""
        steps = jnp.maximum(real.sum(), 1) * rewards.shape[-1]
        new = jax.lax.stop_gradient(rewards.sum() / steps)
        return MovingAverage(decay * self.mean + (1.0 - decay) * new)
