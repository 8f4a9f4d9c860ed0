"""REINFORCE, the score-function estimator (Williams 1992), and the credit of an action.

If a sampled context is fed to the next step, an action changes all later rewards: its
credit is the reward from its step to the end ("to-go"), or the whole sentence's. If the
expected context is fed, no action reaches a later step and the step's own reward is all
its credit; the other two are unbiased there as well, and noisier.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from attnlab.estimators.base import Steps, at_slots, expected_likelihood, sample
from attnlab.estimators.baselines import baseline
from attnlab.estimators.rule import Context, Passes, Rule
from attnlab.masking import safe_log, zero_padding


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
    """Mean of `rewards` over K samples, with the gradient of its expectation.

    grad = mean over K of grad rewards
    + weight (credited rewards - credited baselines) grad log_probs.

    Args:
      log_probs: [B, T, K] of the sampled actions, zero where none was sampled.
      rewards: [B, T, K] that they brought, each the part of its own step, zero at
        padding.
      baselines: of a shape that broadcasts to it, zero at padding; credited as the
        rewards are. They must not depend on the actions.
      credit: a name in CREDITS.
      weight: any but 1 is biased (Xu et al. 2015 use 0.1).

    Returns:
      The mean [B, T].
    """
    # Detached: the reward's own gradient is that of `rewards` below.
    advantages = CREDITS[credit](jax.lax.stop_gradient(rewards - baselines))
    pull = weight * advantages * log_probs
    return jnp.mean(rewards + pull - jax.lax.stop_gradient(pull), axis=-1)


def likelihood_under(steps: Steps, q: jax.Array, context: Context) -> jax.Array:
    """E_q log p(y | a), enumerated where `estimator.samples` is 0, else sampled.

    Args:
      steps: [B, T].
      q: [B, T, W], what positions are sampled from.
      context: of the update.

    Returns:
      Its estimate [B, T], with the gradient of the expectation.
    """
    chosen, p = context.settings.estimator, steps.probabilities
    if chosen.samples == 0:
        return expected_likelihood(steps, q)
    slots = sample(context.rng, q, chosen.samples)
    rewards = at_slots(steps, slots)
    actions = jnp.take_along_axis(safe_log(q), slots, axis=-1)
    if chosen.coin:
        soft = steps.log_prob_under(p)[..., None]
        rewards = jnp.where(context.coin[:, None, None], soft, rewards)
        actions = jnp.where(context.coin[:, None, None], 0, actions)
    baselines = baseline(
        chosen.baseline,
        soft=lambda: steps.log_prob_under(p),
        argmax=lambda: steps.log_prob_at(jnp.argmax(p, axis=-1)),
        average=context.state.average,
        real=context.real,
    )
    return _credited(actions, rewards, baselines, context)


def _of_steps(steps: Steps, context: Context) -> tuple[jax.Array, jax.Array]:
    bound = likelihood_under(steps, steps.probabilities, context)
    return bound, bound


def _of_passes(passes: Passes, context: Context) -> jax.Array:
    # A sentence that reads expected values has sampled nothing to be credited.
    actions = jnp.where(context.coin[:, None, None], 0, passes.actions)
    baselines = baseline(
        context.settings.estimator.baseline,
        soft=passes.soft,
        argmax=passes.argmax,
        average=context.state.average,
        real=context.real,
    )
    return _credited(actions, passes.rewards, baselines, context)


def _credited(actions, rewards, baselines, context: Context) -> jax.Array:
    chosen = context.settings.estimator
    return reinforce(
        zero_padding(actions, context.real),
        rewards,
        baselines[..., None],  # the same for all samples
        credit=chosen.credit,
        weight=chosen.reward_weight,
    )


REINFORCE = Rule(
    reads=("hard",),
    of_steps=_of_steps,
    of_passes=_of_passes,
    options=(
        "samples",
        "baseline",
        "decay",
        "credit",
        "reward_weight",
        "entropy",
        "coin",
    ),
    enumerates=True,
)
