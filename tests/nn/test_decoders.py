"""Both decoders against plain loops, teacher-forced and step by step."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import dense
from attnlab.nn.decoder_model import BOS
from tests.nn import by_hand
from tests.nn.by_hand import Case

# Words, EOS (2), padding; the last row is a filler.
SOURCE = np.array([[4, 5, 6, 7, 2], [8, 9, 2, 0, 0], [10, 2, 0, 0, 0], [0] * 5])
SOURCE_LENGTHS = np.array([5, 3, 2, 0])
TARGET = np.array([[4, 5, 2, 0], [6, 7, 8, 2], [5, 2, 0, 0], [0] * 4])
TARGET_LENGTHS = np.array([3, 4, 2, 0])

CASES = {
    "bahdanau": Case("bahdanau", "cho-gru", "additive", eos_in_memory=True),
    "bahdanau-lstm-covered": Case("bahdanau", "lstm", "additive", coverage=True),
    "bahdanau-uni-reversed": Case(
        "bahdanau", "gru", bidirectional=False, reverse_source=True
    ),
    "luong": Case(layers=2, bidirectional=False, reverse_source=True),
    "luong-forwards": Case(cell="gru", bidirectional=False, eos_in_memory=True),
    "luong-bi": Case(layers=2, score="additive", coverage=True, tied=True),
    "luong-unfed": Case(layers=2, bidirectional=False, input_feeding=False),
    "luong-unfed-covered": Case(
        cell="gru", layers=2, score="additive", coverage=True, input_feeding=False
    ),
}
every_case = pytest.mark.parametrize("name", CASES)


def force(model, params, source, target):
    unrolled = model.apply(params, source, SOURCE_LENGTHS, target)
    weights = dense(unrolled.weights, unrolled.positions, source.shape[1])
    logits = model.apply(params, unrolled.readouts, method="logits")
    return unrolled, weights, logits


def stepwise(model, params, source, target):
    memory, state = model.apply(params, source, SOURCE_LENGTHS, method="start")

    def advance(state, tokens):
        state, logits, aligned = model.apply(
            params, memory, state, tokens, method="step"
        )
        weights = dense(aligned.weights, aligned.positions, source.shape[1])
        return state, (logits, weights, aligned.context)

    before = jnp.full_like(target[:, :1], BOS)
    tokens = jnp.concatenate([before, target[:, :-1]], axis=1)
    state, actual = jax.lax.scan(advance, state, tokens.T)
    return state, *jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), actual)


@cache
def compiled(name):
    """Teacher-forced and step by step, in one compilation."""
    model = by_hand.make(CASES[name])
    params = by_hand.parameters(model)

    @jax.jit
    def both(params, source, target):
        return (
            force(model, params, source, target),
            stepwise(model, params, source, target),
        )

    return params, both, both(params, SOURCE, TARGET)


def close(actual, expected, rtol=1e-4):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-5)


@every_case
def test_teacher_forcing_is_the_papers_loop(name):
    params, _, ((unrolled, weights, logits), _) = compiled(name)
    for row in range(3):
        source = SOURCE[row, : SOURCE_LENGTHS[row]]
        length = TARGET_LENGTHS[row]
        by_loop = by_hand.force(CASES[name], params, source, TARGET[row, :length])
        close(unrolled.queries[row, :length], by_loop.queries)
        close(unrolled.contexts[row, :length], by_loop.contexts)
        close(unrolled.readouts[row, :length], by_loop.readouts)
        close(logits[row, :length], by_loop.logits)
        seen = by_loop.weights.shape[1]
        assert seen == SOURCE_LENGTHS[row] - (not CASES[name].eos_in_memory)
        close(weights[row, :length, :seen], by_loop.weights)
        np.testing.assert_array_equal(weights[row, :, seen:], 0.0)


@every_case
def test_step_by_step_is_teacher_forcing(name):
    _, _, ((unrolled, weights, logits), stepped) = compiled(name)
    state, step_logits, step_weights, step_contexts = stepped
    close(step_logits, logits, rtol=1e-5)
    close(step_weights, weights, rtol=1e-5)
    close(step_contexts, unrolled.contexts, rtol=1e-5)
    np.testing.assert_array_equal(state.step, 4)
    width = by_hand.READOUTS if CASES[name].decoder == "luong" else 0
    assert state.feed.shape == (4, width if CASES[name].input_feeding else 0)


@every_case
def test_what_stands_in_the_padding_is_never_read(name):
    params, both, first = compiled(name)
    source = np.where(SOURCE == 0, 9, SOURCE)
    (unrolled, weights, logits), stepped = both(params, source, TARGET)
    (expected, expected_weights, expected_logits), _ = first
    np.testing.assert_array_equal(logits, expected_logits)
    np.testing.assert_array_equal(weights, expected_weights)
    np.testing.assert_array_equal(unrolled.contexts, expected.contexts)


@every_case
def test_a_filler_row_is_finite_and_looks_nowhere(name):
    _, _, ((unrolled, weights, logits), _) = compiled(name)
    assert np.all(np.isfinite(logits))
    np.testing.assert_array_equal(weights[3], 0.0)
    np.testing.assert_array_equal(unrolled.contexts[3], 0.0)


@pytest.mark.parametrize("name", ["bahdanau", "luong-forwards", "luong-unfed-covered"])
def test_target_words_influence_later_readouts_only(name):
    """d readout t / d embedding of input u: zero for u > t, not zero for u <= t.

    Input u is target word u - 1, so word t never helps to predict itself.
    """
    model = by_hand.make(CASES[name])
    params = by_hand.parameters(model)

    @jax.jit
    @partial(jax.jacrev, argnums=0)
    def slopes(embedded):
        def run(module):
            memory, state = module.start(SOURCE[:1], SOURCE_LENGTHS[:1])
            return module.decode.unroll(memory, state, embedded[None]).readouts[0]

        return model.apply(params, method=run)

    width = params["params"]["target_embedding"].shape[1]
    embedded = np.random.default_rng(5).normal(size=(4, width)).astype(np.float32)
    size = np.abs(np.asarray(slopes(embedded))).max(axis=(1, 3))  # [T, T]
    np.testing.assert_array_equal(size[np.triu_indices(4, k=1)], 0.0)
    assert np.all(size[np.tril_indices(4)] > 1e-6)


@every_case
def test_the_last_target_word_is_predicted_and_not_read(name):
    params, both, ((expected, _, _), _) = compiled(name)
    target = TARGET.copy()
    target[:, -1] = 7
    (unrolled, _, _), _ = both(params, SOURCE, target)
    np.testing.assert_array_equal(unrolled.readouts, expected.readouts)
    target[:, 0] = 8
    (unrolled, _, _), _ = both(params, SOURCE, target)
    np.testing.assert_array_equal(unrolled.readouts[:, 0], expected.readouts[:, 0])
    moved = np.abs(unrolled.readouts - expected.readouts).max(axis=2)[:3]
    assert np.all(moved[:, 1:] > 0.0)


@pytest.mark.parametrize("name", ["luong", "luong-unfed-covered", "bahdanau"])
def test_readout_of_other_contexts_takes_any_leading_axes(name):
    """What the posterior and exact marginals ask for: [T, S] contexts at once."""
    params, _, ((unrolled, _, _), _) = compiled(name)
    model = by_hand.make(CASES[name])
    embedded = model.apply(params, TARGET, method="embed_inputs")
    args = (unrolled.queries, embedded, unrolled.contexts)
    actual = model.apply(params, *args, method="readout")
    close(actual, unrolled.readouts, rtol=1e-5)
    two = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), args)
    actual = model.apply(params, *two, method="readout")
    close(actual[1], unrolled.readouts, rtol=1e-5)


@pytest.mark.parametrize("name", ["bahdanau", "luong-forwards"])
def test_every_parameter_matters_and_has_a_finite_gradient(name):
    """Also with a filler row in the batch, whose loss is counted here."""
    model = by_hand.make(CASES[name])
    params = by_hand.parameters(model)

    @jax.jit
    @jax.grad
    def slopes(params):
        unrolled = model.apply(params, SOURCE, SOURCE_LENGTHS, TARGET)
        logits = model.apply(params, unrolled.readouts, method="logits")
        return jax.nn.log_softmax(logits)[..., 3].sum()

    for path, leaf in jax.tree_util.tree_leaves_with_path(slopes(params)):
        assert np.all(np.isfinite(leaf)), path
        assert np.any(leaf != 0.0), path


@pytest.mark.parametrize("window", ["global", "local-p"])
def test_steps_at_once_are_steps_one_by_one(window):
    """Without feeding, and whichever of the two an attention says is faster."""
    source = np.pad(SOURCE, ((0, 0), (0, 80)))  # so far that windows are gathered
    model = by_hand.make(CASES["luong-unfed"], window=window)
    params = by_hand.parameters(model)
    weigh = np.random.default_rng(0).normal(size=(4, 4, by_hand.READOUTS))
    weigh = weigh.astype("float32")

    def loss(params, batch_steps):
        attention = model.attention._replace(batch_steps=lambda size: batch_steps)
        unrolled = model.clone(attention=attention).apply(
            params, source, SOURCE_LENGTHS, TARGET
        )
        return jnp.sum(unrolled.readouts * weigh), unrolled

    gradient = jax.jit(jax.grad(loss, has_aux=True), static_argnums=1)
    actual, expected = gradient(params, True), gradient(params, False)
    jax.tree.map(partial(close, rtol=1e-5), actual, expected)
    assert (jax.tree.leaves(actual[0])[0] != 0).any()
