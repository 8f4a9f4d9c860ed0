"""What memory networks learn by: cross entropy, or samples of reads in every hop."""

from collections.abc import Callable
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp

from attnlab.attention.base import Params, SampleSpec
from attnlab.estimators import reinforce
from attnlab.estimators.objective import EstimatorState, temperature_of
from attnlab.masking import distribution, masked_sum, safe_log, zero_padding
from attnlab.nn.losses import Sums, token_losses
from attnlab.tasks.memn2n.batches import StoryBatch
from attnlab.tasks.memn2n.model import MemN2N, MemN2NOutputs, StoryLSTM, recency
from attnlab.tasks.memn2n.settings import MemN2NSettings
from attnlab.text.vocabulary import PAD

Loss = Callable[
    [Params, StoryBatch, jax.Array, EstimatorState],
    tuple[jax.Array, tuple[Sums, EstimatorState]],
]


class _Pass(NamedTuple):
    """log p(answer) [B], and log p of what each hop read [B, K], of one pass."""

    reward: jax.Array
    actions: jax.Array


def make_loss(model: MemN2N | StoryLSTM, settings: MemN2NSettings) -> Loss:
    """The loss of a memory network or of the baseline.

    Args:
      model: the linen module.
      settings: of the run.

    Returns:
      loss(params, batch, rng, estimator state) -> (summed loss, (Sums, next state)).
      The Sums hold nats of the expected reads, or of the sampled ones where the read is
      hard, and the number of questions.
    """
    chosen = settings.estimator
    cross_entropy = (
        chosen.learning == "cross-entropy" or settings.model.system == "lstm"
    )

    def loss(params, batch, rng, estimator_state):
        rng_noise, rng_draw = jax.random.split(rng)
        real = batch.answers != PAD  # [B]
        forward = _forward(model, settings, params, batch, rng_noise, estimator_state)
        if cross_entropy:
            bound = reward = forward(None).reward
        else:
            keys = jax.random.split(rng_draw, chosen.samples)
            temperature = temperature_of(settings, estimator_state.updates)
            hops, rows = settings.model.hops, len(batch.answers)
            passes = jax.vmap(
                lambda key: forward(sample_spec(key, hops, rows, temperature))
            )(keys)  # reward [N, B], actions [N, B, K]
            bound = reward = passes.reward.mean(axis=0)
            if chosen.learning == "reinforce":
                baseline = _baseline(chosen.baseline, forward, estimator_state, reward)
                bound = reinforce(
                    jnp.moveaxis(passes.actions, 0, -1),
                    _last_hop(passes.reward.T, hops),
                    _last_hop(baseline[:, None], hops),
                    credit=chosen.credit,
                    weight=chosen.reward_weight,
                ).sum(axis=-1)
        total = masked_sum(bound, real)
        average = estimator_state.average.after(
            zero_padding(reward, real)[:, None, None], real[:, None], chosen.decay
        )
        nats = -masked_sum(reward, real)
        after = EstimatorState(average, estimator_state.updates + 1)
        return -total, (Sums(nats, real.sum()), after)

    return loss


def _forward(model, settings: MemN2NSettings, params, batch, rng, estimator_state):
    """forward(draw) -> _Pass over a batch, whose random noise is that of `rng`."""
    options = settings.model
    size = batch.stories.shape[1]
    times = recency(
        batch.lengths, size, options.memory, rng, options.noise, options.gaps
    )
    # A Python False, where no start is linear, spares the second attention.
    start = options.linear_start
    linear = estimator_state.updates < start if start else False

    def forward(draw: SampleSpec | None) -> _Pass:
        outputs = cast(
            MemN2NOutputs,
            model.apply(params, *batch[:-1], times, linear=linear, draw=draw),
        )
        reward = -token_losses(outputs.logits, batch.answers)
        logs = safe_log(distribution(outputs.weights))
        actions = (outputs.reads * logs).sum(axis=-1)
        # Linear weights are no distribution that anything is drawn from.
        return _Pass(reward, jnp.where(linear, 0, actions))

    return forward


def sample_spec(
    rng: jax.Array | None,
    hops: int,
    rows: int,
    temperature: jax.Array | float = 1.0,
) -> SampleSpec:
    """What the reads of every hop and row may draw with.

    Args:
      rng: a key; None reads the most probable memory.
      hops: reads of the memory, K.
      rows: questions, B.
      temperature: [] of relaxed samples.

    Returns:
      The SampleSpec, each leaf [K, B].
    """
    keys = None if rng is None else jax.random.split(rng, (hops, rows))
    return SampleSpec(
        keys, jnp.full((hops, rows), temperature), jnp.zeros((hops, rows), bool)
    )


def _baseline(kind: str, forward, estimator_state: EstimatorState, reward):
    """What is subtracted from the rewards, [B]."""
    if kind == "soft":
        return forward(None).reward
    if kind == "moving-average":
        return jnp.broadcast_to(estimator_state.average.mean, reward.shape)
    return jnp.zeros_like(reward)


def _last_hop(rewards: jax.Array, hops: int) -> jax.Array:
    """Rewards [B, N] as those of the last of the hops, [B, K, N]: only then is there
    an answer."""
    nothing = jnp.zeros((rewards.shape[0], hops - 1, rewards.shape[1]))
    return jnp.concatenate([nothing, rewards[:, None]], axis=1)
