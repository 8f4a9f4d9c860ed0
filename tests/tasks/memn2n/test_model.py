"""Memory networks against loops written from the paper's equations."""

import math
from collections import Counter
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention.base import SampleSpec
from attnlab.attention.compose import attention
from attnlab.attention.normalizers import softmax
from attnlab.attention.presets import build
from attnlab.attention.reads import hard
from attnlab.attention.scores import dot
from attnlab.attention.windows import global_window
from attnlab.tasks.memn2n.encodings import ENCODINGS
from attnlab.tasks.memn2n.model import MemN2N, StoryLSTM, recency

WORDS, WIDTH, MEMORY = 9, 4, 6
FAST = {"xla_backend_optimization_level": 0}

# Three stories of 4, 2 and 0 sentences; the texts have 0 to 3 words.
TEXTS = np.array([[0, 0, 0], [4, 5, 0], [6, 5, 7], [8, 0, 0], [4, 7, 0]], np.int32)
STORIES = np.array([[1, 2, 3, 1], [2, 1, 0, 0], [0, 0, 0, 0]], np.int32)
LENGTHS = np.array([4, 2, 0], np.int32)
QUESTIONS = np.array([4, 3, 4], np.int32)
TIMES = np.array([[5, 3, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], np.int32)
INPUTS = (TEXTS, STORIES, LENGTHS, QUESTIONS, TIMES)


def as_they_are(scores, valid):
    return jnp.where(valid, scores, 0)


def network(**options):
    linear = attention(dot(), global_window(), as_they_are)
    chosen = {"attention": build("dot"), "linear": linear, "hops": 2} | options
    return MemN2N(WORDS, width=WIDTH, memory=MEMORY, **chosen)


@pytest.fixture(scope="module")
def drawn():
    """Parameters of any network: drawn anew, and large enough to tell things apart."""

    def draw(model):
        shapes = jax.eval_shape(
            partial(model.init, method="parameters"), jax.random.key(0)
        )
        rng = np.random.default_rng(3)
        return jax.tree.map(
            lambda leaf: rng.normal(0, 0.7, leaf.shape).astype(np.float32), shapes
        )

    return draw


def answers(model, params, inputs=INPUTS, **options):
    run = jax.jit(partial(model.apply, **options), compiler_options=FAST)
    return run(params, *inputs)


# ---- by hand: loops over words, sentences and hops ---------------------------------


def share(encoding, j, k, words, longest):
    """The share of word j in dimension k, both counted from 1."""
    if encoding == "bag":
        return 1.0
    if encoding == "position":
        return (1 - j / words) - (k / WIDTH) * (1 - 2 * j / words)
    centred = (k - (WIDTH + 1) / 2) * (j - (longest + 1) / 2)
    return 1 + 4 * centred / (WIDTH * longest)


def places_of(text, encoding, temporal):
    """Words of the longest sentence; a time is one of them in the released code."""
    return len(text) + (encoding == "released" and temporal)


def embed_by_hand(table, text, encoding, temporal):
    words = [word for word in text if word != 0]
    places = places_of(text, encoding, temporal)
    vector = np.zeros(WIDTH)
    for j, word in enumerate(words, 1):
        for k in range(1, WIDTH + 1):
            vector[k - 1] += (
                share(encoding, j, k, len(words), places) * table[word][k - 1]
            )
    return vector


def time_by_hand(table, time, text, encoding):
    if encoding != "released":
        return table[time]
    places = places_of(text, encoding, True)
    return [
        share(encoding, places, k, None, places) * table[time][k - 1]
        for k in range(1, WIDTH + 1)
    ]


def answer_by_hand(params, inputs, row, tying, encoding, temporal, empty, linear=False):
    """Logits, and the weights of both hops."""
    texts, stories, lengths, questions, times = inputs
    p = params["params"]
    tables = {
        "adjacent": {"b": 0, "a": [0, 1], "c": [1, 2], "w": 2},
        "layer-wise": {"b": 2, "a": [0, 0], "c": [1, 1], "w": 3},
    }[tying]

    def embedded(table, place):
        if place >= lengths[row]:
            return np.zeros(WIDTH)
        text = texts[stories[row, place]]
        vector = embed_by_hand(p["words"][table], text, encoding, temporal)
        if not temporal:
            return vector
        time = times[row, place]
        return vector + time_by_hand(p["times"][table], time, text, encoding)

    asked = texts[questions[row]]
    u = embed_by_hand(p["words"][tables["b"]], asked, encoding, temporal)
    size, every = stories.shape[1], []
    for hop in range(2):
        m = [embedded(tables["a"][hop], place) for place in range(size)]
        c = [embedded(tables["c"][hop], place) for place in range(size)]
        scores = [float(u @ vector) for vector in m]
        seen = range(size) if empty else range(lengths[row])
        weights = np.zeros(size)
        for place in seen:
            weights[place] = (
                scores[place]
                if linear
                else np.exp(scores[place]) / sum(np.exp(scores[i]) for i in seen)
            )
        o = sum(weights[place] * c[place] for place in range(size))
        u = (u @ p["carrying"] if tying == "layer-wise" else u) + o
        every.append(weights)
    return p["words"][tables["w"]] @ u, np.array(every)


VARIANTS = [
    ("adjacent", "released", True, True),
    ("adjacent", "released", False, True),
    ("adjacent", "released-words", True, True),
    ("adjacent", "bag", False, False),
    ("layer-wise", "position", True, False),
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(map(str, v)))
def test_a_pass_equals_the_papers_equations(drawn, variant):
    tying, encoding, temporal, empty = variant
    model = network(
        tying=tying, encoding=encoding, temporal=temporal, empty_slots=empty
    )
    params = drawn(model)
    for linear in (False, True):
        outputs = answers(model, params, linear=jnp.asarray(linear))
        for row in range(len(LENGTHS)):
            logits, weights = answer_by_hand(params, INPUTS, row, *variant, linear)
            np.testing.assert_allclose(
                outputs.logits[row], logits, rtol=1e-4, atol=1e-5
            )
            np.testing.assert_allclose(
                outputs.weights[row], weights, rtol=1e-4, atol=1e-5
            )
            np.testing.assert_array_equal(outputs.reads[row], outputs.weights[row])


@pytest.mark.parametrize("temporal", [True, False])
def test_the_released_encoding_weighs_a_time_as_the_last_word(drawn, temporal):
    """Against the released code's way: a column of word numbers for each memory, as
    long as the longest sentence, with one place more at its end for a time word."""
    model = network(encoding="released", temporal=temporal)
    params = drawn(model)
    longest = TEXTS.shape[1]
    places = longest + 1 if temporal else longest
    weight = np.zeros((WIDTH, places))
    for i in range(1, WIDTH + 1):
        for j in range(1, places + 1):
            weight[i - 1, j - 1] = (i - (WIDTH + 1) / 2) * (j - (places + 1) / 2)
    weight = 1 + 4 * weight / WIDTH / places
    count = model.hops + 1
    expected = np.zeros((*STORIES.shape, count, WIDTH))
    asked = np.zeros((len(QUESTIONS), WIDTH))
    for table in range(count):
        words = params["params"]["words"][table].copy()
        words[0] = 0  # nil
        # Times are words behind the others, as in the code's one vocabulary.
        times = params["params"]["times"][table] if temporal else np.zeros((0, WIDTH))
        vocabulary = np.concatenate([words, times])
        for row, length in enumerate(LENGTHS):
            for place in range(length):
                column = list(TEXTS[STORIES[row, place]])
                if temporal:
                    column.append(WORDS + TIMES[row, place])
                for j, word in enumerate(column):
                    expected[row, place, table] += weight[:, j] * vocabulary[word]
            if table == 0:
                for j, word in enumerate(TEXTS[QUESTIONS[row]]):
                    asked[row] += weight[:, j] * vocabulary[word]
    query, memories = model.apply(params, *INPUTS, method="encoded")
    np.testing.assert_allclose(memories, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(query, asked, rtol=1e-5, atol=1e-6)


def test_what_a_time_counts_in_babis_first_task():
    """20 dimensions and sentences of 6 words at most: J is 7, and by hand the time's
    share in the last dimension is 1 + 4 * 9.5 * 3 / 140."""
    real = jnp.ones((1, 6), bool)
    shares = ENCODINGS["released"](real, 20, True)
    np.testing.assert_allclose(shares.time[-1], 1 + 114 / 140, rtol=1e-6)
    np.testing.assert_allclose(shares.time[0], 1 - 114 / 140, rtol=1e-5)
    np.testing.assert_allclose(shares.words[0, 3], 1, rtol=1e-6)  # the middle of 7
    for encoding in ("bag", "position", "released-words"):
        np.testing.assert_array_equal(ENCODINGS[encoding](real, 20, True).time, 1)
    words = ENCODINGS["released-words"](real, 20, True).words
    np.testing.assert_array_equal(words, ENCODINGS["released"](real, 20, False).words)


def test_keys_come_from_one_table_and_what_is_read_from_another(drawn):
    model = network(tying="layer-wise", hops=1)
    params = drawn(model)
    other = jax.tree.map(np.copy, params)
    other["params"]["words"][1] *= -1  # C
    other["params"]["times"][1] *= -1
    run = jax.jit(model.apply, compiler_options=FAST)
    one, two = run(params, *INPUTS), run(other, *INPUTS)
    np.testing.assert_array_equal(one.weights, two.weights)
    assert np.abs(one.logits - two.logits)[:2].max() > 0.1


def test_more_padding_changes_nothing(drawn):
    model = network(encoding="position", empty_slots=False)
    params = drawn(model)
    wide = (
        np.pad(TEXTS, ((0, 2), (0, 2))),
        np.pad(STORIES, ((0, 0), (0, 2)), constant_values=2),  # anything at all
        LENGTHS,
        QUESTIONS,
        np.pad(TIMES, ((0, 0), (0, 2)), constant_values=4),
    )
    one, two = answers(model, params), answers(model, params, wide)
    np.testing.assert_allclose(one.logits, two.logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one.weights, two.weights[..., :4], rtol=1e-5, atol=1e-6)
    assert not np.asarray(two.weights)[..., 4:].any()


def test_a_window_walks_with_the_hops(drawn):
    attend = build("dot", "local-m", half_width=1)
    model = network(attention=attend, linear=None, empty_slots=False)
    params = drawn(model)
    wide = [TEXTS, np.pad(STORIES, ((0, 0), (0, 66))), LENGTHS, QUESTIONS]
    times = np.pad(TIMES, ((0, 0), (0, 66)))
    weights = np.asarray(answers(model, params, (*wide, times)).weights)
    assert weights.shape == (3, 2, 70)  # long enough to be gathered from
    seen = [set(np.flatnonzero(hop)) for hop in weights[0]]
    assert seen == [{0, 1}, {0, 1, 2}]


@pytest.mark.parametrize("empty", [True, False])
def test_nil_has_no_gradient_and_an_empty_story_finite_ones(drawn, empty):
    model = network(tying="layer-wise", empty_slots=empty)
    params = drawn(model)

    def loss(params):
        outputs = model.apply(params, *INPUTS, linear=jnp.asarray(False))
        return (outputs.logits[:, 4:] ** 2).sum()

    slopes = jax.jit(jax.grad(loss), compiler_options=FAST)(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    words = slopes["params"]["words"]
    assert not words[:, 0].any()  # nil, in all tables
    assert words[:2, 4:].any(axis=-1).all()  # every word of the stories, in A and C


def test_a_hard_read_takes_one_memory_of_every_hop(drawn):
    attend = attention(dot(), global_window(), softmax, hard())
    model = network(attention=attend, empty_slots=False)
    params = drawn(model)
    ones = jnp.ones((2, 3)), jnp.zeros((2, 3), bool)
    draw = SampleSpec(jax.random.split(jax.random.key(1), (2, 3)), *ones)
    outputs = answers(model, params, draw=draw)
    reads = np.asarray(outputs.reads)[:2]
    assert set(np.unique(reads)) == {0.0, 1.0} and (reads.sum(axis=-1) == 1).all()
    assert not np.asarray(outputs.reads)[2].any()  # nothing to read
    likeliest = answers(model, params, draw=SampleSpec(None, *ones))
    np.testing.assert_array_equal(
        np.asarray(likeliest.reads)[:2].argmax(-1),
        np.asarray(likeliest.weights)[:2].argmax(-1),
    )


def test_times_count_back_from_the_last_sentence():
    times = recency(jnp.array([4, 2, 0]), 5, memory=3)
    np.testing.assert_array_equal(
        times, [[2, 2, 1, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    )


def test_noise_leaves_gaps_of_a_tenth_at_most():
    lengths = np.repeat([1, 10, 15], 400).astype(np.int32)
    times = jax.jit(partial(recency, size=20, memory=50, noise=0.1))(
        lengths, rng=jax.random.key(2)
    )
    times = np.asarray(times)
    for length, most in ((1, 1), (10, 1), (15, 2)):
        of_length = times[lengths == length][:, :length]
        assert (np.diff(of_length, axis=1) < 0).all()
        extra = of_length[:, 0] - (
            length - 1
        )  # empty memories after the oldest sentence
        assert set(extra) == set(range(most + 1))
        if length == 15:  # they may come before every sentence, and after the last
            gaps = of_length[:, :-1] - of_length[:, 1:] - 1
            assert gaps.any(axis=0).all() and of_length[:, -1].any()


def released_times(rng, length, size, noise=0.1):
    """Times of train.m in MemN2N-babi-matlab, counted from 0, the oldest first."""
    blanks = rng.integers(0, math.ceil(length * noise) + 1)
    order = rng.permutation(np.arange(1, length + blanks + 1))
    order[order > size] = size
    return tuple(sorted(order[:length], reverse=True) - np.array(1))


@pytest.mark.parametrize(("length", "size"), [(2, 2), (3, 5), (11, 14), (11, 11)])
def test_noise_is_that_of_the_released_code(length, size):
    many = 40_000
    drawn = jax.jit(partial(recency, size=size, memory=50, noise=0.1))(
        np.full(many, length, np.int32), rng=jax.random.key(3)
    )
    ours = Counter(map(tuple, np.asarray(drawn)[:, :length].tolist()))
    rng = np.random.default_rng(4)
    theirs = Counter(released_times(rng, length, size) for _ in range(many))
    assert ours.keys() == theirs.keys()
    for times, count in theirs.items():
        # Six deviations of the difference of two counts.
        assert abs(ours[times] - count) < 6 * (2 * count) ** 0.5 + 6, times


def test_independent_gaps_lie_together_less_often():
    lengths = np.full(4000, 12, np.int32)

    def both_after_the_last(gaps):
        times = recency(lengths, 12, 50, jax.random.key(5), 0.1, gaps)
        return (np.asarray(times)[:, -1] == 2).mean()

    # Of two blanks in 13 places: 1 / 91 spreads, or 1 / 169 pairs; two in 1 of 3.
    assert both_after_the_last("released") == pytest.approx(1 / 273, abs=0.003)
    assert both_after_the_last("independent") == pytest.approx(1 / 507, abs=0.003)


def test_the_lstm_reads_the_story_and_then_the_question():
    model = StoryLSTM(WORDS, hidden=4, embedding=3)
    params = model.init(jax.random.key(0), method="parameters")
    run = jax.jit(model.apply, compiler_options=FAST)
    outputs = run(params, *INPUTS)
    assert outputs.weights.shape == outputs.reads.shape == (3, 0, 4)
    words = [w for text in (1, 2, 3, 1, 4) for w in TEXTS[text] if w]
    one = run(
        params,
        np.array([[0] * len(words), words], np.int32),
        np.zeros((3, 4), np.int32),
        np.zeros(3, np.int32),
        np.array([1, 0, 0], np.int32),
        TIMES,
    )
    np.testing.assert_allclose(outputs.logits[0], one.logits[0], rtol=1e-5)
    assert np.abs(outputs.logits[0] - outputs.logits[1]).max() > 1e-4


def test_a_linear_start_needs_its_attention(drawn):
    model = network(linear=None)
    with pytest.raises(ValueError, match="linear"):
        answers(model, drawn(model), linear=jnp.asarray(True))
