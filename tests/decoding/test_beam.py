from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.decoding import LENGTH_PENALTIES, beam, greedy
from tests.decoding.table import EOS, Table, brute_force, table


def run(model, beams, length, **options):
    def search(carry):
        batch = model.rows.shape[0]
        return beam(
            Table.step,
            model.rows,
            carry,
            batch=batch,
            beams=beams,
            max_length=length,
            **options,
        )

    return jax.jit(search)(model.start())


def hypotheses(result, sentence):
    """[(score, words)] of the places that hold one; the others must be empty."""
    listed = []
    for tokens, length, score in zip(
        result.tokens[sentence],
        result.lengths[sentence].tolist(),
        result.scores[sentence].tolist(),
        strict=True,
    ):
        assert not tokens[length:].any()
        if score == -np.inf:
            assert length == 0
        else:
            listed.append((score, tuple(tokens[:length].tolist())))
    return listed


def equal(got, expected):
    assert [words for _, words in got] == [words for _, words in expected]
    np.testing.assert_allclose(
        [score for score, _ in got], [score for score, _ in expected], rtol=1e-5
    )


def follows_back_pointers(model, result):
    """Each alignment is the history of its own hypothesis, zero after it."""
    for sentence in range(model.rows.shape[0]):
        for place, length in enumerate(result.lengths[sentence].tolist()):
            words = result.tokens[sentence, place, :length].tolist()
            rows = np.asarray(result.alignments[sentence, place])
            np.testing.assert_array_equal(rows[:length], model.trace(words))
            np.testing.assert_array_equal(rows[length:], 0)


@pytest.mark.parametrize("penalty", ["none", "average"])
@pytest.mark.parametrize("stop", ["all", "best"])
def test_beam_of_one_is_greedy(penalty, stop):
    model = table(1, batch=8, vocabulary=7)
    limits, minimums = [0, 1, 3, 9, 9, 9, 9, 5], [0, 0, 2, 0, 0, 0, 4, 9]
    options = {"limits": limits, "minimums": minimums, "banned": (0, 1, 3)}
    one = run(model, 1, 9, length_penalty=penalty, stop=stop, **options)
    best = greedy(
        Table.step, model.rows, model.start(), batch=8, max_length=9, **options
    )
    np.testing.assert_array_equal(one.tokens[:, 0], best.tokens)
    np.testing.assert_array_equal(one.lengths[:, 0], best.lengths)
    np.testing.assert_array_equal(one.alignments[:, 0], best.alignments)
    lengths = np.maximum(best.lengths, 1) if penalty == "average" else 1
    np.testing.assert_allclose(one.scores[:, 0], best.scores / lengths, rtol=1e-5)


@pytest.mark.parametrize("name", LENGTH_PENALTIES)
@pytest.mark.parametrize("seed", range(3))
def test_wide_beam_is_brute_force(name, seed):
    # 3 words after bans: 1 + 2 + 4 + 8 ended and 16 cut off = 31 hypotheses
    model = table(seed, batch=3, vocabulary=5)
    result = run(model, 40, 4, length_penalty=name, alpha=0.8)
    for sentence in range(3):
        expected = brute_force(model, sentence, limit=4, name=name, alpha=0.8)
        assert len(expected) == 31
        equal(hypotheses(result, sentence), expected)
    follows_back_pointers(model, result)


def test_wide_beam_with_limits_and_minimums():
    model = table(9, batch=5, vocabulary=5, scale=1.0)
    limits, minimums = [0, 1, 3, 4, 2], [0, 0, 2, 3, 4]
    result = run(model, 40, 4, limits=limits, minimums=minimums, slots=2)
    for sentence in range(5):
        expected = brute_force(
            model, sentence, limit=limits[sentence], minimum=minimums[sentence]
        )
        equal(hypotheses(result, sentence), expected)
    follows_back_pointers(model, result)


@pytest.mark.parametrize(("beams", "slots"), [(2, None), (3, 1), (5, 4)])
def test_narrow_beam_equals_a_loop(beams, slots):
    model = table(beams, batch=6, vocabulary=8, scale=1.5)
    result = run(model, beams, 7, slots=slots)
    for sentence in range(6):
        equal(hypotheses(result, sentence), loop(model, sentence, beams, 7))
    follows_back_pointers(model, result)


def loop(model, sentence, beams, limit):
    """Bahdanau's sample.py: what ends leaves the beam, which shrinks by one."""
    live, ended = [(0.0, ())], []
    for _ in range(limit):
        reached = []
        for _, words in live:
            for word in range(2, model.rows.shape[2]):
                longer = (*words, word)
                reached.append((model.total(sentence, longer), longer))
        reached = sorted(reached, reverse=True)[: beams - len(ended)]
        ended += [pair for pair in reached if pair[1][-1] == EOS]
        live = [pair for pair in reached if pair[1][-1] != EOS]
    return sorted(ended, reverse=True) + sorted(live, reverse=True)


@pytest.mark.parametrize("name", LENGTH_PENALTIES)
def test_stopping_at_the_best_finds_the_same_best_in_fewer_steps(name):
    def search(rows, *, stop):
        def step(rows, carry, tokens):
            jax.debug.callback(lambda: steps.append(1))
            return Table.step(rows, carry, tokens)

        options = {"beams": 4, "max_length": 25, "length_penalty": name, "stop": stop}
        return beam(step, rows, Table(rows).start(), batch=1, **options)

    steps, fewer = [], 0
    full, early = (jax.jit(partial(search, stop=stop)) for stop in ("all", "best"))
    for rows in table(4, batch=20, vocabulary=12, scale=3.0).rows:
        counts, result = [], []
        for each in (full, early):
            steps.clear()
            result.append(each(rows[None]))
            jax.effects_barrier()
            counts.append(len(steps))
        np.testing.assert_array_equal(result[0].tokens[:, 0], result[1].tokens[:, 0])
        np.testing.assert_array_equal(result[0].scores[:, 0], result[1].scores[:, 0])
        assert counts[1] <= counts[0]
        fewer += counts[1] < counts[0]
    assert fewer > 0


@pytest.mark.parametrize("stop", ["all", "best"])
def test_neighbors_in_the_batch_change_nothing(stop):
    @jax.jit
    def search(rows):
        start = Table(rows).start()
        options = {"batch": len(rows), "beams": 4, "max_length": 12, "stop": stop}
        return beam(Table.step, rows, start, **options)

    rows = table(13, batch=5, vocabulary=9).rows
    whole = search(rows)
    for sentence in range(5):
        alone = search(rows[sentence : sentence + 1])
        np.testing.assert_array_equal(alone.tokens[0], whole.tokens[sentence])
        np.testing.assert_allclose(alone.scores[0], whole.scores[sentence], rtol=1e-6)


def test_jit_equals_plain():
    model = table(17, batch=4, vocabulary=9)

    def search(carry, limits):
        options = {"batch": 4, "beams": 3, "max_length": 8}
        return beam(Table.step, model.rows, carry, limits=limits, **options)

    limits = jnp.array([8, 2, 0, 5])
    plain = search(model.start(), limits)
    compiled = jax.jit(search)(model.start(), limits)
    for name in ("tokens", "lengths", "alignments"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(compiled, name))
    np.testing.assert_allclose(plain.scores, compiled.scores, rtol=1e-6)


def test_a_long_vocabulary_uses_the_same_search():
    model = table(19, batch=2, vocabulary=1100)
    result = run(model, 3, 4)
    for sentence in range(2):
        equal(hypotheses(result, sentence), loop(model, sentence, 3, 4))


def test_every_leaf_of_the_carry_follows_its_hypothesis():
    model = table(23, batch=3, vocabulary=6)

    def step(rows, carry, tokens):
        inner, logits, weights = Table.step(rows, carry["inner"], tokens)
        past = carry["past"].at[:, 1:].set(carry["past"][:, :-1])
        past = past.at[:, 0].set(tokens)
        return {"inner": inner, "past": past}, logits, past.astype(jnp.float32)

    carry = {"inner": model.start(), "past": jnp.zeros((3, 6), jnp.int32)}
    result = beam(step, model.rows, carry, batch=3, beams=4, max_length=6)
    for tokens, length, rows in zip(
        np.asarray(result.tokens).reshape(12, 6),
        np.asarray(result.lengths).reshape(12),
        np.asarray(result.alignments).reshape(12, 6, 6),
        strict=True,
    ):
        words = [1, *tokens[: length - 1].tolist()]  # newest first in the last row
        assert rows[length - 1].tolist() == words[::-1] + [0] * (6 - length)


def test_errors_name_the_choices():
    model = table(0)
    with pytest.raises(ValueError, match="unknown length penalty 'wu'; choose none, a"):
        run(model, 2, 4, length_penalty="wu")
    with pytest.raises(ValueError, match="unknown stop 'first'; choose all, best"):
        run(model, 2, 4, stop="first")
    with pytest.raises(ValueError, match="beams is 0"):
        run(model, 0, 4)
    with pytest.raises(ValueError, match="alpha is -1"):
        run(model, 2, 4, alpha=-1)
    with pytest.raises(ValueError, match="first axis must be the batch of 3"):
        beam(Table.step, model.rows, jnp.zeros(()), batch=3, beams=2, max_length=4)
