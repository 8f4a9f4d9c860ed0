"""The batched linen module against the record it wraps, one query at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import build
from attnlab.attention.alignment import dense
from attnlab.attention.base import SampleSpec
from attnlab.attention.flax import Attention

B, T, S, Q, C, HIDDEN = 3, 4, 7, 6, 6, 5
LENGTHS = np.array([7, 3, 0])
CHOICES = {
    "dot": build("dot"),
    "additive": build("additive", normalizer="sparsemax"),
    "local-m": build("general", "local-m", half_width=1),
    "local-p": build("general", "local-p", half_width=2),
    "coverage": build("additive", coverage=True),
    "top-k": build("general", read="top-k", k=2),
}


def batch(seed=0):
    random = np.random.default_rng(seed)
    query = random.normal(size=(B, T, Q)).astype(np.float32)
    values = random.normal(size=(B, S, C)).astype(np.float32)
    return query, values, LENGTHS


def layer_of(name):
    layer = Attention(CHOICES[name], hidden=HIDDEN)
    return layer, layer.init(jax.random.key(0), *batch())


def one_by_one(attention, params, query, values, length, key=None):
    """Contexts [T, C] and alignment [T, S] of one sentence, by the record alone."""
    mask = np.arange(S) < length
    memory = attention.prepare(params, values, mask, length)
    carry, contexts, alignment = attention.start(memory), [], []
    for step in range(T):
        draw = None if key is None else SampleSpec(key[step])
        output = attention.apply(
            params, query[step], memory, step=step, carry=carry, draw=draw
        )
        carry = output.carry
        contexts.append(output.context)
        alignment.append(dense(output.weights, output.positions, S))
    return np.stack(contexts), np.stack(alignment)


@pytest.mark.parametrize("name", CHOICES)
def test_a_batch_is_its_sentences_one_by_one(name):
    layer, variables = layer_of(name)
    query, values, lengths = batch()
    output = jax.jit(layer.apply)(variables, query, values, lengths)
    assert output.context.shape == (B, T, C)
    assert output.alignment.shape == (B, T, S)
    for b in range(B):
        contexts, alignment = one_by_one(
            layer.attention,
            variables["params"]["attention"],
            query[b],
            values[b],
            lengths[b],
        )
        np.testing.assert_allclose(output.context[b], contexts, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(output.alignment[b], alignment, rtol=1e-4, atol=1e-6)
        assert not np.asarray(output.alignment[b])[:, lengths[b] :].any()


@pytest.mark.parametrize("name", ["local-m", "coverage"])
def test_step_by_step_reads_what_all_steps_at_once_read(name):
    layer, variables = layer_of(name)
    query, values, lengths = batch()
    whole = layer.apply(variables, query, values, lengths)
    memory = layer.apply(variables, values, lengths, method="prepare")
    carry = layer.apply(variables, memory, method="start")
    for t in range(T):
        output = layer.apply(variables, query[:, t], memory, t, carry, method="step")
        carry = output.carry
        np.testing.assert_allclose(
            output.context, whole.context[:, t], rtol=1e-5, atol=1e-6
        )
    for last, of_whole in zip(
        jax.tree.leaves(carry), jax.tree.leaves(whole.carry), strict=True
    ):
        np.testing.assert_allclose(last, of_whole, rtol=1e-5, atol=1e-6)


def test_padding_is_not_read_and_has_no_gradient():
    layer, variables = layer_of("additive")
    query, values, lengths = batch()

    def total(values):
        return layer.apply(variables, query, values, lengths).context.sum()

    spoilt = values.copy()
    spoilt[1, 3:] = np.nan
    assert total(spoilt) == pytest.approx(float(total(values)), rel=1e-6)
    slope = np.asarray(jax.grad(total)(jnp.asarray(values)))
    assert np.abs(slope[1, :3]).max() > 0
    assert not slope[1, 3:].any() and not slope[2].any()


def test_a_hard_read_samples_by_its_weights_and_means_them_without_a_key():
    layer = Attention(build("general", read="hard"), hidden=HIDDEN)
    query, values, lengths = batch()
    variables = layer.init(jax.random.key(0), query, values, lengths)
    expected = layer.apply(variables, query, values, lengths)
    np.testing.assert_allclose(expected.reads, expected.weights, rtol=1e-6)

    def draw(key):
        rngs = {"sample": key}
        return layer.apply(variables, query, values, lengths, rngs=rngs).reads

    reads = np.asarray(jax.vmap(draw)(jax.random.split(jax.random.key(1), 4000)))
    assert set(np.unique(reads[:, :2])) == {0.0, 1.0}
    np.testing.assert_allclose(reads.mean(axis=0), expected.weights, atol=0.04)


def test_shapes_that_do_not_fit_are_named():
    layer, variables = layer_of("dot")
    query, values, lengths = batch()
    with pytest.raises(ValueError, match=r"\(3, 4, 6\).*\(2, 7, 6\)"):
        layer.apply(variables, query, values[:2], lengths)
    with pytest.raises(ValueError, match=r"\(3, 6\)"):
        layer.apply(variables, query[:, 0], values, lengths)


def test_parameters_are_asked_for_by_name():
    layer, _ = layer_of("dot")
    _, values, lengths = batch()
    with pytest.raises(ValueError, match="init"):
        layer.apply({}, values, lengths, method="prepare")
