"""Losses, alignments and translations against loops over one sentence."""

from functools import cache

import jax
import numpy as np
import pytest

from attnlab.decoding import beam
from attnlab.tasks.translation.model import Seq2Seq
from attnlab.tasks.translation.translator import NOTHING, Search, Translator
from attnlab.text.pairs import Pair
from attnlab.text.subwords import Subwords
from attnlab.text.vocabulary import BOS, EOS, PAD, EncodedText, Vocabulary
from tests.nn import by_hand
from tests.nn.by_hand import Case

SOURCE = Vocabulary("a b c d e f".split())
TARGET = Vocabulary("u v w x y".split())
PAIRS = [
    Pair(tuple(source.split()), tuple(target.split()))
    for source, target in [
        ("a b c", "u v"),
        ("d", "x y w u"),
        ("e f a b c d e", "y"),
        ("b b strange a", "v odd v w"),
        ("f e", "x x x"),
    ]
]
CASES = {
    "bahdanau": Case("bahdanau", "cho-gru", "additive", eos_in_memory=True),
    "luong": Case(cell="gru", coverage=True, bidirectional=False, reverse_source=True),
}
both = pytest.mark.parametrize("name", CASES)
ENDING = {"bahdanau": 8.0, "luong": 3.0}  # onto EOS, so that greedy search ends too


@cache
def trained(name, edges=(8,), scale=1.5):
    """A translator of random parameters, large enough to have opinions."""
    model = by_hand.make(CASES[name], source=SOURCE.size, target=TARGET.size)
    params = by_hand.parameters(model, seed=4, scale=scale)
    return Translator(model, SOURCE, TARGET, batch_size=3, edges=edges), params


@cache
def predicting(name, predict, feed="expected"):
    """A hard read with the parameters of `trained`, predicting words in its own way."""
    model = by_hand.make(
        CASES[name], source=SOURCE.size, target=TARGET.size, read="hard"
    )
    translator = Translator(
        model, SOURCE, TARGET, batch_size=3, edges=(8,), predict=predict, feed=feed
    )
    return translator, trained(name)[1]


def ids(pair):
    return [*SOURCE.encode(pair.source).ids, EOS], [
        *TARGET.encode(pair.target).ids,
        EOS,
    ]


def forced(name, params, pair):
    source, target = ids(pair)
    return by_hand.force(CASES[name], params, source, target), source, target


def close(actual, expected, rtol=1e-4):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-5)


@both
def test_losses_are_the_nats_of_each_pair_in_its_place(name):
    translator, params = trained(name)
    nats, units = translator.losses(params, PAIRS)
    for n, pair in enumerate(PAIRS):
        outputs, _, target = forced(name, params, pair)
        log_probs = by_hand.log_softmax(outputs.logits)
        expected = -sum(log_probs[t, word] for t, word in enumerate(target))
        close(nats[n], expected)
        assert units[n] == len(pair.target) + 1  # EOS is predicted too


@both
def test_the_prior_are_the_weights_without_eos(name):
    translator, params = trained(name)
    for pair, actual in zip(PAIRS, translator.align(params, PAIRS), strict=True):
        outputs, _, _ = forced(name, params, pair)
        close(actual, outputs.weights[: len(pair.target), : len(pair.source)])
        assert actual.shape == (len(pair.target), len(pair.source))


def test_looks_keep_where_a_window_stood_and_what_was_drawn():
    size = {"source": SOURCE.size, "target": TARGET.size}
    model = by_hand.make(CASES["luong"], window="local-m", read="hard", **size)
    params = by_hand.parameters(model, seed=4)
    local = Translator(model, SOURCE, TARGET, batch_size=3, edges=(8,))
    looks = local.forced_alignments(params, PAIRS)
    for pair, look, weights in zip(
        PAIRS, looks, local.align(params, PAIRS), strict=True
    ):
        last = len(pair.source) - 1
        expected = [min(t, last) for t in range(len(pair.target))]
        np.testing.assert_array_equal(look.centres, expected)
        np.testing.assert_array_equal(look.weights, weights)
        for t, s in enumerate(look.samples):
            assert abs(s - expected[t]) <= 1 and weights[t, s] > 0  # in the window


def likelihoods(name, params, source, target):
    """p(word t | position s alone is read) [T, S] and weights [T, S], by loops."""
    outputs = by_hand.force(CASES[name], params, source, target)
    case, tree = CASES[name], params["params"]
    actual = np.zeros(outputs.weights.shape)
    for s, value in enumerate(by_hand.encode(case, tree, source).seen):
        for t, word in enumerate(target):
            readout = by_hand.readout(
                case, tree, outputs.queries[t], outputs.embedded[t], value
            )
            logits = by_hand.logits_of(case, tree, readout)
            actual[t, s] = np.exp(by_hand.log_softmax(logits)[word])
    return actual, outputs.weights


def bayes(name, params, pair):
    """weight * p(word | that position alone is read), over their sum."""
    p, weights = likelihoods(name, params, *ids(pair))
    posterior = weights * p / (weights * p).sum(axis=1, keepdims=True)
    return posterior[: len(pair.target), : len(pair.source)]


@both
@pytest.mark.parametrize("predict", ["marginal", "argmax"])
def test_hard_losses_are_those_of_single_positions(name, predict):
    translator, params = predicting(name, predict)
    nats, _ = translator.losses(params, PAIRS)
    for n, pair in enumerate(PAIRS):
        p, weights = likelihoods(name, params, *ids(pair))
        best = p[np.arange(len(p)), weights.argmax(axis=1)]
        each = (weights * p).sum(axis=1) if predict == "marginal" else best
        close(nats[n], -np.log(each).sum())


@both
def test_every_prediction_can_be_asked_for_its_losses(name):
    translator, params = predicting(name, "marginal")
    plain, _ = trained(name)
    actual = [
        translator.losses(params, PAIRS, predict)[0]
        for predict in ("expected", "marginal", "argmax")
    ]
    close(actual[0], plain.losses(params, PAIRS)[0])
    close(actual[1], translator.losses(params, PAIRS)[0])
    close(actual[2], predicting(name, "argmax")[0].losses(params, PAIRS)[0])
    assert (actual[1] < actual[2]).any()


@both
@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(
    ("predict", "feed"),
    [("marginal", "expected"), ("argmax", "expected"), ("argmax", "sampled")],
)
def test_a_hard_translations_score_is_the_loss_of_its_words(name, beams, predict, feed):
    """All positions kept, decoding predicts as forcing does, also what it feeds."""
    translator, params = predicting(name, predict, feed)
    params = jax.tree.map(np.copy, params)
    params["params"]["vocabulary_bias"][EOS] += ENDING[name]
    sources = [pair.source for pair in PAIRS]
    search = Search(beams, ratio=0.5, positions=20)
    actual = translator.translate(params, sources, search)
    nats, units = translator.losses(params, [Pair(t.source, t.target) for t in actual])
    ended = 0
    for n, translation in enumerate(actual):
        limit = int(np.ceil(0.5 * (len(sources[n]) + 1))) + 10
        if len(translation.target) < limit:
            total = -nats[n] if beams == 1 else -nats[n] / units[n]
            close(translation.score, total)
            ended += 1
    assert ended


def test_fewer_positions_in_decoding_are_the_likeliest_renormalized():
    translator, params = predicting("luong", "marginal")
    source, _ = ids(PAIRS[0])
    (actual,) = translator.translate(params, [PAIRS[0].source], Search(positions=2))
    words = [*TARGET.encode(actual.target).ids, EOS]
    (limit,) = [int(np.ceil(1.5 * len(source))) + 10]
    words = words[:limit]
    p, weights = likelihoods("luong", params, source, words)
    total = 0.0
    for likelihood, weight in zip(p, weights, strict=True):
        largest = np.argsort(weight)[-2:]
        share = weight[largest] / weight[largest].sum()
        total += np.log((share * likelihood[largest]).sum())
    close(actual.score, total)


def test_an_unknown_prediction_lists_the_choices():
    model = trained("luong")[0].model
    with pytest.raises(ValueError, match="'soft'.*expected, marginal, argmax"):
        Translator(model, SOURCE, TARGET, edges=(8,), predict="soft")


@both
def test_the_posterior_is_bayes_rule(name):
    translator, params = trained(name)
    actual = translator.align(params, PAIRS, "posterior")
    for pair, posterior in zip(PAIRS, actual, strict=True):
        close(posterior, bayes(name, params, pair))
    prior = translator.align(params, PAIRS)
    assert max(np.abs(a - b).max() for a, b in zip(actual, prior, strict=True)) > 0.1


def test_the_posterior_stays_where_the_prior_looks():
    case = CASES["luong"]._replace(coverage=False)
    model = by_hand.make(case, source=SOURCE.size, target=TARGET.size, window="local-m")
    params = by_hand.parameters(model)
    translator = Translator(model, SOURCE, TARGET, batch_size=3, edges=(8,))
    prior = translator.align(params, PAIRS)
    posterior = translator.align(params, PAIRS, "posterior")
    for weights, actual in zip(prior, posterior, strict=True):
        np.testing.assert_array_equal(actual > 0, weights > 0)
        close(actual.sum(axis=1), np.ones(len(actual)))  # no EOS in this memory


def test_without_attention_there_is_no_alignment_and_no_nan():
    model = by_hand.make(
        CASES["luong"]._replace(score="none", coverage=False),
        source=SOURCE.size,
        target=TARGET.size,
    )
    params = by_hand.parameters(model)
    translator = Translator(model, SOURCE, TARGET, batch_size=3, edges=(8,))
    for actual in translator.align(params, PAIRS, "posterior"):
        np.testing.assert_array_equal(actual, 0.0)


def greedy_by_hand(name, params, source, limit):
    """The likeliest word again and again, each time from the start."""
    words, total = [], 0.0
    while len(words) < limit and words[-1:] != [EOS]:
        outputs = by_hand.force(CASES[name], params, source, [*words, EOS])
        log_probs = by_hand.log_softmax(outputs.logits[-1])
        allowed = log_probs.copy()
        allowed[[PAD, BOS]] = -np.inf
        words.append(int(np.argmax(allowed)))
        total += log_probs[words[-1]]
    return words, total


@both
def test_greedy_takes_the_likeliest_word_each_time(name):
    translator, params = trained(name)
    actual = translator.translate(params, [pair.source for pair in PAIRS])
    for pair, translation in zip(PAIRS, actual, strict=True):
        source, _ = ids(pair)
        limit = int(np.ceil(1.5 * len(source))) + 10
        words, total = greedy_by_hand(name, params, source, limit)
        spoken = [word for word in words if word != EOS]
        assert translation.source == pair.source
        assert list(translation.target) == TARGET.decode(spoken)
        close(translation.score, total)


def test_one_beam_is_greedy_search():
    translator, params = trained("bahdanau")
    model = translator.model
    source = np.array([[*ids(pair)[0], *[PAD] * 8][:8] for pair in PAIRS[:3]])
    lengths = np.array([len(pair.source) + 1 for pair in PAIRS[:3]])

    @jax.jit
    def search(params):
        memory, state = model.apply(params, source, lengths, method="start")

        def step(memory, state, tokens):
            state, logits, aligned = model.apply(
                params, memory, state, tokens, method="step"
            )
            return state, logits, aligned.weights

        options = {"batch": 3, "beams": 1, "max_length": 22}
        return beam(step, memory, state, banned=(PAD, BOS), **options)

    actual = search(params)
    expected = translator.translate(params, [pair.source for pair in PAIRS[:3]])
    for row, translation in enumerate(expected):
        tokens = np.asarray(actual.tokens[row, 0])
        count = len(translation.target)
        limit = int(np.ceil(1.5 * lengths[row])) + 10
        assert TARGET.decode(tokens)[:limit] == list(translation.target)
        weights = actual.alignments[row, 0, :count, : len(translation.source)]
        close(weights, translation.alignment)


def test_a_beams_score_and_weights_are_those_of_forcing_its_words():
    """Through back-pointers, with all that a state holds: feed, coverage, cells."""
    translator, params = trained("luong")
    sources = [pair.source for pair in PAIRS]
    actual = translator.translate(params, sources, Search(beams=3, ratio=0.5))
    again = [Pair(t.source, t.target) for t in actual]
    nats, units = translator.losses(params, again)
    forced = translator.align(params, again)
    ended = 0
    for n, translation in enumerate(actual):
        assert translation.source == sources[n]
        close(translation.alignment, forced[n])
        limit = int(np.ceil(0.5 * (len(sources[n]) + 1))) + 10
        assert len(translation.target) <= limit
        if units[n] <= limit and len(translation.target) < limit:
            close(translation.score, -nats[n] / units[n])  # "average"
            ended += 1
    assert ended


@pytest.mark.parametrize("penalty", ["average", "gnmt", "none"])
def test_log_probabilities_of_an_n_best_list_are_those_of_forcing_its_words(penalty):
    translator, params = trained("luong")
    params = jax.tree.map(np.copy, params)
    params["params"]["vocabulary_bias"][EOS] += ENDING["luong"]
    sources = [pair.source for pair in PAIRS] + [()]
    how = Search(beams=4, length_penalty=penalty, ratio=1.5)
    *lists, empty = translator.n_best(params, sources, how, 3)
    assert empty == [NOTHING]
    best = translator.translate(params, sources, how)
    for source, first, several in zip(sources, best, lists, strict=False):
        assert len(several) == 3 and len({each.target for each in several}) == 3
        assert several[0].target == first.target
        assert [each.source for each in several] == [source] * 3
        ended = [each for each in several if each.units > len(each.target)]
        scores = [each.score for each in ended]
        assert ended and scores == sorted(scores, reverse=True)
        nats, units = translator.losses(params, [Pair(*each[:2]) for each in ended])
        close([each.log_probability for each in ended], -nats)
        assert [each.units for each in ended] == units.tolist()
        lengths = {"average": units, "gnmt": ((5 + units) / 6) ** 0.6, "none": 1.0}
        close(scores, -nats / lengths[penalty])


def test_a_list_is_no_longer_than_the_beam():
    translator, params = trained("luong")
    for count in (0, 3):
        with pytest.raises(ValueError, match=f"count is {count}"):
            translator.n_best(params, [("a",)], Search(beams=2), count)
    greedy = translator.n_best(params, [("a", "b")], Search(), 1)
    (expected,) = translator.translate(params, [("a", "b")])
    ((actual,),) = greedy
    assert actual.target == expected.target and actual.score == expected.score
    assert actual.log_probability == actual.score


def test_longer_padding_changes_nothing():
    narrow, params = trained("luong")
    wide, _ = trained("luong", edges=(16,))
    close(wide.losses(params, PAIRS)[0], narrow.losses(params, PAIRS)[0], 1e-5)
    for ours, theirs in zip(
        wide.align(params, PAIRS, "posterior"),
        narrow.align(params, PAIRS, "posterior"),
        strict=True,
    ):
        close(ours, theirs, 1e-5)
    sources = [pair.source for pair in PAIRS]
    for ours, theirs in zip(
        wide.translate(params, sources), narrow.translate(params, sources), strict=True
    ):
        assert ours.target == theirs.target
        close(ours.alignment, theirs.alignment, 1e-5)
        close(ours.score, theirs.score, 1e-5)


def test_unknown_words_are_replaced_by_what_they_look_at():
    translator, params = trained("luong")
    loud = jax.tree.map(np.copy, params)
    loud["params"]["vocabulary_bias"][:] = -40.0
    loud["params"]["vocabulary_bias"][3] = 40.0  # says nothing but <unk>
    source = ("a", "strange", "c")
    (plain,) = translator.translate(loud, [source])
    assert set(plain.target) == {"<unk>"} and len(plain.target) == 16
    (actual,) = translator.translate(loud, [source], Search(replace_unknown=True))
    assert actual.target == tuple(source[s] for s in plain.alignment.argmax(axis=1))


def test_nothing_to_do_and_an_empty_sentence():
    translator, params = trained("luong")
    nats, units = translator.losses(params, [])
    assert nats.shape == units.shape == (0,)
    assert translator.align(params, []) == translator.translate(params, []) == []
    (actual,) = translator.translate(params, [()])
    assert actual.source == () and np.isfinite(actual.score)
    assert actual.alignment.shape == (len(actual.target), 0)
    (weights,) = translator.align(params, [Pair((), ("u", "v"))])
    assert weights.shape == (2, 0)
    (weights,) = translator.align(params, [Pair(("a", "b"), ())], "posterior")
    assert weights.shape == (0, 2)
    assert np.all(np.isfinite(translator.losses(params, [Pair((), ())])[0]))


def test_an_unknown_kind_of_alignment_lists_the_choices():
    translator, params = trained("luong")
    with pytest.raises(ValueError, match="'after'.*prior, posterior"):
        translator.align(params, PAIRS, "after")


class Halves:
    """A codec that spells every word in letters; a blank letter starts each word."""

    letters = "abcdefuvwxy"

    @property
    def size(self):
        return 4 + 2 * len(self.letters)

    def encode(self, words):
        actual, owner = [], []
        for n, word in enumerate(words):
            for k, letter in enumerate(word):
                actual.append(4 + 2 * self.letters.index(letter) + (k == 0))
                owner.append(n)
        return EncodedText(actual, owner)

    def decode(self, ids):
        text = ""
        for index in ids:
            letter = self.letters[(index - 4) // 2] if index > 3 else "?"
            text += (" " if index % 2 else "") + letter
        return text.split()


def spelling(name):
    codec = Halves()
    model = by_hand.make(CASES[name], source=codec.size, target=codec.size)
    params = by_hand.parameters(model, seed=2)
    return Translator(model, codec, codec, batch_size=2, edges=(8,)), params, codec


def test_subwords_become_words():
    """A source word has the sum over its units, a target word the mean."""
    translator, params, codec = spelling("bahdanau")
    pairs = [Pair(("ab", "c", "da"), ("uvw", "x")), Pair(("a",), ("u", "yx"))]
    actual = translator.align(params, pairs)
    nats, units = translator.losses(params, pairs)
    assert list(units) == [5, 4]
    for pair, weights in zip(pairs, actual, strict=True):
        source, target = codec.encode(pair.source), codec.encode(pair.target)
        outputs = by_hand.force(
            CASES["bahdanau"], params, [*source.ids, EOS], [*target.ids, EOS]
        )
        for t in range(len(pair.target)):
            for s in range(len(pair.source)):
                rows = [k for k, owner in enumerate(target.owner) if owner == t]
                columns = [k for k, owner in enumerate(source.owner) if owner == s]
                parts = [sum(outputs.weights[k, c] for c in columns) for k in rows]
                close(weights[t, s], sum(parts) / len(parts))
        assert weights.shape == (len(pair.target), len(pair.source))


def test_translations_in_subwords_come_with_weights_between_words():
    translator, params, _ = spelling("bahdanau")
    sources = [("ab", "c", "da"), ("a",), ("fed", "cab")]
    translations = translator.translate(params, sources)
    for source, actual in zip(sources, translations, strict=True):
        assert actual.alignment.shape == (len(actual.target), len(source))
        assert np.all(actual.alignment.sum(axis=1) < 1 + 1e-5)


def test_subwords_of_sentencepiece_that_spell_nothing():
    """A lone word-start piece spells no word: it must not have a row of weights."""
    text = [("low", "lower", "lowest"), ("new", "newer", "newest")] * 20
    codec = Subwords.train(text, 30)
    blank = next(n for n in range(codec.size) if not codec.decode([n]) and n > 3)
    model: Seq2Seq = by_hand.make(CASES["luong"], source=codec.size, target=codec.size)
    params = by_hand.parameters(model)
    params["params"]["vocabulary_bias"][blank] = 100.0  # says nothing else
    translator = Translator(model, codec, codec, batch_size=1, edges=(8,))
    (actual,) = translator.translate(params, [("newer", "low")])
    assert actual.target == ()
    assert actual.alignment.shape == (0, 2)
