"""Several heads: against the equation in NumPy, and head by head."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import attnlab
from attnlab.attention import Dims, build, dense, options_of
from attnlab.attention.heads import heads_of, multi_head
from attnlab.masking import length_mask
from tests.attention.test_contract import BY_NAME, HALF_WIDTH, MAX_LENGTH

DIMS = Dims(query=5, value=6, hidden=3)
HEADS, WORDS = 3, 6
# Normalizers know nothing of heads: one that is no softmax for all of them.
VARIANTS = [
    name
    for name, settings in BY_NAME.items()
    if settings.get("normalizer") != "entmax-1.5"
    and (settings.get("normalizer") != "sparsemax" or settings["score"] == "general")
]


def one_head(settings):
    options = {"half_width": HALF_WIDTH, "max_length": MAX_LENGTH, "chunk": 2}
    settings = {"normalizer": "softmax", "read": "soft"} | settings
    named = ("score", "window", "normalizer", "read")
    known = options_of(*(settings[name] for name in named))
    chosen = {name: options[name] for name in options if name in known}
    return build(**settings | chosen)


def sentence(size, rng):
    values = rng.normal(size=(size, DIMS.value)).astype(np.float32)
    mask = np.asarray(length_mask(jnp.array([WORDS]), size)[0])
    return jnp.asarray(values), jnp.asarray(mask), jnp.int32(WORDS)


@pytest.mark.parametrize("size", [9, 160])
def test_heads_of_dot_are_those_of_the_equation(size):
    """softmax(Q_h K_h^T) V_h, side by side, times W^O: by loops over heads, words."""
    rng = np.random.default_rng(0)
    inner = one_head({"score": "dot", "window": "global"})
    attention = multi_head(inner, HEADS)
    params = attention.init(jax.random.key(0), DIMS)
    values, mask, length = sentence(size, rng)
    query = rng.normal(size=DIMS.query).astype(np.float32)
    memory = attention.prepare(params, values, mask, length)
    out = attention.apply(
        params, query, memory, step=jnp.int32(0), carry=attention.start(memory)
    )
    side_by_side, alignments = [], []
    for h in range(HEADS):
        asked = query @ np.asarray(params["queries"][h])
        scores = [
            asked @ (np.asarray(values[s]) @ np.asarray(params["keys"][h]))
            for s in range(WORDS)
        ]
        weights = np.exp(scores - np.max(scores))
        weights /= weights.sum()
        alignments.append(np.pad(weights, (0, size - WORDS)))
        side_by_side += list(
            sum(
                weights[s] * (np.asarray(values[s]) @ np.asarray(params["values"][h]))
                for s in range(WORDS)
            )
        )
    expected = np.array(side_by_side) @ np.asarray(params["output"])
    np.testing.assert_allclose(out.context, expected, atol=1e-5)
    assert out.context.shape == (DIMS.value,)
    aligned = dense(out.weights, out.positions, size)
    np.testing.assert_allclose(aligned, np.mean(alignments, axis=0), atol=1e-6)
    each = dense(
        heads_of(out.weights, HEADS) * HEADS, heads_of(out.positions, HEADS), size
    )
    np.testing.assert_allclose(each, alignments, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_attention_is_that_of_its_heads(variant):
    """Three steps, whose carries go on; each head is the attention of one."""
    settings = BY_NAME[variant]
    inner = one_head(settings)
    attention = multi_head(inner, HEADS)
    params = attention.init(jax.random.key(1), DIMS)
    rng = np.random.default_rng(1)
    for size in (9, 160):
        values, mask, length = sentence(size, rng)
        memory = attention.prepare(params, values, mask, length)
        assert memory.values.shape == values.shape
        carry = attention.start(memory)
        alone = []
        for h in range(HEADS):
            of_head = jax.tree.map(lambda leaf, h=h: leaf[h], params["heads"])
            looked_at = inner.prepare(of_head, values @ params["keys"][h], mask, length)
            real = jnp.where(mask[:, None], values, 0)
            looked_at = looked_at._replace(values=real @ params["values"][h])
            alone.append([of_head, looked_at, inner.start(looked_at)])
        for step in range(3):
            query = rng.normal(size=DIMS.query).astype(np.float32)
            out = attention.apply(
                params, query, memory, step=jnp.int32(step), carry=carry
            )
            carry = out.carry
            contexts, total = [], 0.0
            for h, (of_head, looked_at, before) in enumerate(alone):
                read = inner.apply(
                    of_head,
                    query @ params["queries"][h],
                    looked_at,
                    step=jnp.int32(step),
                    carry=before,
                )
                alone[h][2] = read.carry
                contexts.append(read.context)
                total += dense(read.weights, read.positions, size) / HEADS
            expected = jnp.concatenate(contexts) @ params["output"]
            np.testing.assert_allclose(out.context, expected, atol=1e-5)
            aligned = dense(out.weights, out.positions, size)
            np.testing.assert_allclose(aligned, total, atol=1e-6)
            assert not np.asarray(aligned)[WORDS:].any()


def test_a_sentence_without_words_reads_nothing_and_has_gradients():
    attention = multi_head(one_head({"score": "general", "window": "local-p"}), 2)
    params = attention.init(jax.random.key(0), DIMS)
    mask = jnp.zeros(5, bool)

    def total(params, values):
        memory = attention.prepare(params, values, mask, jnp.int32(0))
        carry = attention.start(memory)
        query = jnp.ones(DIMS.query)
        out = attention.apply(params, query, memory, step=jnp.int32(0), carry=carry)
        return out.context.sum(), out

    values = jnp.ones((5, DIMS.value))
    (_, out), slopes = jax.value_and_grad(total, has_aux=True)(params, values)
    assert not out.weights.any() and not out.context.any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


@pytest.mark.parametrize(
    "heads, words", [(0, "heads is 0"), (7, "7 heads do not fit into values of 6")]
)
def test_heads_that_cannot_be_are_refused(heads, words):
    inner = one_head({"score": "dot", "window": "global"})
    with pytest.raises(ValueError, match=words):
        multi_head(inner, heads).init(jax.random.key(0), DIMS)


def test_heads_are_an_argument_of_the_front_door():
    """In a linen module, too: weights of all heads, put onto the sentence."""
    attend = attnlab.attention(score="dot", window="local-p", half_width=2, heads=2)
    layer = attnlab.flax.Attention(attend, hidden=4)
    rng = np.random.default_rng(0)
    query = rng.normal(size=(2, 3, 5)).astype(np.float32)
    values = rng.normal(size=(2, 7, 6)).astype(np.float32)
    lengths = jnp.array([7, 4])
    output, _ = layer.init_with_output(jax.random.key(0), query, values, lengths)
    assert output.context.shape == (2, 3, 6) and output.alignment.shape == (2, 3, 7)
    assert not np.asarray(output.alignment)[1, :, 4:].any()
    assert (np.asarray(output.alignment).sum(-1) <= 1 + 1e-5).all()
    with pytest.raises(ValueError, match="nothing to look at"):
        attnlab.attention(score="none", heads=2)
