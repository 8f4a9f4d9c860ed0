"""Every score x window x normalizer through one battery.

The same sentence of six words and an end mark is padded to 9 positions, where local
windows are masks, and to 160, where they are gathered: the two must agree.
"""

import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import (
    MONOTONIC,
    NORMALIZERS,
    SCORES,
    WINDOWS,
    Dims,
    build,
    dense,
    options_of,
)
from attnlab.masking import length_mask

DIMS = Dims(query=4, value=4, hidden=3)
HALF_WIDTH, MAX_LENGTH = 2, 5  # window of 5; the location score scores 5 positions
WORDS, REAL = 6, 7  # attendable: the words and the end mark
SHORT, LONG = 9, 160
SIZES = (SHORT, LONG)

SETTINGS = [
    {"score": score, "window": window, "normalizer": normalizer}
    for score, window, normalizer in itertools.product(SCORES, WINDOWS, NORMALIZERS)
]
SETTINGS += [
    {"score": score, "window": "local-p", "gaussian": "before"} for score in SCORES
]
SETTINGS += [
    {"score": score, "window": window, "coverage": True}
    for score, window in itertools.product(["additive", "general"], WINDOWS)
]
SETTINGS += [
    {"score": score, "window": "global", "normalizer": "mocha"}
    for score in ("general", "additive", "location", "uniform")
]
SETTINGS += [
    {"score": "general", "window": "global", "normalizer": "monotonic"},
    {"score": "additive", "window": "global", "normalizer": "mocha", "coverage": True},
]


def name(settings):
    return "-".join("coverage" if v is True else v for v in settings.values())


BY_NAME = {name(settings): settings for settings in SETTINGS}
every = pytest.mark.parametrize("variant", BY_NAME)


def walks(variant):
    return BY_NAME[variant].get("normalizer") in MONOTONIC


def recurs(variant):
    return walks(variant) or "coverage" in BY_NAME[variant]


def both(test):
    """The test on every variant, at both sizes (in a row: half as many test items)."""

    @every
    def at_both_sizes(variant):
        for size in SIZES:
            test(variant, size)

    return at_both_sizes


@functools.cache
def built(variant):
    chosen = BY_NAME[variant]
    takes = options_of(**{kind: chosen[kind] for kind in ("score", "window")})
    options = {"half_width": HALF_WIDTH, "max_length": MAX_LENGTH}
    options = {option: options[option] for option in takes & set(options)}
    attention = build(**chosen, **options)
    return attention, attention.init(jax.random.key(1), DIMS)


class Sentences(NamedTuple):
    """A batch: six words, the same with NaN for padding, one word only, nothing."""

    values: np.ndarray  # [4, size, C]
    mask: np.ndarray  # [4, size]
    length: np.ndarray  # [4]


WHOLE, HOLED, ONE, NONE = range(4)


@functools.cache
def sentences(size):
    rows = np.random.default_rng(2).normal(size=(REAL, DIMS.value))
    reals, paddings = np.array([REAL, REAL, 1, 0]), [9.0, np.nan, 9.0, 9.0]
    values = np.stack([np.full((size, DIMS.value), padding) for padding in paddings])
    for filled, real in zip(values, reals, strict=True):
        filled[:real] = rows[:real]
    mask = np.asarray(length_mask(reals, size))
    length = np.minimum(reals, WORDS).astype("int32")
    return Sentences(values.astype("float32"), mask, length)


random = np.random.default_rng(3)
QUERIES = random.normal(size=(2, DIMS.query)).astype("float32")
TARGET = random.normal(size=DIMS.value).astype("float32")


def read(attention, params, queries, sentence, step):
    """What this step reads, and the next too if that depends on it."""
    memory = attention.prepare(params, *sentence)
    carry = attention.start(memory)
    steps = []
    recurrent = jax.tree.leaves(carry) != []
    for later, query in enumerate(queries if recurrent else queries[:1]):
        aligned = attention.apply(params, query, memory, step=step + later, carry=carry)
        carry = aligned.carry
        steps.append(aligned)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *steps)


@functools.cache
def ran(variant, size):
    """Step 2 (and 3) on every sentence, and gradients through the contexts."""
    attention, params = built(variant)

    def loss(params, queries, values, mask, length):
        steps = read(attention, params, queries, Sentences(values, mask, length), 2)
        return jnp.sum(steps.context @ TARGET), steps

    gradient = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
    batched = jax.vmap(gradient, in_axes=(None, None, 0, 0, 0))
    gradients, steps = batched(params, QUERIES, *sentences(size))
    rows = dense(steps.weights, steps.positions, size)
    return jax.tree.map(np.asarray, (steps, rows, gradients))


def row(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


def assert_close(one, other, rtol=1e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6), one, other
    )


@both
def test_shapes(variant, size):
    steps, _, _ = ran(variant, size)
    is_local = BY_NAME[variant]["window"] != "global"
    width = 2 * HALF_WIDTH + 1 if is_local and size == LONG else size
    count = 2 if recurs(variant) else 1
    assert steps.context.shape == (4, count, DIMS.value)
    assert steps.weights.shape == steps.positions.shape == (4, count, width)
    assert steps.positions.dtype == np.int32
    assert steps.aux["centre"].shape == (4, count)
    assert (steps.aux["centre"] >= 0).all()
    assert (steps.aux["centre"] <= sentences(size).length[:, None]).all()


@both
def test_weights_are_a_distribution_over_real_positions(variant, size):
    steps, alignment, _ = ran(variant, size)
    assert (alignment >= 0).all()
    sums = alignment.sum(-1)
    assert (sums <= 1 + 1e-6).all()
    assert (sums[:NONE] > 0).all()
    if BY_NAME[variant]["window"] != "local-p" and not walks(variant):
        np.testing.assert_allclose(sums[:NONE], 1, rtol=1e-5)
    assert (alignment.swapaxes(1, 2)[~sentences(size).mask] == 0).all()
    if BY_NAME[variant]["score"] == "location":
        assert (alignment[..., MAX_LENGTH:] == 0).all()
    outside = (steps.positions < 0) | (steps.positions >= size)
    assert (steps.weights[outside] == 0).all()


@both
def test_context_is_the_weighted_sum_of_values(variant, size):
    steps, alignment, _ = ran(variant, size)
    values = np.nan_to_num(sentences(size).values)
    assert_close(steps.context, alignment @ values)


@every
def test_gathered_is_dense_and_padding_changes_nothing(variant):
    (short, some, gradients), (long, more, others) = (ran(variant, s) for s in SIZES)
    assert_close(short.context, long.context)
    assert_close(short.aux, long.aux)
    assert_close(some[..., :REAL], more[..., :REAL])
    cut = [(p, q, values[:, :REAL]) for p, q, values in (gradients, others)]
    assert_close(*cut, rtol=1e-4)


@both
def test_padding_gets_no_gradient_and_may_hold_anything(variant, size):
    _, _, gradients = everything = ran(variant, size)
    assert (gradients[2][~sentences(size).mask] == 0).all()
    assert gradients[2][WHOLE].any()
    jax.tree.map(np.testing.assert_array_equal, *(row(everything, i) for i in (0, 1)))


@both
def test_sentences_of_one_word_and_of_none_are_finite(variant, size):
    steps, alignment, gradients = everything = ran(variant, size)
    for leaf in jax.tree.leaves(everything):
        assert np.isfinite(leaf).all()
    assert (alignment[ONE, :, 0] > 0).all()
    nothing = (steps.context, alignment, gradients)
    assert not any(leaf.any() for leaf in jax.tree.leaves(row(nothing, NONE)))


@both
def test_compiled_once_and_batched_is_plain(variant, size):
    if size == LONG and BY_NAME[variant]["window"] == "global":
        return  # the same path
    attention, params = built(variant)
    traces = []

    @jax.jit
    def batched(sentences, step):
        traces.append(step)
        plain = functools.partial(read, attention, params, QUERIES[:1])
        return jax.vmap(plain, in_axes=(0, None))(sentences, step)

    batched(sentences(size), np.int32(5))
    together = batched(sentences(size), np.int32(2))
    assert len(traces) == 1
    alone = read(attention, params, QUERIES[:1], row(sentences(size), WHOLE), 2)
    assert_close(row(together, WHOLE), alone)
    steps, _, _ = ran(variant, size)  # not compiled
    assert_close(together.weights[:, 0], steps.weights[:, 0])


@every
def test_steps_depend_on_each_other_only_by_coverage_and_where_they_stopped(variant):
    for size in SIZES:
        steps, alignment, _ = ran(variant, size)
        if not recurs(variant):
            assert steps.carry == ()
        stops = steps.carry[0] if walks(variant) else alignment
        np.testing.assert_allclose(stops.sum(-1), alignment.sum(-1), rtol=1e-5)
        if "coverage" in BY_NAME[variant]:
            coverage = steps.carry[1] if walks(variant) else steps.carry
            np.testing.assert_allclose(coverage[:, -1], alignment.sum(1), rtol=1e-5)


@every
def test_steps_are_batched_where_they_make_one_matrix_product(variant):
    chosen = BY_NAME[variant]
    form_little = chosen["score"] not in ("additive", "concat", "concat-luong2015")
    batched = form_little and not recurs(variant)
    attention, _ = built(variant)
    assert attention.batch_steps(SHORT) == batched
    assert attention.batch_steps(LONG) == (batched and chosen["window"] == "global")
