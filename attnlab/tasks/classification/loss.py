"""A classifier's one look at a sentence, as the step [B, 1] that estimators work on."""

from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp

from attnlab.attention.base import Params
from attnlab.estimators import Steps
from attnlab.estimators.objective import EstimatorState, learn_steps
from attnlab.estimators.rules import RULES
from attnlab.masking import distribution, zero_padding
from attnlab.nn.losses import Sums, token_losses
from attnlab.precision import cast as cast_to
from attnlab.precision import wide
from attnlab.tasks.classification.batches import Sentences
from attnlab.tasks.classification.model import Classifier, Pooled
from attnlab.tasks.classification.settings import ClassificationSettings

Loss = Callable[
    [Params, Sentences, jax.Array, EstimatorState],
    tuple[jax.Array, tuple[Sums, EstimatorState]],
]


def pool(
    model: Classifier,
    params: Params,
    batch: Sentences,
    *,
    rng: jax.Array | None = None,
) -> Pooled:
    """What the model reads of a batch.

    Args:
      model: the classifier.
      params: its parameters.
      batch: B sentences.
      rng: a key for dropout; None is without.

    Returns:
      The context of each sentence, and what it is read from.
    """
    rngs = None if rng is None else {"dropout": rng}
    pooled = model.apply(
        params, batch.words, batch.lengths, train=rng is not None, rngs=rngs
    )
    return cast(Pooled, pooled)


def log_classes(
    model: Classifier,
    params: Params,
    contexts: jax.Array,
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    """log p(class) of contexts.

    Args:
      model: the classifier.
      params: its parameters.
      contexts: [B, N, C].
      rng: a key for dropout, which is alike for all N; None is without.

    Returns:
      [B, N, classes].
    """
    rngs = None if rng is None else {"dropout": rng}
    logits = model.apply(
        params, contexts, train=rng is not None, rngs=rngs, method="logits"
    )
    return jax.nn.log_softmax(wide(cast(jax.Array, logits)))


def steps_of(
    model: Classifier,
    params: Params,
    batch: Sentences,
    pooled: Pooled,
    *,
    rng: jax.Array | None = None,
) -> Steps:
    """The look as a step: what the class would be if something else were read.

    A sentence with nothing to look at has all its probability at slot 0, whose value is
    zero.

    Args:
      model: the classifier.
      params: its parameters.
      batch: B sentences.
      pooled: what was read of them.
      rng: a key for dropout, which is alike for all that might be read; None is
        without.

    Returns:
      Steps with leading axes [B, 1] and W = P positions.
    """
    real = jnp.asarray(batch.lengths) > 0
    labels = jnp.asarray(batch.labels)[:, None]  # [B, 1]

    def of_label(logs):  # [B, N, classes] -> [B, N]
        indices = jnp.broadcast_to(labels, logs.shape[:2])[..., None]
        return zero_padding(jnp.take_along_axis(logs, indices, axis=-1)[..., 0], real)

    weights = distribution(pooled.weights)
    nowhere = weights.sum(axis=-1, keepdims=True) <= 0
    first = jnp.arange(weights.shape[-1])[None] == 0
    weights = jnp.where(nowhere & first, 1, weights)
    # All positions at once, as there is one step alone: a sum over few classes.
    each = of_label(log_classes(model, params, pooled.values, rng=rng))  # [B, P]

    def log_prob_at(slots):
        return jnp.take_along_axis(each, slots, axis=-1)

    def log_prob_under(reads):
        values = pooled.values
        contexts = jnp.einsum("bts,bsc->btc", reads.astype(values.dtype), values)
        return of_label(log_classes(model, params, contexts, rng=rng))

    return Steps(weights[:, None], log_prob_at, log_prob_under)


def make_loss(model: Classifier, settings: ClassificationSettings) -> Loss:
    """The loss of a classifier, by whatever rule its reads learn.

    Args:
      model: the classifier.
      settings: of the run.

    Returns:
      loss(params, batch, rng, estimator state) -> (summed loss, (Sums, next state)).
      The Sums hold minus log p(class), or minus the bound on it that a hard read's rule
      maximizes, and the number of sentences.
    """
    compute = settings.train.compute
    soft = RULES[settings.estimator.learning].of_steps is None

    def loss(params, batch, rng, estimator_state):
        params = cast_to(params, compute)
        rng_states, rng_logits, rng_coin, rng_sample = jax.random.split(rng, 4)
        pooled = pool(model, params, batch, rng=rng_states)
        real = jnp.asarray(batch.lengths) > 0
        if not soft:
            steps = steps_of(model, params, batch, pooled, rng=rng_logits)
            return learn_steps(
                steps, real[:, None], estimator_state, settings, rng_coin, rng_sample
            )
        contexts = pooled.contexts[:, None]
        logs = log_classes(model, params, contexts, rng=rng_logits)[:, 0]
        labels = jnp.asarray(batch.labels)
        total = zero_padding(token_losses(logs, labels), real).sum()
        return total, (Sums(total, real.sum()), estimator_state)

    return loss


def predict(
    model: Classifier, params: Params, batch: Sentences, by: str
) -> tuple[jax.Array, Pooled]:
    """log p(class), and what it follows from.

    Args:
      model: the classifier.
      params: its parameters.
      batch: B sentences.
      by: "expected" reads the expected value, "marginal" sums over what may be read,
        each with its weight, and "argmax" reads the most probable position alone.

    Returns:
      [B, classes], and what was read.
    """
    pooled = pool(model, params, batch)
    if by == "expected":
        return log_classes(model, params, pooled.contexts[:, None])[:, 0], pooled
    each = log_classes(model, params, pooled.values)  # [B, P, classes]
    weights = distribution(pooled.weights)
    if by == "marginal":
        logs = jax.nn.logsumexp(each, axis=1, b=weights[..., None])
        # Without a word to look at, the value of slot 0 is read, which is zero.
        nothing = weights.sum(axis=-1, keepdims=True) <= 0
        return jnp.where(nothing, each[:, 0], logs), pooled
    best = jnp.argmax(weights, axis=-1)
    return jnp.take_along_axis(each, best[:, None, None], axis=1)[:, 0], pooled
