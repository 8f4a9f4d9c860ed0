"""A classifier's one look at a sentence, as the step [B, 1] that estimators work on."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from attnlab.estimators import Steps
from attnlab.estimators.objective import EstimatorState, learn_steps
from attnlab.masking import distribution, zero_padding
from attnlab.nn.losses import Sums, token_losses
from attnlab.precision import cast, wide
from attnlab.tasks.classification.batches import Sentences
from attnlab.tasks.classification.model import Classifier, Pooled


def look(model: Classifier, params, batch: Sentences, *, rng=None) -> Pooled:
    """What the model reads of a batch, with dropout if there is an `rng`."""
    rngs = None if rng is None else {"dropout": rng}
    found: Any = model.apply(
        params, batch.words, batch.lengths, train=rng is not None, rngs=rngs
    )
    return found


def log_classes(model: Classifier, params, contexts, *, rng=None) -> jax.Array:
    """log p(class) [B, N, classes] of contexts [B, N, C]."""
    rngs = None if rng is None else {"dropout": rng}
    logits: Any = model.apply(
        params, contexts, train=rng is not None, rngs=rngs, method="logits"
    )
    return jax.nn.log_softmax(wide(logits))


def step_of(
    model: Classifier, params, batch: Sentences, pooled: Pooled, *, rng=None
) -> Steps:
    """The look as a step: what the class would be if something else were read.

    Dropout, if there is an `rng`, is alike for everything that might be read. A
    sentence with nothing to look at has all its probability at slot 0, whose value is
    zero.
    """
    real = jnp.asarray(batch.lengths) > 0
    labels = jnp.asarray(batch.labels)[:, None]  # [B, 1]

    def chosen(logs):  # [B, N, classes] -> [B, N]
        every = jnp.broadcast_to(labels, logs.shape[:2])
        found = jnp.take_along_axis(logs, every[..., None], axis=-1)[..., 0]
        return zero_padding(found, real)

    weights = distribution(pooled.weights)
    nowhere = weights.sum(axis=-1, keepdims=True) <= 0
    first = jnp.arange(weights.shape[-1])[None] == 0
    weights = jnp.where(nowhere & first, 1, weights)
    every = chosen(log_classes(model, params, pooled.values, rng=rng))  # [B, P]

    def log_prob_at(slots):
        return jnp.take_along_axis(every, slots, axis=-1)

    def log_prob_under(reads):
        values = pooled.values
        contexts = jnp.einsum("bts,bsc->btc", reads.astype(values.dtype), values)
        return chosen(log_classes(model, params, contexts, rng=rng))

    return Steps(weights[:, None], log_prob_at, log_prob_under)


def make_loss(model: Classifier, config: Mapping[str, Any]) -> Callable[..., Any]:
    """loss(params, batch, rng, learner) -> (to minimize, (Sums, next learner)).

    The Sums hold minus log p(class), or minus the bound on it that a hard read's
    learning maximizes, and the number of sentences.
    """
    compute = config["train"]["compute"]
    soft = config["estimator"]["learning"] == "cross-entropy"

    def loss(params, batch: Sentences, rng, estimator_state: EstimatorState):
        params = cast(params, compute)
        rng_states, rng_logits, rng_coin, rng_sample = jax.random.split(rng, 4)
        pooled = look(model, params, batch, rng=rng_states)
        real = jnp.asarray(batch.lengths) > 0
        if not soft:
            step = step_of(model, params, batch, pooled, rng=rng_logits)
            real = real[:, None]
            return learn_steps(
                step, real, estimator_state, config, rng_coin, rng_sample
            )
        contexts = pooled.contexts[:, None]
        logs = log_classes(model, params, contexts, rng=rng_logits)[:, 0]
        labels = jnp.asarray(batch.labels)
        total = zero_padding(token_losses(logs, labels), real).sum()
        return total, (Sums(total, real.sum()), estimator_state)

    return loss


def predict(
    model: Classifier, params, batch: Sentences, how: str
) -> tuple[jax.Array, Pooled]:
    """log p(class) [B, classes], and the look it follows from.

    "expected" reads the expected value, "marginal" sums over what may be read, with its
    weight, and "argmax" reads the likeliest position alone.
    """
    pooled = look(model, params, batch)
    if how == "expected":
        return log_classes(model, params, pooled.contexts[:, None])[:, 0], pooled
    every = log_classes(model, params, pooled.values)  # [B, P, classes]
    weights = distribution(pooled.weights)
    if how == "marginal":
        logs = jax.nn.logsumexp(every, axis=1, b=weights[..., None])
        nothing = weights.sum(axis=-1, keepdims=True) <= 0
        return jnp.where(nothing, every[:, 0], logs), pooled
    best = jnp.argmax(weights, axis=-1)
    return jnp.take_along_axis(every, best[:, None, None], axis=1)[:, 0], pooled
