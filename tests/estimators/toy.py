"""A toy model whose objectives can be written out, and these written out.

Over the positions of every step where the expected value is fed, over all paths through
the sentence where the sample is: loops that go through the decoder's step interface,
without `attnlab.estimators` and without sampling. In float64, so that equality can be
asked for to its last digits: use them under `jax.enable_x64(True)`.
"""

import functools
import itertools
import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.compose import attention
from attnlab.attention.normalizers import softmax
from attnlab.attention.scores import general
from attnlab.attention.windows import global_window
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.task import build_model, init_params
from attnlab.text.batching import Batch
from tests.tiny import tiny

WORDS, STEPS, SIZE = 3, 3, 6  # source words, target words with EOS, vocabularies
BATCH = Batch(  # two sentences, of 3 and 2 words, to 2 and 1 words, then EOS
    source=np.array([[4, 5, 3, 2], [5, 4, 2, 0]], np.int32),
    source_lengths=np.array([4, 3], np.int32),
    target=np.array([[4, 3, 2], [5, 2, 0]], np.int32),
    target_lengths=np.array([3, 2], np.int32),
)
REAL = np.array([[True, True], [True, True], [True, False]])  # [T, B]
SEEN = np.array([[True, True], [True, True], [True, False]])  # [WORDS, B]

# Seed of the parameters and their deviations: of what makes scores, of what makes words
# of a context, of all others. Chosen among 300 seeds for what
# `test_the_toy_has_no_rare_paths_and_no_idle_reads` asks.
WORDY = ("combine", "readout", "vocabulary")
DRAWN = {"luong": (80, 2.0, 3.0, 1.0), "bahdanau": (157, 2.0, 1.5, 1.5)}

# XLA compiles in a fifth of its usual time so, and the toy runs no slower.
FAST: dict[str, Any] = {"xla_backend_optimization_level": 0}
if jax.__version_info__ < (0, 11):  # where there is a choice of emitters
    FAST["xla_cpu_use_fusion_emitters"] = False


@functools.cache
def checked(decoder) -> TranslationSettings:
    """The settings of a toy model, with every default of `estimator` but its rule."""
    model = {
        "read": "hard",
        "encoder": "uni",
        "decoder": decoder,
        "embedding": 2,
        "hidden": 2,
        "attention_hidden": 2,
        "readouts": 2,
    }
    named = {f"model.{name}": value for name, value in model.items()}
    return tiny(**named, **{"estimator.learning": "reinforce"})


def settings(decoder="luong", k=WORDS + 1, **chosen) -> TranslationSettings:
    """The settings of a toy model that learns by the `chosen` estimator.

    They are not checked: what training refuses as biased is measured here.
    """
    of = checked(decoder)
    model = of.model.model_copy(update={"k": k})
    estimator = of.estimator.model_copy(update=chosen)
    return of.model_copy(update={"model": model, "estimator": estimator})


@functools.cache
def toy(decoder="luong") -> tuple[Any, Any]:
    """A model with an inference network, and its parameters: normal numbers."""
    model = build_model(settings(decoder, learning="elbo"), SIZE, SIZE)
    shapes = jax.eval_shape(functools.partial(init_params, model), jax.random.key(0))
    seed, score, wordy, other = DRAWN[decoder]

    def draw(path, leaf):
        name = jax.tree_util.keystr(path)
        words = any(part in name for part in WORDY)
        scale = score if "score" in name else wordy if words else other
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        return scale * random.normal(size=leaf.shape)

    return model, jax.tree.map_with_path(draw, shapes)


def target_logs(model, params, readouts, step):
    """log p(y_t | readouts [B, R]) of the real words, [B]."""
    logits = model.apply(params, readouts, method="logits")
    logs = jax.nn.log_softmax(logits)[jnp.arange(2), BATCH.target[:, step]]
    return jnp.where(REAL[step], logs, 0)


def walk(model, params, read):
    """Step by step with `read(weights [S], step) -> [S]`: yields what a step saw.

    That is the values [B, S, C], the query, the last word's embedding, the weights
    [B, S] and log p(y_t) [B].
    """

    def reading(step):
        chosen = attention(
            general(), global_window(), softmax, lambda weights, _: read(weights, step)
        )
        return model.clone(attention=chosen)

    memory, state = model.apply(
        params, BATCH.source, BATCH.source_lengths, method="start"
    )
    embedded = model.apply(params, BATCH.target, method="embed_inputs")
    for step in range(STEPS):
        state, query, readout, aligned = reading(step).apply(
            params,
            memory,
            state,
            embedded[:, step],
            method=lambda m, *inputs: m.decode.step(*inputs),
        )
        logs = target_logs(model, params, readout, step)
        yield memory.values, query, embedded[:, step], aligned.weights, logs


def along(model, params, path):
    """p(path) [B] and log p(y_t | path) [T, B] of the positions [T] of a path."""
    probability, rewards = jnp.ones(2), []
    taken = walk(model, params, lambda _, t: jax.nn.one_hot(path[t], WORDS + 1))
    for step, (*_, p, logs) in enumerate(taken):
        probability *= p[:, path[step]]
        rewards.append(logs)
    return probability, jnp.stack(rewards)


def every_path(model, params):
    """`along` every path: [P, B] and [P, T, B], the last step's position fastest."""
    every = jnp.array(list(itertools.product(range(WORDS), repeat=STEPS)))
    return jax.vmap(lambda path: along(model, params, path))(every)


def objectives(model, params) -> dict[str, jax.Array]:
    """All of them, by name, summed over the batch."""
    fed = list(walk(model, params, lambda weights, _: weights))
    soft = sum(logs.sum() for *_, logs in fed)

    steps = marginal = entropy = elbo = 0.0
    q = _inferred(model, params, fed)
    for t, (values, query, embedded, weights, _) in enumerate(fed):
        likelihood = 0.0
        for a in range(WORDS):
            read = values[:, a]
            readout = model.apply(params, query, embedded, read, method="readout")
            logs = target_logs(model, params, readout, t)
            there = REAL[t] & SEEN[a]
            p = jnp.where(there, weights[:, a], 1)
            guess = jnp.where(there, q[:, t, a], 1)
            steps += jnp.where(there, p * logs, 0).sum()
            likelihood += jnp.where(there, p * jnp.exp(logs), 0)
            entropy -= jnp.where(there, p * jnp.log(p), 0).sum()
            bound = guess * (logs + jnp.log(p) - jnp.log(guess))
            elbo += jnp.where(there, bound, 0).sum()
        marginal += jnp.log(jnp.where(REAL[t], likelihood, 1)).sum()

    chances, rewards = every_path(model, params)
    paths = (chances * rewards.sum(axis=1)).sum()
    return {
        "steps": steps,  # sum_t sum_a p(a) log p(y_t | a)
        "steps or soft": (steps + soft) / 2,  # Xu's coin
        "steps and entropy": steps + 0.3 * entropy,
        "marginal": marginal,  # sum_t log sum_a p(a) p(y_t | a)
        "elbo": elbo,  # sum_t sum_a q(a) (log p(y_t | a) + log p(a) - log q(a))
        "paths": paths,  # sum over paths of p(path) sum_t log p(y_t | path)
        "paths or soft": (paths + soft) / 2,
    }


def _inferred(model, params, fed):
    """The inference network's q [B, T, S]."""
    return model.apply(
        params,
        BATCH.target,
        BATCH.target_lengths,
        fed[0][0],
        jnp.stack([weights for *_, weights, _ in fed], axis=1),
        np.broadcast_to(np.arange(WORDS + 1), (2, STEPS, WORDS + 1)),
        method="infer",
    )


@functools.cache
def enumerated(decoder="luong") -> tuple[Any, Any]:
    """The objectives and their gradients with respect to all parameters, by name."""
    model, params = toy(decoder)

    def twice(params):
        result = objectives(model, params)
        return result, result

    gradients = jax.jit(jax.jacrev(twice, has_aux=True), compiler_options=FAST)
    exact, values = gradients(params)
    return values, exact
