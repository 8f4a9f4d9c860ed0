from functools import partial

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
        return greedy(
            Table.step, model.rows, carry, batch=batch, max_length=LENGTH, **options
        )

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


def agree(model, result, **options):
    for sentence in range(model.rows.shape[0]):
        each = {k: v[sentence] if k != "banned" else v for k, v in options.items()}
        words = follow(model, sentence, **each)
        padded = words + [0] * (LENGTH - len(words))
        assert result.tokens[sentence].tolist() == padded
        assert result.lengths[sentence] == len(words)
        np.testing.assert_allclose(
            result.scores[sentence], model.total(sentence, words), rtol=1e-5, atol=1e-6
        )
        rows = np.asarray(result.alignments[sentence])
        np.testing.assert_array_equal(rows[: len(words)], model.trace(words))
        np.testing.assert_array_equal(rows[len(words) :], 0)


@pytest.mark.parametrize(("seed", "slots"), [(0, None), (1, 1), (2, 2), (3, 4)])
def test_equals_a_loop(seed, slots):
    model = table(seed, batch=6, vocabulary=9)
    agree(model, run(model, slots=slots))


@pytest.mark.parametrize("slots", [None, 2])
def test_limits_minimums_and_banned_words(slots):
    model = table(7, batch=6, vocabulary=6)
    limits, minimums = [0, 1, 3, 9, 5, 4], [2, 0, 2, 9, 3, 0]
    options = {"limits": limits, "minimums": jnp.array(minimums), "slots": slots}
    result = run(model, banned=(0, 1, 3), **options)
    agree(model, result, limit=limits, minimum=minimums, banned=(0, 1, 3))
    assert not np.isin(result.tokens, [1, 3]).any()


def test_jit_equals_plain_and_stops_early():
    model = table(3, batch=4)
    rows = model.rows.copy()
    rows[..., EOS] = 50  # every sentence ends at once
    calls = []

    def step(memory, carry, tokens):
        jax.debug.callback(lambda: calls.append(1))
        return Table.step(memory, carry, tokens)

    def search(carry):
        return greedy(step, rows, carry, batch=4, max_length=LENGTH)

    plain, compiled = search(model.start()), jax.jit(search)(model.start())
    jax.effects_barrier()
    assert len(calls) == 2  # one step each
    jax.tree.map(np.testing.assert_array_equal, plain, compiled)
    assert plain.tokens[:, 0].tolist() == [EOS] * 4
    assert plain.lengths.tolist() == [1] * 4


@pytest.mark.parametrize(
    ("slots", "steps"),
    [
        (1, 27 * [1]),
        (2, 14 * [2]),
        (16, 9 * [16]),
        (None, 9 * [19]),
    ],
)
def test_one_that_ends_makes_room_for_the_next(slots, steps):
    limits = [1, 2, 0, 1, 9, 1, 1, *12 * [1]]  # the longest comes in first
    model = table(5, batch=len(limits))
    rows = model.rows.copy()
    rows[..., EOS] = -50  # none ends before its limit
    calls = []

    def step(memory, carry, tokens):
        jax.debug.callback(lambda: calls.append(len(tokens)))
        return Table.step(memory, carry, tokens)

    options = {"batch": len(limits), "limits": limits, "slots": slots}
    options |= {"max_length": LENGTH}
    result = jax.jit(lambda: greedy(step, rows, model.start(), **options))()
    jax.block_until_ready(result)
    jax.effects_barrier()
    assert sorted(calls, reverse=True) == steps
    assert result.lengths.tolist() == limits


@pytest.mark.parametrize("search", [greedy, partial(beam, beams=2)])
def test_many_slots_find_what_one_does(search):
    """Half of the slots go on alone at the end, with their own rows."""
    model = table(8, batch=40, vocabulary=9, scale=1.0)
    limits = [*range(LENGTH), *31 * [LENGTH]]
    options = {"batch": 40, "max_length": LENGTH, "limits": limits}

    def run_all(slots):
        return jax.jit(
            lambda: search(
                Table.step, model.rows, model.start(), slots=slots, **options
            )
        )()

    one = run_all(1)
    assert len(set(one.lengths.ravel().tolist())) > 5
    jax.tree.map(np.testing.assert_array_equal, one, run_all(16))


def test_neighbors_in_the_batch_change_nothing():
    @jax.jit
    def search(rows):
        start = Table(rows).start()
        return greedy(Table.step, rows, start, batch=len(rows), max_length=LENGTH)

    rows = table(11, batch=5, vocabulary=8).rows
    whole = search(rows)
    for sentence in range(5):
        alone = search(rows[sentence : sentence + 1])
        np.testing.assert_array_equal(alone.tokens[0], whole.tokens[sentence])


def test_half_precision_logits_are_summed_in_float32():
    model = table(5)

    def step(rows, carry, tokens):
        carry, logits, weights = Table.step(rows, carry, tokens)
        return carry, logits.astype(jnp.bfloat16), weights

    result = greedy(step, model.rows, model.start(), batch=3, max_length=LENGTH)
    assert result.scores.dtype == jnp.float32


def test_errors_name_what_does_not_fit():
    model = table(0)
    with pytest.raises(
        ValueError, match=r"carry\['code'\] has shape \(3,\).*batch of 2"
    ):
        greedy(Table.step, model.rows, model.start(), batch=2, max_length=4)
    with pytest.raises(
        ValueError, match=r"memory\['rows'\] has shape \(3, .*batch of 2"
    ):
        start = jax.tree.map(lambda leaf: leaf[:2], model.start())
        greedy(Table.step, {"rows": model.rows}, start, batch=2, max_length=4)
    with pytest.raises(ValueError, match="slots is 0"):
        run(model, slots=0)
    with pytest.raises(ValueError, match="limits has shape"):
        run(model, limits=[1, 2])
    with pytest.raises(ValueError, match="token 9 is not in the vocabulary of 5"):
        run(model, banned=(0, 9))
    with pytest.raises(ValueError, match="returns 2 weights, size is 3"):
        run(model, size=3)

    def grows(rows, carry, tokens):
        _, logits, weights = Table.step(rows, carry, tokens)
        return {"code": carry["code"] * 1.0}, logits, weights

    with pytest.raises(ValueError, match=r"carry\['code'\] from int32.*into float32"):
        greedy(grows, model.rows, model.start(), batch=3, max_length=4)

    def renames(rows, carry, tokens):
        carry, logits, weights = Table.step(rows, carry, tokens)
        return carry["code"], logits, weights

    with pytest.raises(ValueError, match="step turns a carry of"):
        greedy(renames, model.rows, model.start(), batch=3, max_length=4)

    def flat(rows, carry, tokens):
        carry, logits, weights = Table.step(rows, carry, tokens)
        return carry, logits[0], weights

    with pytest.raises(ValueError, match="logits of shape"):
        greedy(flat, model.rows, model.start(), batch=3, max_length=4)


def test_reads_the_start_word():
    model = table(2)
    result = run(model, bos=3)
    assert (result.alignments[:, 0, 1] == 3).all()
    assert (run(model).alignments[:, 0, 1] == BOS).all()


def test_searches_in_double_precision():
    with jax.enable_x64(True):
        model = table(6)
        model = model._replace(rows=model.rows.astype(np.float64))
        result = run(model)
        assert result.scores.dtype == np.float64
        agree(model, result)
        search = {"batch": 3, "beams": 3, "max_length": LENGTH}
        assert (
            beam(Table.step, model.rows, model.start(), **search).scores.dtype
            == np.float64
        )
