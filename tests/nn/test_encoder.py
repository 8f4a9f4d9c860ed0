"""Encoders against plain loops; order, padding and both ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.masking import length_mask
from attnlab.nn.cells import cell_named
from attnlab.nn.encoder import Encoder
from tests.nn import cells_by_hand

INPUTS, HIDDEN, SIZE = 3, 4, 5
LENGTHS = np.array([5, 3, 1, 0])
WORDS = np.random.default_rng(6).normal(size=(4, SIZE, INPUTS)).astype(np.float32)


def make(cell="cho-gru", **options):
    return Encoder(cell_named(cell), INPUTS, HIDDEN, **options)


def parameters(encoder):
    mask = length_mask(LENGTHS, SIZE)
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), WORDS, mask)
    return cells_by_hand.random_like(shapes)


def encode(encoder, params, words, lengths=LENGTHS, **options):
    @jax.jit
    def compiled(params, words, lengths):
        mask = length_mask(lengths, words.shape[1])
        return encoder.apply(params, words, mask, **options)

    return compiled(params, words, lengths)


@pytest.mark.parametrize(
    "cell, options",
    [
        ("lstm", {"layers": 2}),
        ("cho-gru", {"bidirectional": False, "reverse_source": True, "layers": 2}),
        ("gru", {"bidirectional": False}),
    ],
)
def test_annotations_are_the_loops(cell, options):
    encoder = make(cell, **options)
    params = parameters(encoder)
    actual = encode(encoder, params, WORDS)
    both = options.get("bidirectional", True)
    for row, length in enumerate(LENGTHS):
        values = WORDS[row, :length].astype(np.float64)
        for n in range(options.get("layers", 1)):
            runs = [
                cells_by_hand.run(
                    cell,
                    params["params"][f"layer{n}_{side}"],
                    values,
                    HIDDEN,
                    side == "backward" or options.get("reverse_source", False),
                )
                for side in (("forward", "backward") if both else ("forward",))
            ]
            values = np.concatenate([outputs for outputs, _ in runs], axis=1)
            finals = jax.tree.map(lambda leaf, row=row: leaf[row], actual.finals[n])
            expected = tuple(carry for _, carry in runs)
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
                finals,
                expected,
            )
        np.testing.assert_allclose(
            actual.values[row, :length], values, rtol=1e-4, atol=1e-6
        )
        np.testing.assert_array_equal(actual.values[row, length:], 0.0)
        end = cells_by_hand.output(cell, runs[-1][1])
        np.testing.assert_allclose(actual.summary[row], end, rtol=1e-4, atol=1e-6)


def test_the_summary_is_the_first_backward_annotation():
    encoder = make()
    actual = encode(encoder, parameters(encoder), WORDS)
    first = np.asarray(actual.values[:, 0, HIDDEN:])
    np.testing.assert_array_equal(actual.summary, first)


@pytest.mark.parametrize("row, last", [(0, 4), (1, 2)])
def test_the_last_word_is_seen_backwards_everywhere_and_forwards_at_the_end(row, last):
    """4.29: annotations are [forward; backward] of one position, padded or not."""
    encoder = make()
    params = parameters(encoder)
    other = WORDS.copy()
    other[row, last] += 1.0
    before = encode(encoder, params, WORDS).values
    moved = np.asarray(encode(encoder, params, other).values != before)
    assert not moved[:, :, :].any(axis=(1, 2))[np.arange(4) != row].any()
    assert not moved[row, :last, :HIDDEN].any()
    assert moved[row, : last + 1, HIDDEN:].all()
    assert moved[row, last, :HIDDEN].all()
    assert not moved[row, last + 1 :].any()


def test_a_reversed_source_turns_the_reading_and_not_the_order():
    """Annotation s has read word s and all after it; the summary has read them all."""
    encoder = make(bidirectional=False, reverse_source=True)
    params = parameters(encoder)
    actual = encode(encoder, params, WORDS)
    for row, length in enumerate(LENGTHS[:3]):
        for s in range(length):
            other = WORDS.copy()
            other[row, s] += 1.0
            changed = encode(encoder, params, other).values != actual.values
            moved = np.asarray(changed).any(axis=2)[row]
            np.testing.assert_array_equal(moved, np.arange(SIZE) <= s)
    np.testing.assert_array_equal(actual.summary, actual.values[:, 0])


def test_a_forward_encoder_ends_at_the_last_word():
    encoder = make("lstm", bidirectional=False)
    actual = encode(encoder, parameters(encoder), WORDS)
    assert actual.values.shape == (4, SIZE, HIDDEN)
    for row, length in enumerate(LENGTHS[:3]):
        np.testing.assert_array_equal(
            actual.summary[row], actual.values[row, length - 1]
        )
    np.testing.assert_array_equal(actual.summary[3], 0.0)


def test_padding_changes_nothing_and_gets_no_gradient():
    encoder = make("gru")
    params = parameters(encoder)
    mask = np.asarray(length_mask(LENGTHS, SIZE))
    actual = encode(encoder, params, WORDS)
    wide = np.full((4, SIZE + 3, INPUTS), 1e3, np.float32)
    wide[:, :SIZE][mask] = WORDS[mask]
    longer = encode(encoder, params, wide)
    np.testing.assert_array_equal(longer.values[:, SIZE:], 0.0)
    narrow = longer._replace(values=longer.values[:, :SIZE])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        narrow,
        actual,
    )

    @jax.jit
    @jax.grad
    def slope(words):
        encoded = encoder.apply(params, words, jnp.asarray(mask))
        return sum(jnp.sin(leaf).sum() for leaf in jax.tree.leaves(encoded))

    slopes = np.asarray(slope(jnp.asarray(WORDS)))
    assert np.all(slopes[~mask] == 0.0)
    assert np.all(np.abs(slopes[mask]).max(axis=-1) > 0.0)


def test_dropout_between_layers_in_training_alone():
    encoder, plain = make(layers=2, dropout=1 - 1e-6), make(layers=2)
    params = parameters(plain)
    rngs = {"dropout": jax.random.key(0)}
    np.testing.assert_array_equal(
        encode(encoder, params, WORDS).values, encode(plain, params, WORDS).values
    )
    # All but a millionth is dropped: the second layer hears nothing at all.
    deaf = jax.tree.map(np.copy, params)
    for side in ("forward", "backward"):
        deaf["params"][f"layer1_{side}"]["input"] *= 0.0
    actual = encode(encoder, params, WORDS, train=True, rngs=rngs)
    np.testing.assert_allclose(
        actual.values, encode(plain, deaf, WORDS).values, rtol=1e-5, atol=1e-6
    )


def test_two_directions_and_a_reversed_source_exclude_each_other(rng):
    encoder = make(bidirectional=True, reverse_source=True)
    with pytest.raises(ValueError, match="bidirectional"):
        encoder.init(rng, WORDS, length_mask(LENGTHS, SIZE))
