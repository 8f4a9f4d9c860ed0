"""A model whose reads follow one another, against sums over all paths by the equation.

The states are fed expected values, so that one walk gives what every path sees.
"""

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.decoding import Decoded
from attnlab.estimators.chain import NULL
from attnlab.estimators.decoder_steps import apply
from attnlab.estimators.objective import initial_estimator_state, make_loss
from attnlab.estimators.prediction import Prediction, Search, search, teacher_forced
from attnlab.tasks.translation.task import build_model, init_params
from attnlab.text.batching import Batch
from tests.estimators.toy import BATCH, FAST, REAL, SEEN, SIZE, STEPS, WORDS
from tests.nn.cells_by_hand import random_like
from tests.tiny import tiny

CASES = {
    "luong": ("luong", "full", "jumps", 0.2, "global"),
    "bahdanau": ("bahdanau", "additive", "jumps-by-word", 0.3, "global"),
    "never back": ("luong", "lexical", "monotonic", 0.0, "global"),
    "window": ("luong", "additive", "jumps", 0.2, "local-m"),
    "as marginal": ("luong", "additive", "none", 0.0, "local-m"),
    "by themselves": ("bahdanau", "lexical", "none", 0.25, "local-p"),
}
cases = pytest.mark.parametrize("name", CASES)


def settings_of(name, **more):
    decoder, readout, transition, null, window = CASES[name]
    options: dict[str, Any] = {
        "model.decoder": decoder,
        "model.readout": readout,
        "model.transition": transition,
        "model.null": null,
        "model.window": window,
        "model.read": "hard",
        "model.hidden": 4,
        "estimator.learning": "chain",
    }
    if window != "global":
        options["model.half_width"] = 1
    return tiny(**options | more)


@functools.cache
def made(name) -> tuple[Any, Any]:
    model = build_model(settings_of(name), SIZE, SIZE)
    shapes = jax.eval_shape(functools.partial(init_params, model), jax.random.key(0))
    return model, random_like(shapes)


def fast(function):
    return jax.jit(function, compiler_options=FAST)


def seen(model, params, batch=BATCH):
    """What the steps see: weights [B, T, S], log p(y_t | s) [B, T, S], of NULL [B, T],
    and log potentials [B, S + 1, S], by the model's own parts, one after the other."""
    memory, state = apply(
        model, params, batch.source, batch.source_lengths, method="start"
    )
    inputs = apply(model, params, batch.target, method="embed_inputs")
    size = memory.values.shape[1]
    weights, words, nothing = [], [], []
    for t in range(batch.target.shape[1]):
        before = inputs[:, t]
        state, query, _, aligned = apply(
            model, params, memory, state, before, method=lambda m, *x: m.decode.step(*x)
        )

        def log_prob(context, query=query, before=before, t=t):
            readout = apply(model, params, query, before, context, method="readout")
            logits = apply(model, params, readout, method="logits")
            logs = jax.nn.log_softmax(logits)
            return jnp.take_along_axis(logs, batch.target[:, t, None], axis=1)[:, 0]

        weights.append(aligned.weights)
        words.append([log_prob(memory.values[:, s]) for s in range(size)])
        null = jnp.zeros_like(memory.values[:, 0])
        if model.null:
            null = null + params["params"]["null"][None]
        nothing.append(log_prob(null))
    potentials = jnp.stack(
        [
            model.transition.log_potentials(params["params"]["transition"], values)
            for values in memory.values
        ]
    )
    return (
        jnp.stack(weights, axis=1),
        jnp.stack([jnp.stack(each, axis=-1) for each in words], axis=1),
        jnp.stack(nothing, axis=1),
        potentials,
    )


def every_path(steps, size=WORDS):
    return list(itertools.product(range(NULL, size), repeat=steps))


def path_log_probs(row, steps, null, weights, words, nothing, potentials):
    """log p(path, y) of every path of a row: a loop over its steps."""
    logs = []
    for path in every_path(steps):
        last, total = 0, 0.0
        for t, s in enumerate(path):
            if s == NULL:
                with np.errstate(divide="ignore"):
                    total += np.log(null) + nothing[row, t]
                continue
            ways = np.exp(potentials[row, last]) * weights[row, t]
            ways = ways if ways.sum() > 0 else weights[row, t]
            with np.errstate(divide="ignore"):
                total += np.log((1 - null) * ways[s] / ways.sum()) + words[row, t, s]
            last = s + 1
        logs.append(total)
    return np.array(logs)


@functools.cache
def enumerated(name):
    """Of each row its paths' log-probabilities."""
    model, params = made(name)
    arrays = [
        np.asarray(x, np.float64) for x in fast(functools.partial(seen, model))(params)
    ]
    steps = REAL.sum(axis=0)
    assert (arrays[0][:, :, WORDS:] == 0).all() and SEEN.shape[0] == WORDS
    return [path_log_probs(n, int(k), model.null, *arrays) for n, k in enumerate(steps)]


def close(actual, expected, rtol=2e-5):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-6)


def total(logs):
    return np.logaddexp.reduce(logs)


@cases
def test_the_loss_is_the_likelihood_of_all_paths(name):
    model, params = made(name)
    loss = fast(make_loss(model, settings_of(name)))
    minimized, (sums, _) = loss(
        params, BATCH, jax.random.key(0), initial_estimator_state()
    )
    expected = -sum(total(logs) for logs in enumerated(name))
    close(minimized, expected)
    close(sums.loss, expected)
    assert sums.tokens == REAL.sum()


@functools.cache
def predicted(name):
    model, params = made(name)
    run = fast(functools.partial(teacher_forced, model, Prediction("marginal")))
    return jax.device_get(run(params, BATCH, np.bool_(True)))


@cases
def test_posteriors_are_shares_of_paths(name):
    posterior = predicted(name).posterior
    for row, logs in enumerate(enumerated(name)):
        steps = int(REAL[:, row].sum())
        shares = np.exp(logs - total(logs))
        expected = np.zeros((STEPS, WORDS + 1))
        for path, share in zip(every_path(steps), shares, strict=True):
            for t, s in enumerate(path):
                if s != NULL:
                    expected[t, s] += share
        close(posterior[row], expected)


@cases
def test_losses_and_priors_of_a_pass(name):
    done = predicted(name)
    expected = [-total(logs) for logs in enumerated(name)]
    close(done.nats["marginal"], expected)
    null = made(name)[0].null
    close(done.weights.sum(axis=-1), np.where(REAL.T, 1 - null, 0))
    assert np.isfinite(done.nats["expected"]).all()
    assert np.isfinite(done.nats["argmax"]).all()


def test_a_marginal_predicts_as_a_chain_without_transitions():
    options = {"estimator.learning": "marginal", "model.transition": "none"}
    model = build_model(settings_of("as marginal", **options), SIZE, SIZE)
    leaves = dict(made("as marginal")[1]["params"])
    leaves.pop("transition", None)
    run = fast(functools.partial(teacher_forced, model, Prediction("marginal")))
    done = jax.device_get(run({"params": leaves}, BATCH, np.bool_(True)))
    expected = predicted("as marginal")
    for name, nats in expected.nats.items():
        close(done.nats[name], nats)
    close(done.posterior[REAL.T], expected.posterior[REAL.T])


@pytest.mark.parametrize("name", ["luong", "never back"])
def test_decoding_scores_a_hypothesis_by_all_its_paths(name):
    model, params = made(name)
    for beams, slots in ((1, 1), (3, 2)):
        how = Search(beams=beams, length_penalty="none", positions=99)
        run = functools.partial(
            search, model, how, Prediction("marginal"), longest=4, slots=slots
        )
        limits = jnp.full(2, 4)
        decoded = jax.device_get(
            fast(functools.partial(run, limits=limits))(
                params, BATCH.source, BATCH.source_lengths
            )
        )
        again = Batch(
            BATCH.source, BATCH.source_lengths, decoded.tokens, decoded.lengths
        )
        forced = jax.device_get(
            fast(functools.partial(teacher_forced, model, Prediction("marginal")))(
                params, again, np.bool_(True)
            )
        )
        check_decoded(decoded, forced)


def check_decoded(decoded: Decoded, forced):
    close(decoded.scores, -forced.nats["marginal"])
    for row, length in enumerate(decoded.lengths):
        close(decoded.alignments[row, :length], forced.weights[row, :length])


@pytest.mark.parametrize(
    "more, names",
    [
        ({"estimator.learning": "marginal"}, ("model.transition jumps", "chain")),
        ({"evaluate.predict": "argmax"}, ("evaluate.predict argmax",)),
        ({"estimator.feed": "sampled"}, ("estimator.feed",)),
        ({"model.null": 1.0}, ("model.null",)),
        ({"model.transition": "jump"}, ("model.transition", "monotonic")),
    ],
)
def test_what_does_not_go_with_a_chain(more, names):
    with pytest.raises(ValueError) as error:
        settings_of("luong", **more)
    for part in names:
        assert part in str(error.value)
