"""The model around the decoders: memory, vocabulary, dropout, errors."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import dense
from attnlab.nn import decoder_model
from attnlab.text import vocabulary
from tests.nn import by_hand
from tests.nn.by_hand import Case

SOURCE = np.array([[4, 5, 6, 7, 2], [8, 9, 2, 0, 0], [2, 0, 0, 0, 0], [0] * 5])
LENGTHS = np.array([5, 3, 1, 0])
TARGET = np.array([[4, 5, 2, 0], [6, 7, 8, 2], [5, 2, 0, 0], [0] * 4])

SMALL = Case(cell="gru", bidirectional=False)


def forward(model, params, target=TARGET, **options):
    return jax.jit(partial(model.apply, **options))(params, SOURCE, LENGTHS, target)


def test_bos_is_the_vocabularys():
    assert decoder_model.BOS == vocabulary.BOS


@pytest.mark.parametrize("included", [False, True])
def test_eos_in_memory_moves_the_mask_and_not_the_length(included):
    model = by_hand.make(SMALL._replace(eos_in_memory=included))
    params = by_hand.parameters(model)
    start = jax.jit(partial(model.apply, method="start"))
    memory, _ = start(params, SOURCE, LENGTHS)
    words = [4, 2, 0, 0]
    np.testing.assert_array_equal(memory.length, words)
    seen = LENGTHS if included else words
    np.testing.assert_array_equal(memory.mask, np.arange(5) < np.array(seen)[:, None])
    assert np.all(np.asarray(memory.values)[~np.asarray(memory.mask)] == 0.0)
    weights = np.asarray(forward(model, params).weights)
    total = np.repeat(np.array(seen)[:, None] > 0, 4, axis=1)
    np.testing.assert_allclose(weights.sum(axis=2), total, rtol=1e-6)
    assert np.all((weights > 0) == np.asarray(memory.mask)[:, None])


def test_eos_is_read_even_where_it_is_not_attended():
    """It ends the encoder's pass, so that the first state knows of it."""
    model = by_hand.make(SMALL)
    params = by_hand.parameters(model)
    encode = jax.jit(partial(model.apply, method="encode"))
    encoded = encode(params, SOURCE, LENGTHS)
    assert np.all(np.abs(encoded.values[1, 2]) > 0.0)
    np.testing.assert_array_equal(encoded.summary[1], encoded.values[1, 2])


def test_windows_look_in_the_order_of_the_words():
    """local-m at step t looks around word t, also where the source is read reversed."""
    case = SMALL._replace(reverse_source=True)
    model = by_hand.make(case, window="local-m")
    unrolled = forward(model, by_hand.parameters(model))
    weights = dense(unrolled.weights, unrolled.positions, 5)
    for t in range(4):  # half_width 1, four words
        expected = (np.abs(np.arange(5) - min(t, 3)) <= 1) & (np.arange(5) < 4)
        np.testing.assert_array_equal(weights[0, t] > 0, expected)


def test_inputs_are_the_target_shifted_by_bos():
    model = by_hand.make(SMALL)
    params = by_hand.parameters(model)
    embedded = model.apply(params, TARGET, method="embed_inputs")
    shifted = [[1, 4, 5, 2], [1, 6, 7, 8], [1, 5, 2, 0], [1, 0, 0, 0]]
    table = params["params"]["target_embedding"]
    np.testing.assert_array_equal(embedded, table[np.array(shifted)])


def test_tied_embeddings_read_out_with_the_target_table():
    model = by_hand.make(SMALL._replace(tied=True))
    params = by_hand.parameters(model)
    assert "vocabulary" not in params["params"]
    kernel, bias = model.apply(params, method="output_layer")
    np.testing.assert_array_equal(kernel, params["params"]["target_embedding"].T)
    np.testing.assert_array_equal(bias, params["params"]["vocabulary_bias"])
    free = by_hand.make(SMALL)
    params = by_hand.parameters(free)
    kernel, bias = free.apply(params, method="output_layer")
    np.testing.assert_array_equal(kernel, params["params"]["vocabulary"])
    readouts = np.ones((2, 3, by_hand.READOUTS), np.float32)
    actual = free.apply(params, readouts, method="logits")
    assert actual.shape == (2, 3, by_hand.TARGET)
    np.testing.assert_allclose(actual, readouts @ kernel + bias, rtol=1e-5)


def test_dropout_is_off_unless_training():
    case = Case(layers=2, bidirectional=False, input_feeding=False)
    plain, dropping = by_hand.make(case), by_hand.make(case, dropout=1 - 1e-6)
    params = by_hand.parameters(plain)
    expected = forward(plain, params)
    actual = forward(dropping, params)
    jax.tree.map(np.testing.assert_array_equal, actual, expected)
    # Nearly everything is dropped: words, what layers hear of those below, readouts.
    deaf = jax.tree.map(np.copy, params)
    deaf["params"]["source_embedding"] *= 0.0
    deaf["params"]["target_embedding"] *= 0.0
    deaf["params"]["encoder"]["layer1_forward"]["input"] *= 0.0
    deaf["params"]["decoder"]["layer1"]["input"] *= 0.0
    rngs = {"dropout": jax.random.key(0)}
    actual = forward(dropping, params, train=True, rngs=rngs)
    expected = forward(plain, deaf)
    np.testing.assert_allclose(actual.queries, expected.queries, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(actual.weights, expected.weights, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(actual.readouts, 0.0)


def test_dropout_follows_its_rng_and_its_rate():
    model = by_hand.make(SMALL, dropout=0.25)
    params = by_hand.parameters(model)

    @jax.jit
    def readouts(seed):
        rngs = {"dropout": jax.random.key(seed)}
        return model.apply(params, SOURCE, LENGTHS, TARGET, train=True, rngs=rngs)

    draws = np.array([readouts(seed).readouts for seed in range(20)])  # 1600 numbers
    assert np.mean(draws == 0.0) == pytest.approx(0.25, abs=0.05)
    np.testing.assert_array_equal(readouts(3).readouts, draws[3])
    assert np.any(draws[0] != draws[1])


def test_a_stack_is_dropped_alike_in_every_step():
    """Gal and Ghahramani 2016: one mask a sentence between the decoder's layers.

    With equal inputs in every step and cells that forget everything, steps differ only
    if their masks do.
    """
    case = Case(cell="cho-gru", layers=2, bidirectional=False, input_feeding=False)
    model = by_hand.make(case, dropout=0.5)
    params = by_hand.parameters(model)
    for n in range(2):
        layer = params["params"]["decoder"][f"layer{n}"]
        layer["bias"][by_hand.HIDDEN : 2 * by_hand.HIDDEN] = 50.0  # only the new
        layer["gates"] *= 0.0
        layer["candidate"] *= 0.0

    def run(module):
        memory, state = module.start(SOURCE, LENGTHS)
        embedded = jnp.ones((4, 4, by_hand.EMBEDDING))
        return module.decode.unroll(memory, state, embedded, train=True).queries

    rngs = {"dropout": jax.random.key(1)}
    queries = jax.jit(partial(model.apply, method=run))(params, rngs=rngs)
    queries = np.asarray(queries)
    np.testing.assert_allclose(queries, queries[:, :1].repeat(4, axis=1), rtol=1e-6)
    assert np.unique(queries[:, 0].round(5), axis=0).shape[0] > 1  # by sentence


@pytest.mark.parametrize(
    "case, message",
    [
        (Case(reverse_source=True), "bidirectional"),
        (Case(bidirectional=True, score="dot"), "4.*8"),
    ],
)
def test_errors_name_what_is_wrong(case, message, rng):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(by_hand.make(case).init, rng, SOURCE, LENGTHS, TARGET)
