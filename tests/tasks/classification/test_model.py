"""The classifier against plain loops; padding is masked, or shares the weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention.pooled import pooled
from attnlab.attention.presets import build
from attnlab.nn.cells import cell_named
from attnlab.tasks.classification.model import Classifier
from tests.nn import cells_by_hand

HIDDEN, LOOK, SIZE = 3, 4, 9
LENGTHS = np.array([6, 4, 2, 1, 0])  # the last two have no word
WORDS = np.array(
    [
        [4, 5, 6, 7, 5, 2],
        [6, 6, 4, 2, 0, 0],
        [7, 2, 0, 0, 0, 0],
        [2, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
)
PADDED = 8


def make(attention=None, **options):
    return Classifier(
        size=SIZE,
        classes=options.pop("classes", 2),
        attention=attention or build("additive"),
        cell=cell_named("cho-gru"),
        embedding=5,
        hidden=HIDDEN,
        attention_hidden=LOOK,
        **options,
    )


def parameters(model, seed=0):
    init = jax.eval_shape(lambda: model.init(jax.random.key(0), method="parameters"))
    return cells_by_hand.random_like(init, seed)


MASKED, COMPAT = make(), make(padded_to=PADDED)
PARAMS = parameters(MASKED)


@pytest.fixture(scope="module")
def read():
    """{masked or compat: (params, words, lengths) -> Pooled}, compiled."""
    models = {"masked": MASKED, "compat": COMPAT}
    return {name: jax.jit(model.apply) for name, model in models.items()}


def states_by_hand(params, ids):
    """Both directions' states [n, 2H] of a sentence that ends with EOS."""
    embedded = np.asarray(params["embedding"], np.float64)[ids]
    sides = [
        cells_by_hand.run(
            "cho-gru", params["encoder"][f"layer0_{side}"], embedded, HIDDEN, b
        )
        for side, b in (("forward", False), ("backward", True))
    ]
    return np.concatenate([outputs for outputs, _ in sides], axis=1)


def scores_by_hand(params, states):
    """u . tanh(W h + b), with b = W' q of the learned query q (Yang et al., eq. 5)."""
    score = jax.tree.map(lambda leaf: np.asarray(leaf, float), params["attention"])
    score, query = score["score"], np.asarray(params["query"], float)[0]
    bias = [sum(query[i] * score["w"][i, j] for i in range(6)) for j in range(LOOK)]
    result = []
    for state in states:
        total = 0.0
        for j in range(LOOK):
            inside = sum(state[i] * score["u"][i, j] for i in range(6))
            total += score["v"][j, 0] * np.tanh(inside + bias[j])
        result.append(total)
    return np.array(result)


def pooled_by_hand(params, ids, length, compat):
    """(weights, context): over the words, or over all PADDED positions."""
    states = np.zeros((PADDED, 2 * HIDDEN))
    states[:length] = states_by_hand(params, ids[:length])
    count = PADDED if compat else max(length - 1, 0)
    weights = np.zeros(PADDED)
    powers = np.exp(scores_by_hand(params, states[:count]))
    weights[:count] = powers / powers.sum() if count else 0
    return weights, weights @ states


@pytest.mark.parametrize("kind", ["masked", "compat"])
def test_a_look_is_the_loops(read, kind):
    result = read[kind](PARAMS, WORDS, LENGTHS)
    for row, length in enumerate(LENGTHS):
        weights, context = pooled_by_hand(
            PARAMS["params"], WORDS[row], length, kind == "compat"
        )
        size = result.weights.shape[1]
        np.testing.assert_allclose(
            result.weights[row], weights[:size], rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(result.contexts[row], context, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["masked", "compat"])
def test_more_padding_changes_nothing(read, kind):
    dirty = np.concatenate([WORDS, np.full((5, 2), 7)], axis=1)
    dirty[1, 4:], dirty[4] = 8, 5  # whatever stands beyond the lengths
    wide = read[kind](PARAMS, dirty, LENGTHS)
    result = read[kind](PARAMS, WORDS, LENGTHS)
    size = result.weights.shape[1]
    np.testing.assert_allclose(wide.contexts, result.contexts, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(wide.weights[:, :size], result.weights, rtol=1e-5)
    np.testing.assert_array_equal(wide.weights[:, size:], 0.0)


def test_masked_weights_are_of_words_and_those_of_compat_also_of_padding(read):
    masked, compat = (read[kind](PARAMS, WORDS, LENGTHS) for kind in read)
    words = np.arange(6) < LENGTHS[:, None] - 1
    np.testing.assert_array_equal(np.asarray(masked.weights)[~words], 0.0)
    np.testing.assert_allclose(masked.weights.sum(1), [1, 1, 1, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(compat.weights.sum(1), 1.0, rtol=1e-6)
    on_states = np.where(np.arange(PADDED) < LENGTHS[:, None], compat.weights, 0).sum(1)
    assert (np.diff(on_states) < 0).all()  # the shorter, the less is read of it


def test_gradients_are_finite_and_none_comes_from_padding():
    dirty = np.where(np.arange(6) < LENGTHS[:, None], WORDS, 8)

    @jax.jit
    def slopes(params):
        def total(params):
            contexts = MASKED.apply(params, dirty, LENGTHS).contexts
            return (contexts * jnp.arange(1.0, 31.0).reshape(5, 6)).sum()

        return jax.grad(total)(params)

    result = slopes(PARAMS)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result))
    table = np.asarray(result["params"]["embedding"])
    np.testing.assert_array_equal(table[8], 0.0)
    assert (np.abs(table[4:8]).max(axis=1) > 0).all()
    assert np.abs(result["params"]["query"]).max() > 0


@pytest.mark.parametrize("classes", [2, 5])
def test_logits_are_of_the_context(classes):
    model = make(classes=classes)
    params = parameters(model)
    contexts = np.random.default_rng(1).normal(size=(4, 3, 6)).astype(np.float32)
    result = model.apply(params, contexts, method="logits")
    weights_of_output = params["params"]
    expected = contexts @ weights_of_output["output"] + weights_of_output["output_bias"]
    if classes == 2:  # the logistic function of one logit
        share = 1 / (1 + np.exp(-expected[..., 0]))
        np.testing.assert_allclose(jax.nn.softmax(result)[..., 1], share, rtol=1e-5)
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_dropout_is_alike_for_all_that_might_be_read():
    model = make(classes=5, dropout=0.5)
    params = parameters(model)
    same = np.broadcast_to(np.float32([1, 2, 3, 4, 5, 6]), (8, 3, 6))
    rngs = {"dropout": jax.random.key(2)}
    result = model.apply(params, same, train=True, rngs=rngs, method="logits")
    np.testing.assert_array_equal(result[:, :1], result[:, 1:2])
    assert len(np.unique(np.asarray(result[:, 0, 0]))) > 2
    calm = model.apply(params, same, method="logits")
    assert len(np.unique(np.asarray(calm[:, 0, 0]))) == 1


def test_pooling_without_a_query_has_none():
    model = make(pooled("mean"), asks=False)
    assert "query" not in parameters(model)["params"]
    assert "query" in PARAMS["params"]


def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match="9 positions, but padded_to is 8"):
        wide = np.zeros((5, 9), np.int32)
        jax.eval_shape(COMPAT.apply, PARAMS, wide, LENGTHS)
    with pytest.raises(ValueError, match="classes is 1"):
        parameters(make(classes=1))
