"""The synthetic pair: each knob against what its docstring promises."""

from collections import Counter

import pytest

from attnlab.corpora.loading import load_corpus
from attnlab.text.grammar import MARKS, kind_of
from attnlab.text.lexicon import CLOSED, EXTRAS, FILLERS, PARTICLES, SECONDS
from attnlab.text.parallel_corpora import CORPORA
from attnlab.text.synthetic import synthetic

PLAIN = {
    "one_to_many": 0,
    "many_to_one": 0,
    "null_source": 0,
    "null_target": 0,
    "ambiguity": 0,
}
SMALL = {"train": 200, "dev": 20, "test": 200}
CONJUNCTIONS = set(CLOSED["conjunction"])
PREPOSITIONS = set(CLOSED["preposition"])
CLOSED_WORDS = {a: b for words in CLOSED.values() for a, b in words.items()}


def gold(**options):
    return synthetic(**(SMALL | options)).gold["test"]


def translates(source_word, target_word):
    """Whether a person who knows the rule of the lexicon would link the two words."""
    if source_word in CLOSED_WORDS:
        return target_word == CLOSED_WORDS[source_word]
    if source_word in MARKS.values():
        return target_word == source_word
    return target_word.startswith(source_word) or target_word in SECONDS


def category(target_word):
    if target_word in CLOSED_WORDS.values():
        return "closed"
    for name, endings in {
        "noun": ("o", "ur"),
        "verb": ("en", "ut"),
        "adjective": ("i", "im"),
        "adverb": ("e", "es"),
    }.items():
        if target_word.endswith(endings) and len(target_word) > 3:
            return name
    return "other"


def test_the_same_arguments_give_the_same_corpus():
    assert synthetic(**SMALL) == synthetic(**SMALL)
    assert synthetic(**SMALL).test != synthetic(**SMALL, seed=1).test
    more = synthetic(**(SMALL | {"train": 300}))
    assert more.test == synthetic(**SMALL).test
    assert more.train[:200] == synthetic(**SMALL).train


def test_gold_is_of_the_test_sentences_and_its_links_are_translations():
    corpus = synthetic(**SMALL, train_gold=True)
    assert [pair.pair for pair in corpus.gold["test"]] == corpus.test
    assert [pair.pair for pair in corpus.gold["dev"]] == corpus.dev
    assert [pair.pair for pair in corpus.gold["train"]] == corpus.train
    assert set(synthetic(**SMALL).gold) == {"test", "dev"}
    for pair in corpus.gold["test"] + corpus.gold["train"]:
        assert pair.sure <= pair.possible
        for t, s in pair.sure:
            assert translates(pair.source[s], pair.target[t])
        for t, s in pair.possible - pair.sure:
            assert pair.source[s] in PARTICLES or pair.target[t] in EXTRAS
        # whatever has a counterpart is linked
        linked = {s for _, s in pair.possible}
        for s, word in enumerate(pair.source):
            assert (s in linked) == (word not in FILLERS)
        assert {t for t, _ in pair.possible} == set(range(len(pair.target)))


def test_no_test_sentence_occurs_twice_or_in_training():
    corpus = synthetic(train=3000, dev=100, test=100, lengths=(3, 6))
    held_out = [pair.source for pair in corpus.dev + corpus.test]
    assert len(set(held_out)) == 200
    assert not set(held_out) & {pair.source for pair in corpus.train}


def test_a_sentence_has_one_translation():
    translations = {}
    for pair in synthetic(train=5000, dev=0, test=0, lengths=(3, 5)).train:
        assert translations.setdefault(pair.source, pair.target) == pair.target


@pytest.mark.parametrize("lengths", [(3, 3), (5, 9), (24, 24)])
def test_source_sentences_are_exactly_as_long_as_asked(lengths):
    sizes = {len(pair.source) for pair in gold(lengths=lengths)}
    assert sizes == set(range(lengths[0], lengths[1] + 1))


def test_test_sentences_may_be_longer_than_those_trained_on():
    corpus = synthetic(**SMALL, lengths=(3, 8), test_lengths=(15, 20))
    assert max(len(pair.source) for pair in corpus.train + corpus.dev) == 8
    assert min(len(pair.source) for pair in corpus.test) == 15


def test_plain_monotone_links_are_the_diagonal():
    for pair in gold(reordering="monotone", **PLAIN):
        size = len(pair.source)
        assert len(pair.target) == size
        assert pair.sure == pair.possible == {(t, t) for t in range(size)}


def test_plain_reversal_links_are_the_other_diagonal():
    for pair in gold(reordering="reversal", **PLAIN):
        last = len(pair.source) - 1
        assert pair.sure == {(t, last - t) for t in range(last + 1)}


def test_swaps_move_only_adjectives_behind_their_noun():
    moved = 0
    for pair in gold(reordering="swaps", **PLAIN):
        kinds = [category(word) for word in pair.target]
        assert sorted(s for _, s in pair.sure) == list(range(len(pair.source)))
        for t, s in pair.sure:
            if kinds[t] not in ("adjective", "noun"):
                assert t == s
            elif kinds[t] == "adjective":
                assert s < t and kinds[t - 1] in ("adjective", "noun")
                moved += 1
    assert moved > 100


def test_verb_final_verbs_end_their_clause():
    for pair in gold(reordering="verb-final", **PLAIN):
        clauses = " ".join(pair.target[:-1])
        for conjunction in CLOSED["conjunction"].values():
            clauses = clauses.replace(f" {conjunction} ", " | ")
        for clause in clauses.split(" | "):
            kinds = [category(word) for word in clause.split()]
            assert kinds.count("verb") == 1 and kinds[-1] == "verb"


def test_long_distance_fronts_the_last_clause():
    fronted = 0
    for pair in gold(reordering="long-distance", **PLAIN):
        order = [s for _, s in sorted(pair.sure)]
        last = len(order) - 1
        assert order[-1] == last and order[0] > 0
        opens = [s for s, word in enumerate(pair.source) if word in CONJUNCTIONS]
        if opens:
            moved = list(range(opens[-1], last))
            assert sorted(order[: len(moved)]) == moved
            fronted += 1
    assert fronted > 100


def test_long_distance_fronts_the_last_phrase_of_a_lone_clause():
    for pair in gold(reordering="long-distance", **PLAIN, lengths=(3, 8)):
        if not CONJUNCTIONS.isdisjoint(pair.source):
            continue
        kinds = dict(
            (s, category(pair.target[t])) for t, s in pair.sure
        )  # of source words
        order = [s for _, s in sorted(pair.sure)]
        verb = next(s for s, kind in kinds.items() if kind == "verb")
        last = len(order) - 1
        first = verb  # a clause that ends with its verb fronts that
        if verb < last - 1:
            opens = [s for s in range(last) if pair.source[s] in PREPOSITIONS]
            first = opens[-1] if opens else verb + 1
        assert sorted(order[: last - first]) == list(range(first, last))


def test_kinds_are_mixed_as_asked_and_told_by_the_mark():
    shares = {"monotone": 1, "reversal": 3}
    pairs = gold(reordering=shares, test=400)
    counts = Counter(kind_of(pair.source) for pair in pairs)
    assert set(counts) == set(shares)
    assert 0.65 < counts["reversal"] / 400 < 0.85
    default = Counter(kind_of(pair.source) for pair in gold())
    assert set(default) == {"swaps", "verb-final", "long-distance"}
    with pytest.raises(ValueError, match="'a b' ends in no mark"):
        kind_of(("a", "b"))


def test_one_to_many_words_have_two_sure_links():
    for pair in gold(**PLAIN | {"one_to_many": 1}):
        counts = Counter(s for _, s in pair.sure)
        for s, word in enumerate(pair.source):
            t = next(t for t, other in sorted(pair.sure) if other == s)
            double = category(pair.target[t]) in ("noun", "verb")
            assert counts[s] == (2 if double else 1), word
            if double:
                assert pair.target[t + 1] in SECONDS and (t + 1, s) in pair.sure


def test_many_to_one_links_are_sure_to_the_head_and_possible_to_the_particle():
    pairs = gold(**PLAIN | {"many_to_one": 1}, lengths=(5, 20))
    for pair in pairs:
        loose = {(t, s) for t, s in pair.possible if pair.source[s] in PARTICLES}
        assert loose == pair.possible - pair.sure
        assert {(t, s - 1) for t, s in loose} <= pair.sure
    assert sum(len(pair.possible - pair.sure) for pair in pairs) > 400


def test_null_words_have_no_sure_link():
    pairs = gold(**PLAIN | {"null_source": 0.2}, lengths=(10, 20))
    words = [word for pair in pairs for word in pair.source]
    assert 0.12 < sum(word in FILLERS for word in words) / len(words) < 0.2
    for pair in gold(**PLAIN | {"null_target": 1}):
        sure = {t for t, _ in pair.sure}
        for t, word in enumerate(pair.target):
            assert (t in sure) == (word not in EXTRAS)
            if category(word) == "noun":
                assert pair.target[t + 1] in EXTRAS


@pytest.mark.parametrize("context", ["previous", "next"])
def test_the_neighbor_alone_decides_an_ambiguous_word(context):
    step = -1 if context == "previous" else 1
    translation, senses = {}, {}
    options = PLAIN | {"ambiguity": 0.5, "context": context, "train": 2000}
    for pair in synthetic(**(SMALL | options), train_gold=True).gold["train"]:
        for t, s in pair.sure:
            beside = pair.source[s + step] if 0 <= s + step < len(pair.source) else ""
            key, word = (pair.source[s], beside), pair.target[t]
            assert translation.setdefault(key, word) == word
            senses.setdefault(pair.source[s], set()).add(word)
    ambiguous = [word for word, found in senses.items() if len(found) == 2]
    assert 30 < len(ambiguous) < 50  # half of 80 words; rare ones may show one sense
    # a neighbor has the same effect on every word: that is what a model can learn
    classes = {}
    for (word, beside), target in translation.items():
        if word in ambiguous:
            sense = target.endswith(("ur", "ut", "im", "es"))
            assert classes.setdefault(beside, sense) == sense


def test_without_ambiguity_a_word_has_one_translation():
    found = {}
    for pair in gold(**PLAIN):
        for t, s in pair.sure:
            word = pair.target[t]
            assert found.setdefault(pair.source[s], word) == word


def test_noise_touches_training_alone_and_unlinks_what_it_replaces():
    clean = synthetic(**SMALL, train_gold=True)
    noisy = synthetic(**SMALL, train_gold=True, noise=0.3)
    assert (noisy.dev, noisy.test) == (clean.dev, clean.test)
    bad = total = 0
    for pair in noisy.gold["train"]:
        linked = {t for t, _ in pair.possible}
        bad += len(pair.target) - len(linked)
        total += len(pair.target)
        assert all(translates(pair.source[s], pair.target[t]) for t, s in pair.sure)
    assert 0.2 < bad / total < 0.3  # marks are spared, some nouns hit themselves


def test_words_follow_zipf():
    def shares(zipf):
        pairs = gold(**PLAIN, zipf=zipf, words=40, test=1000, reordering="monotone")
        nouns = Counter(
            word for pair in pairs for word in pair.target if category(word) == "noun"
        )
        total = sum(nouns.values())
        return [count / total for _, count in nouns.most_common()]

    expected = [1 / rank / sum(1 / r for r in range(1, 19)) for rank in range(1, 19)]
    assert shares(1.0) == pytest.approx(expected, abs=0.02)
    assert shares(0.0) == pytest.approx([1 / 18] * 18, abs=0.02)


def test_large_vocabularies_have_different_stems():
    corpus = synthetic(train=0, dev=0, test=1, words=3000)
    assert len(corpus.test) == 1
    with pytest.raises(ValueError, match="words is 100000; at most 68600"):
        synthetic(words=100_000)


def test_default_vocabularies_are_small():
    corpus = synthetic(train=5000)
    assert 90 < len({word for pair in corpus.train for word in pair.source}) < 110
    assert 90 < len({word for pair in corpus.train for word in pair.target}) < 120


@pytest.mark.parametrize(
    ("option", "value", "choice"),
    [
        ("reordering", "verbfinal", "verb-final"),
        ("reordering", {"swaps": -1}, "0"),
        ("reordering", {}, "share above 0"),
        ("context", "left", "previous"),
        ("ambiguity", 1.5, "1"),
        ("lengths", (2, 5), "3"),
        ("lengths", (9, 5), "9, 5"),
        ("test_lengths", (1, 5), "3"),
        ("words", 7, "8"),
        ("zipf", -1, "0"),
        ("train", -1, "0"),
        ("seed", "one", "integer"),
    ],
)
def test_a_bad_option_is_named(option, value, choice):
    with pytest.raises(ValueError, match=option) as error:
        load_corpus(CORPORA, "synthetic", **{option: value})
    assert choice in str(error.value)
    if value:  # as JSON has it, whose tuples are lists
        texts = [repr(value), str(list(value)) if isinstance(value, tuple) else ""]
        assert any(text in str(error.value) for text in texts if text)


def test_options_that_do_not_go_together_are_named():
    with pytest.raises(ValueError, match=r"lengths is \(3, 20\).* 5"):
        synthetic(many_to_one=1.0)  # the shortest sentence has two particles
    with pytest.raises(ValueError, match="500 .*test.* 8 words"):
        synthetic(words=8, lengths=(3, 3))
