"""`experiments.evaluate` says which words of a gold set a model does not know."""

from attnlab.tasks.translation.data import unknown_words
from attnlab.text.pairs import Corpus, GoldPair, Pair
from attnlab.text.vocabulary import Vocabulary
from experiments.evaluate import gold_of


def test_gold_sets_of_unknown_words_are_named_either_way():
    known, strange = ("a", "b"), ("x", "y")
    links = frozenset({(0, 0)})
    gold = {"odd": [GoldPair(known, strange, links, links)]}
    corpus = Corpus("odd", [Pair(strange, strange)], [], [], gold, "xx", "yy", "")
    vocabulary = Vocabulary.build([known])
    (line,) = unknown_words(gold_of(corpus, turned=False), vocabulary, vocabulary)
    assert "target words of gold set odd" in line and "%" in line
    (line,) = unknown_words(gold_of(corpus, turned=True), vocabulary, vocabulary)
    assert "source words of gold set odd" in line
