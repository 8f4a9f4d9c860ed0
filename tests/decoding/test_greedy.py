import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.decoding import beam, greedy
from tests.decoding.table import BOS, EOS, Table, table

LENGTH = 9


def run(model, **options):
    def search(carry):
        batch = model.rows.shape[0]
        return greedy(model.step, carry, batch=batch, max_length=LENGTH, **options)

    return jax.jit(search)(model.start())


def follow(model, sentence, limit=LENGTH, minimum=0, banned=(0, 1)):
    """Greedy search as a loop over one sentence."""
    words = []
    while len(words) < limit and words[-1:] != [EOS]:
        code = int(model.trace([*words, 0])[-1, 0])
        logits = model.rows[sentence, code].copy()
        logits[list(banned)] = -np.inf
        if len(words) < minimum:
            logits[EOS] = -np.inf
        words.append(int(np.argmax(logits)))
    return words


def agree(model, found, **options):
    for sentence in range(model.rows.shape[0]):
        each = {k: v[sentence] if k != "banned" else v for k, v in options.items()}
        words = follow(model, sentence, **each)
        padded = words + [0] * (LENGTH - len(words))
        assert found.tokens[sentence].tolist() == padded
        assert found.lengths[sentence] == len(words)
        np.testing.assert_allclose(
            found.scores[sentence], model.total(sentence, words), rtol=1e-5, atol=1e-6
        )
        rows = np.asarray(found.alignments[sentence])
        np.testing.assert_array_equal(rows[: len(words)], model.trace(words))
        np.testing.assert_array_equal(rows[len(words) :], 0)


@pytest.mark.parametrize("seed", range(4))
def test_equals_a_loop(seed):
    model = table(seed, batch=6, vocabulary=9)
    agree(model, run(model))


def test_limits_minimums_and_banned_words():
    model = table(7, batch=6, vocabulary=6)
    limits, minimums = [0, 1, 3, 9, 5, 4], [2, 0, 2, 9, 3, 0]
    found = run(model, limits=limits, minimums=jnp.array(minimums), banned=(0, 1, 3))
    agree(model, found, limit=limits, minimum=minimums, banned=(0, 1, 3))
    assert not np.isin(found.tokens, [1, 3]).any()


def test_jit_equals_plain_and_stops_early():
    model = table(3, batch=4)
    rows = model.rows.copy()
    rows[..., EOS] = 50  # every sentence ends at once
    calls = []

    def step(carry, tokens):
        jax.debug.callback(lambda: calls.append(1))
        return model._replace(rows=rows).step(carry, tokens)

    def search(carry):
        return greedy(step, carry, batch=4, max_length=LENGTH)

    plain, compiled = search(model.start()), jax.jit(search)(model.start())
    jax.effects_barrier()
    assert len(calls) == 2  # one step each
    jax.tree.map(np.testing.assert_array_equal, plain, compiled)
    assert plain.tokens[:, 0].tolist() == [EOS] * 4
    assert plain.lengths.tolist() == [1] * 4


def test_neighbours_in_the_batch_change_nothing():
    @jax.jit
    def search(rows):
        model = Table(rows)
        return greedy(model.step, model.start(), batch=len(rows), max_length=LENGTH)

    rows = table(11, batch=5, vocabulary=8).rows
    whole = search(rows)
    for sentence in range(5):
        alone = search(rows[sentence : sentence + 1])
        np.testing.assert_array_equal(alone.tokens[0], whole.tokens[sentence])


def test_half_precision_logits_are_summed_in_float32():
    model = table(5)

    def step(carry, tokens):
        carry, logits, weights = model.step(carry, tokens)
        return carry, logits.astype(jnp.bfloat16), weights

    found = greedy(step, model.start(), batch=3, max_length=LENGTH)
    assert found.scores.dtype == jnp.float32


def test_errors_name_what_does_not_fit():
    model = table(0)
    with pytest.raises(
        ValueError, match=r"carry\['code'\] has shape \(3,\).*batch of 2"
    ):
        greedy(model.step, model.start(), batch=2, max_length=4)
    with pytest.raises(ValueError, match="limits has shape"):
        run(model, limits=[1, 2])
    with pytest.raises(ValueError, match="token 9 is not in the vocabulary of 5"):
        run(model, banned=(0, 9))
    with pytest.raises(ValueError, match="returns 2 weights, size is 3"):
        run(model, size=3)

    def grows(carry, tokens):
        _, logits, weights = model.step(carry, tokens)
        return {"code": carry["code"] * 1.0}, logits, weights

    with pytest.raises(ValueError, match=r"carry\['code'\] from int32.*into float32"):
        greedy(grows, model.start(), batch=3, max_length=4)

    def renames(carry, tokens):
        carry, logits, weights = model.step(carry, tokens)
        return carry["code"], logits, weights

    with pytest.raises(ValueError, match="step turns a carry of"):
        greedy(renames, model.start(), batch=3, max_length=4)

    def flat(carry, tokens):
        carry, logits, weights = model.step(carry, tokens)
        return carry, logits[0], weights

    with pytest.raises(ValueError, match="logits of shape"):
        greedy(flat, model.start(), batch=3, max_length=4)


def test_reads_the_start_word():
    model = table(2)
    found = run(model, bos=3)
    assert (found.alignments[:, 0, 1] == 3).all()
    assert (run(model).alignments[:, 0, 1] == BOS).all()


def test_searches_in_double_precision():
    with jax.enable_x64(True):
        model = table(6)
        model = model._replace(rows=model.rows.astype(np.float64))
        found = run(model)
        assert found.scores.dtype == np.float64
        agree(model, found)
        search = {"batch": 3, "beams": 3, "max_length": LENGTH}
        assert beam(model.step, model.start(), **search).scores.dtype == np.float64
