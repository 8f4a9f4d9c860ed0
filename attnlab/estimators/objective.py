"""What training minimizes: from a run's settings to a loss.

`rules.py` lists the learning rules. Here they meet a model: `learn_steps` for any that
gives `Steps`, `make_loss` for those that predict a target word by word.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from attnlab.attention.base import Params, SampleSpec
from attnlab.estimators.base import Steps
from attnlab.estimators.decoder_steps import (
    TargetBatch,
    forced,
    infer,
    likelihoods,
    output_layer,
    real_steps,
    steps_of,
)
from attnlab.estimators.gumbel import temperature_of
from attnlab.estimators.rule import (
    Context,
    EstimatorState,
    Passes,
    initial_estimator_state,
)
from attnlab.estimators.rules import RULES, check_objective, is_hard, is_local
from attnlab.masking import distribution, safe_log, zero_padding
from attnlab.nn.decoder_model import Conditional
from attnlab.nn.decoders import DecoderOutputs
from attnlab.nn.losses import Sums, cross_entropy
from attnlab.precision import cast
from attnlab.settings import DecoderSettings, LearningSettings

__all__ = [
    "EstimatorState",
    "check_objective",
    "initial_estimator_state",
    "is_hard",
    "is_local",
    "learn_steps",
    "make_loss",
    "no_penalty",
    "temperature_of",
]

Minimized = tuple[jax.Array, tuple[Sums, EstimatorState]]
Loss = Callable[[Params, TargetBatch, jax.Array, EstimatorState], Minimized]
Penalty = Callable[[DecoderOutputs, TargetBatch], jax.Array | float]


def no_penalty(unrolled: DecoderOutputs, batch: TargetBatch) -> float:
    """No penalty, whatever the weights are.

    Args:
      unrolled: what the model did with a batch.
      batch: of pairs.

    Returns:
      0.
    """
    del unrolled, batch
    return 0.0


def make_loss(
    model: Conditional, settings: DecoderSettings, penalty: Penalty = no_penalty
) -> Loss:
    """The loss of a model that predicts a target word by word.

    The Sums hold minus the bound that the choices maximize; what is minimized has the
    gradient of its estimator, and the entropy bonus. The model computes in
    `train.compute`; parameters, their gradients and the Sums are float32 regardless.

    Args:
      model: the linen module.
      settings: of the run.
      penalty: of a pass over a batch, to be added (captions: the doubly stochastic
        term).

    Returns:
      loss(params, batch, rng, estimator state) -> (to minimize [], (Sums, next state)).
    """
    full_precision = _loss(model, settings, penalty)

    def loss(params, batch, rng, state: EstimatorState) -> Minimized:
        return full_precision(cast(params, settings.train.compute), batch, rng, state)

    return loss


def _loss(model: Conditional, settings: DecoderSettings, penalty: Penalty) -> Loss:
    if RULES[settings.estimator.learning].of_steps is None:
        return _cross_entropy(model, settings.train.label_smoothing, penalty)
    feeds = {"expected": _expected_feed, "sampled": _sampled_feed}
    return feeds[settings.estimator.feed](model, settings, penalty)


def _cross_entropy(model: Conditional, smoothing: float, penalty: Penalty) -> Loss:
    def loss(params, batch, rng, state: EstimatorState) -> Minimized:
        unrolled = forced(model, params, batch, rng=rng)
        kernel, bias = output_layer(model, params)
        real = real_steps(batch).reshape(-1)
        total: jax.Array = cross_entropy(
            unrolled.readouts.reshape(-1, unrolled.readouts.shape[-1]),
            kernel,
            bias,
            batch.target.reshape(-1),
            real,
            smoothing,
        )
        minimized = total + penalty(unrolled, batch)
        return minimized, (Sums(total, real.sum()), state)

    return loss


def _expected_feed(
    model: Conditional, settings: DecoderSettings, penalty: Penalty
) -> Loss:
    """The states see expected values, so a step's bound does not touch another's."""
    needs_q = RULES[settings.estimator.learning].needs_q

    def loss(params, batch, rng, state: EstimatorState) -> Minimized:
        rng_states, rng_readouts, rng_coin, rng_sample = jax.random.split(rng, 4)
        unrolled = forced(model, params, batch, rng=rng_states)
        steps = steps_of(model, params, batch, unrolled, rng=rng_readouts)
        q = infer(model, params, batch, unrolled) if needs_q else None
        minimized, rest = learn_steps(
            steps, real_steps(batch), state, settings, rng_coin, rng_sample, q
        )
        return minimized + penalty(unrolled, batch), rest

    return loss


def learn_steps(
    steps: Steps,
    real: jax.Array,
    state: EstimatorState,
    settings: LearningSettings,
    rng_coin: jax.Array,
    rng_sample: jax.Array,
    q: jax.Array | None = None,
) -> Minimized:
    """What to minimize, of the steps of any model, by the rule of its settings.

    For every rule but cross entropy. The states between the steps must not depend on
    what is read.

    Args:
      steps: [B, T].
      real: [B, T] bool, which steps are no padding.
      state: of the estimator, before this update.
      settings: of the run.
      rng_coin: a key, of which sentences read expected values.
      rng_sample: a key, of the samples.
      q: [B, T, W], the inference network's distribution, for the ELBO.

    Returns:
      (to minimize [], (Sums, next state)).

    Raises:
      ValueError: for cross entropy, and for the ELBO without a q.
    """
    chosen = settings.estimator
    of_steps = RULES[chosen.learning].of_steps
    if of_steps is None:
        raise ValueError(f"{chosen.learning} is a model's own loss, not one of steps")
    coin = jax.random.bernoulli(rng_coin, chosen.coin, real.shape[:1])
    context = Context(settings, state, real, coin, rng_sample, q)
    bound, reward = of_steps(steps, context)
    return _finished(bound, reward, steps.probabilities, context)


def _sampled_feed(
    model: Conditional, settings: DecoderSettings, penalty: Penalty
) -> Loss:
    """The states see what was read, so a sample is a whole pass over the sentence."""
    chosen = settings.estimator
    of_passes = RULES[chosen.learning].of_passes
    if of_passes is None:
        raise ValueError(
            f"{chosen.learning} does not learn with estimator.feed sampled"
        )

    def loss(params, batch, rng, state: EstimatorState) -> Minimized:
        rng_dropout, rng_coin, rng_sample = jax.random.split(rng, 3)
        real = real_steps(batch)
        coin = jax.random.bernoulli(rng_coin, chosen.coin, batch.target.shape[:1])

        def follow(draw):
            """Rewards, log-probabilities of what was read, p and penalty of a pass."""
            unrolled = forced(model, params, batch, draw=draw, rng=rng_dropout)
            p = distribution(unrolled.weights)
            actions = zero_padding((unrolled.reads * safe_log(p)).sum(axis=-1), real)
            rewards = likelihoods(model, params, batch, unrolled.readouts)
            return rewards, actions, p, penalty(unrolled, batch)

        temperature = temperature_of(settings, state.updates)
        keys = jax.random.split(rng_sample, chosen.samples)
        rewards, actions, p, penalties = jax.lax.map(
            lambda rng: follow(SampleSpec(rng, temperature, coin)), keys
        )
        passes = Passes(
            rewards=jnp.moveaxis(rewards, 0, -1),
            actions=jnp.moveaxis(actions, 0, -1),
            soft=lambda: follow(None)[0],
            argmax=lambda: follow(SampleSpec(None))[0],
        )
        context = Context(settings, state, real, coin, rng_sample)
        bound = of_passes(passes, context)
        minimized, rest = _finished(bound, bound, p, context)
        return minimized + penalties.mean(), rest

    return loss


def _finished(
    bound: jax.Array, reward: jax.Array, p: jax.Array, context: Context
) -> Minimized:
    """What to minimize, its Sums, and the state after it."""
    chosen, real = context.settings.estimator, context.real
    total = zero_padding(bound, real).sum()
    entropy = -(p * safe_log(p)).sum(axis=-1)
    # Of several passes [N, B, T] the mean: the bonus does not grow with their number.
    entropy = entropy if entropy.ndim == 2 else entropy.mean(axis=0)
    bonus = chosen.entropy * zero_padding(entropy, real).sum()
    average = context.state.average.after(
        zero_padding(reward, real)[..., None], real, chosen.decay
    )
    state = EstimatorState(average, context.state.updates + 1)
    return -(total + bonus), (Sums(-total, real.sum()), state)
