"""What training maximizes: from a configuration's learning choices to a loss.

    read       learning        feed                 what a step maximizes
    soft       cross-entropy   expected             log p(y | expected value)
    top-k      cross-entropy   expected             the same over the k likeliest
    hard       reinforce       expected or sampled  E_p log p(y | a), sampled
    hard       marginal        expected             log E_p p(y | a)
    hard       top-k           expected             the same over the k likeliest
    hard       elbo            expected             E_q log p(y | a) - KL(q || p)
    hard       gumbel          expected or sampled  log p(y | relaxed sample)

`feed` says what the next state sees: the expected value, so that only the readout is
hard (Deng et al. 2018), or the sample (Xu et al. 2015).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from attnlab.attention.base import SampleSpec
from attnlab.attention.presets import READS
from attnlab.attention.reads import straight_through
from attnlab.estimators import (
    BASELINES,
    CREDITS,
    MovingAverage,
    Steps,
    at_slots,
    elbo,
    expected_likelihood,
    marginal,
    reinforce,
    sample,
    top_k_joint,
)
from attnlab.estimators.decoder_steps import (
    forced,
    infer,
    likelihoods,
    real_steps,
    steps_of,
)
from attnlab.masking import distribution, safe_log, zero_padding
from attnlab.nn.decoder_model import Conditional
from attnlab.nn.decoders import DecoderOutputs
from attnlab.nn.losses import Sums, cross_entropy
from attnlab.precision import COMPUTE, cast

FEEDS = ("expected", "sampled")
LEARNING: dict[str, tuple[str, ...]] = {  # read -> how it can learn
    "soft": ("cross-entropy",),
    "top-k": ("cross-entropy",),
    "hard": ("reinforce", "marginal", "top-k", "elbo", "gumbel"),
    "straight-through": ("gumbel",),
}
SAMPLED_FEED = ("reinforce", "gumbel")


class EstimatorState(NamedTuple):
    """What a loss remembers from one update to the next."""

    average: MovingAverage
    updates: jax.Array


def initial_estimator_state() -> EstimatorState:
    """Before the first update."""
    return EstimatorState(MovingAverage(jnp.zeros(())), jnp.zeros((), jnp.int32))


def is_hard(config: Mapping[str, Any]) -> bool:
    """Does the read take single positions?"""
    return "cross-entropy" not in LEARNING[config["model"]["read"]]


def is_local(config: Mapping[str, Any]) -> bool:
    """Does the attention look through a window?"""
    model = config["model"]
    return model["window"] != "global" and model["score"] != "none"


def training_read(config: Mapping[str, Any]) -> str:
    """The read that a model is built with: by Gumbel a hard one learns relaxed."""
    read = config["model"]["read"]
    gumbel = config["estimator"]["learning"] == "gumbel"
    return "straight-through" if read == "hard" and gumbel else read


def check_objective(config: Mapping[str, Any]) -> None:
    """ValueErrors for choices that do not exist, or that do not go together."""
    chosen, read = config["estimator"], config["model"]["read"]
    learning, feed, credit = chosen["learning"], chosen["feed"], chosen["credit"]
    for name, value, known in (
        ("model.read", read, tuple(READS)),
        ("estimator.learning", learning, sum(LEARNING.values(), ())),
        ("estimator.feed", feed, FEEDS),
        ("estimator.credit", credit, tuple(CREDITS)),
        ("estimator.baseline", chosen["baseline"], BASELINES),
        ("train.compute", config["train"]["compute"], COMPUTE),
    ):
        if value not in known:
            listed = ", ".join(dict.fromkeys(known))
            raise ValueError(f"unknown {name} {value!r}; choose {listed}")
    if learning not in LEARNING[read]:
        listed = ", ".join(LEARNING[read])
        raise ValueError(
            f"a {read} read cannot learn by {learning}; estimator.learning: {listed}"
        )
    if read != "soft" and config["model"]["score"] == "none":
        raise ValueError(
            f"model.score none leaves nothing for a {read} read; choose model.read soft"
        )
    if read == "soft" and config["evaluate"]["predict"] not in ("", "expected"):
        raise ValueError(
            "a soft read predicts by the expected value it learned with, not by "
            f"evaluate.predict {config['evaluate']['predict']}"
        )
    if feed == "sampled" and learning not in SAMPLED_FEED:
        raise ValueError(
            f"{learning} needs estimator.feed expected: with sampled contexts fed to "
            "the next step, the likelihood is a sum over all paths through the "
            f"sentence, not over positions; feed sampled: {', '.join(SAMPLED_FEED)}"
        )
    if feed == "sampled" and learning == "reinforce" and credit == "step":
        raise ValueError(
            "estimator.credit step with estimator.feed sampled is biased: a sampled "
            "context enters the recurrence, so an action changes all later rewards; "
            "choose credit to-go or sentence, or feed expected"
        )
    samples = chosen["samples"]
    if samples < 0:
        raise ValueError(f"estimator.samples is {samples}; 0 enumerates, else positive")
    if samples == 0 and (learning == "gumbel" or feed == "sampled"):
        raise ValueError(
            "estimator.samples 0 enumerates the positions of a step, which "
            f"{learning} with feed {feed} cannot; it must be positive"
        )
    for name in ("temperature", "final_temperature"):
        if not chosen[name] > 0.0:
            raise ValueError(f"estimator.{name} is {chosen[name]}; must be positive")
    for name in ("coin", "decay"):
        if not 0.0 <= chosen[name] < 1.0:
            raise ValueError(f"estimator.{name} is {chosen[name]}; must be in [0, 1)")
    if chosen["coin"] and (learning not in SAMPLED_FEED or samples == 0):
        raise ValueError(
            "estimator.coin lets a sentence read expected values instead of samples, "
            f"and {learning} with {samples} samples draws none"
        )
    if config["train"].get("label_smoothing") and learning != "cross-entropy":
        raise ValueError(
            f"train.label_smoothing is for cross-entropy, not for {learning}"
        )


Loss = Callable[..., tuple[jax.Array, tuple[Sums, EstimatorState]]]
Settings = Mapping[str, Any]
Penalty = Callable[[DecoderOutputs, Any], Any]  # of a pass over a batch, to be added


def no_penalty(unrolled: DecoderOutputs, batch: Any) -> float:
    """Whatever the weights are."""
    del unrolled, batch
    return 0.0


def make_loss(
    model: Conditional, config: Settings, penalty: Penalty = no_penalty
) -> Loss:
    """loss(params, batch, rng, learner) -> (to minimize, (Sums, next learner)).

    The Sums hold minus the bound that the choices maximize; what is minimized has the
    gradient of its estimator, the entropy bonus, and a `penalty` on what the model did
    (captions: the doubly stochastic term). The model computes in `train.compute`;
    parameters, their gradients and the Sums are float32 regardless.
    """
    exact = _loss(model, config, penalty)

    def loss(params, batch: Any, rng, estimator_state: EstimatorState):
        return exact(
            cast(params, config["train"]["compute"]), batch, rng, estimator_state
        )

    return loss


def _loss(model: Conditional, config: Settings, penalty: Penalty) -> Loss:
    if config["estimator"]["learning"] == "cross-entropy":
        return _cross_entropy(model, config["train"]["label_smoothing"], penalty)
    feeds = {"expected": _expected_feed, "sampled": _sampled_feed}
    return feeds[config["estimator"]["feed"]](model, config, penalty)


def _cross_entropy(model: Conditional, smoothing: float, penalty: Penalty) -> Loss:
    def loss(params, batch: Any, rng, estimator_state: EstimatorState):
        unrolled = forced(model, params, batch, rng=rng)
        kernel, bias = model.apply(params, method="output_layer")
        real = real_steps(batch).reshape(-1)
        total: Any = cross_entropy(
            unrolled.readouts.reshape(-1, unrolled.readouts.shape[-1]),
            kernel,
            bias,
            batch.target.reshape(-1),
            real,
            smoothing,
        )
        minimized = total + penalty(unrolled, batch)
        return minimized, (Sums(total, real.sum()), estimator_state)

    return loss


def _expected_feed(model: Conditional, config: Settings, penalty: Penalty) -> Loss:
    """The states see expected values, so a step's bound is its own affair."""

    def loss(params, batch: Any, rng, estimator_state: EstimatorState):
        rng_states, rng_readouts, rng_coin, rng_sample = jax.random.split(rng, 4)
        unrolled = forced(model, params, batch, rng=rng_states)
        steps = steps_of(model, params, batch, unrolled, rng=rng_readouts)
        learning = config["estimator"]["learning"]
        q = infer(model, params, batch, unrolled) if learning == "elbo" else None
        minimized, rest = learn_steps(
            steps, real_steps(batch), estimator_state, config, rng_coin, rng_sample, q
        )
        return minimized + penalty(unrolled, batch), rest

    return loss


def learn_steps(
    steps: Steps,
    real: jax.Array,
    estimator_state: EstimatorState,
    config: Settings,
    rng_coin: jax.Array,
    rng_sample: jax.Array,
    q: jax.Array | None = None,
) -> tuple[jax.Array, tuple[Sums, EstimatorState]]:
    """What to minimize, its Sums and the next learner, of steps [B, T] of any model.

    Which of them are `real` [B, T] counts. Learns as `estimator` says, but by cross
    entropy; the states between the steps must not depend on what is read. `q`
    [B, T, W] is the inference network's distribution, for the ELBO.
    """
    chosen = config["estimator"]
    learning, samples = chosen["learning"], chosen["samples"]
    p = steps.probabilities
    coin = jax.random.bernoulli(rng_coin, chosen["coin"], real.shape[:1])

    def likelihood(q):
        """E_q log p(y | a), enumerated or sampled."""
        if samples == 0:
            return expected_likelihood(steps, q)
        slots = sample(rng_sample, q, samples)
        rewards = at_slots(steps, slots)
        actions = jnp.take_along_axis(safe_log(q), slots, axis=-1)
        if chosen["coin"]:
            soft = steps.log_prob_under(p)[..., None]
            rewards = jnp.where(coin[:, None, None], soft, rewards)
            actions = jnp.where(coin[:, None, None], 0, actions)
        baselines = baseline()[..., None]
        return _reinforce(actions, rewards, baselines, real, chosen)

    def baseline():
        kind = chosen["baseline"]
        if kind == "soft":
            return steps.log_prob_under(p)
        if kind == "self-critical":
            return steps.log_prob_at(jnp.argmax(p, axis=-1))
        return _constant(kind, estimator_state, real)

    def relaxed(rng):
        keys = jax.random.split(rng, p.shape[:2])
        temperature = temperature_of(config, estimator_state.updates)
        read = straight_through()

        def one(p, rng, coin):
            return read(p, SampleSpec(rng, temperature, coin))

        coins = jnp.broadcast_to(coin[:, None], p.shape[:2])
        return steps.log_prob_under(jax.vmap(jax.vmap(one))(p, keys, coins))

    if learning == "marginal":
        bound = reward = marginal(steps)
    elif learning == "top-k":
        bound = reward = top_k_joint(steps, config["model"]["k"])
    elif learning == "gumbel":
        keys = jax.random.split(rng_sample, samples)
        bound = reward = jax.lax.map(relaxed, keys).mean(axis=0)
    elif learning == "elbo":
        if q is None:
            raise ValueError(
                "the ELBO needs the distribution q of an inference network"
            )
        reward = likelihood(q)
        bound = elbo(steps, q, reward)
    else:
        bound = reward = likelihood(p)
    return _finished(bound, reward, p, real, estimator_state, chosen)


def _sampled_feed(model: Conditional, config: Settings, penalty: Penalty) -> Loss:
    """The states see what was read, so a sample is a whole pass over the sentence."""
    chosen = config["estimator"]

    def loss(params, batch: Any, rng, estimator_state: EstimatorState):
        rng_dropout, rng_coin, rng_sample = jax.random.split(rng, 3)
        real = real_steps(batch)
        coin = jax.random.bernoulli(rng_coin, chosen["coin"], batch.target.shape[:1])

        def follow(draw):
            """Rewards, log-probabilities of what was read, p and penalty of a pass."""
            unrolled = forced(model, params, batch, draw=draw, rng=rng_dropout)
            p = distribution(unrolled.weights)
            actions = zero_padding((unrolled.reads * safe_log(p)).sum(axis=-1), real)
            rewards = likelihoods(model, params, batch, unrolled.readouts)
            return rewards, actions, p, penalty(unrolled, batch)

        def baseline():
            kind = chosen["baseline"]
            if kind == "soft":
                return follow(None)[0]
            if kind == "self-critical":
                return follow(SampleSpec(None))[0]
            return _constant(kind, estimator_state, real)

        temperature = temperature_of(config, estimator_state.updates)
        keys = jax.random.split(rng_sample, chosen["samples"])
        rewards, actions, p, penalties = jax.lax.map(
            lambda rng: follow(SampleSpec(rng, temperature, coin)), keys
        )
        rewards, actions = jnp.moveaxis(rewards, 0, -1), jnp.moveaxis(actions, 0, -1)
        if chosen["learning"] == "gumbel":
            bound = rewards.mean(axis=-1)
        else:
            actions = jnp.where(coin[:, None, None], 0, actions)
            baselines = baseline()[..., None]
            bound = _reinforce(actions, rewards, baselines, real, chosen)
        minimized, rest = _finished(bound, bound, p, real, estimator_state, chosen)
        return minimized + penalties.mean(), rest

    return loss


def _reinforce(actions, rewards, baselines, real, chosen: Settings):
    return reinforce(
        zero_padding(actions, real),
        rewards,
        baselines,
        credit=chosen["credit"],
        weight=chosen["reward_weight"],
    )


def _constant(kind: str, estimator_state: EstimatorState, real):
    mean = estimator_state.average.mean if kind == "moving-average" else 0.0
    return jnp.where(real, mean, 0.0)


def _finished(
    bound, reward, p, real, estimator_state: EstimatorState, chosen: Settings
):
    """What to minimize, its Sums, and the learner after it."""
    total = zero_padding(bound, real).sum()
    entropy = -(p * safe_log(p)).sum(axis=-1)
    entropy = entropy if entropy.ndim == 2 else entropy.mean(axis=0)
    bonus = chosen["entropy"] * zero_padding(entropy, real).sum()
    average = estimator_state.average.after(
        zero_padding(reward, real)[..., None], real, chosen["decay"]
    )
    estimator_state = EstimatorState(average, estimator_state.updates + 1)
    return -(total + bonus), (Sums(-total, real.sum()), estimator_state)


def temperature_of(config: Settings, updates: jax.Array) -> jax.Array:
    """Of the relaxed sample, from `temperature` to the final one, exponentially."""
    chosen = config["estimator"]
    first, last = chosen["temperature"], chosen["final_temperature"]
    done = jnp.minimum(updates / max(config["train"]["steps"], 1), 1.0)
    return first * (last / first) ** done
