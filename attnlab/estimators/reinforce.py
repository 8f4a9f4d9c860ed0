"""The score-function estimator (Williams 1992), with the credit that feeding asks for.

If a sampled context is fed to the next step, an action changes all later rewards: its
credit is the reward from its step to the end ("to-go"), or the whole sentence's. If the
expected context is fed, no action reaches a later step and the step's own reward is all
its credit (4.18); the other two are unbiased there as well, and noisier.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def _to_go(rewards):
    return jnp.cumsum(rewards[:, ::-1], axis=1)[:, ::-1]


def _sentence(rewards):
    return jnp.broadcast_to(rewards.sum(axis=1, keepdims=True), rewards.shape)


# rewards [B, T, K] -> what each step's action is credited with [B, T, K]
CREDITS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "step": lambda rewards: rewards,
    "to-go": _to_go,
    "sentence": _sentence,
}


def reinforce(
    log_probs: jax.Array,
    rewards: jax.Array,
    baselines: jax.Array | float = 0.0,
    *,
    credit: str = "step",
    weight: float = 1.0,
) -> jax.Array:
    """Mean of `rewards` over K samples [B, T], with the gradient of its expectation.

    log_probs [B, T, K] of the sampled actions, zero where none was sampled; rewards
    [B, T, K] they brought and baselines, of a shape that broadcasts to it, each the
    part of its own step and zero at padding. A baseline must not depend on the actions;
    it is credited as the rewards are. grad = mean over K of grad rewards
    + weight (credited rewards - credited baselines) grad log_probs; any weight but 1 is
    biased (Xu et al. 2015 use 0.1).
    """
    advantages = CREDITS[credit](jax.lax.stop_gradient(rewards - baselines))
    pull = weight * advantages * log_probs
    return jnp.mean(rewards + pull - jax.lax.stop_gradient(pull), axis=-1)
