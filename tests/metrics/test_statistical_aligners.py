import sys

import numpy as np
import pytest

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics.links import reverse
from attnlab.metrics.statistical_aligners import ALIGNERS, align, align_both


@pytest.fixture(scope="module")
def corpus():
    """Word-for-word translations with neighbors swapped, and their links (t, s)."""
    rng = np.random.default_rng(0)
    pairs, gold = [], []
    for _ in range(600):
        words = rng.integers(0, 40, size=rng.integers(3, 9)).tolist()
        order = list(range(len(words)))
        for k in range(len(order) - 1):
            if rng.random() < 0.2:
                order[k], order[k + 1] = order[k + 1], order[k]
        pairs.append(([f"s{w}" for w in words], [f"t{words[s]}" for s in order]))
        gold.append(({(t, s) for t, s in enumerate(order)}, set()))
    return pairs, gold


@pytest.mark.parametrize("model", sorted(ALIGNERS))
def test_every_aligner_learns_a_word_for_word_language(corpus, model):
    pairs, gold = corpus
    links = align(pairs[:500], pairs[500:], model=model)
    assert aer.corpus_agreement(links, gold[500:]).aer < 0.1
    for these, (source, target) in zip(links, pairs[500:], strict=True):
        assert all(t < len(target) and s < len(source) for t, s in these)
        assert len({t for t, _ in these}) == len(these)  # one source word each


def test_symmetrized_links_are_more_precise(corpus):
    pairs, gold = corpus
    options = {"model": "ibm1", "iterations": 2}
    one = aer.corpus_agreement(align(pairs, pairs[:99], **options), gold[:99])
    both = align(pairs, pairs[:99], symmetrize="intersection", **options)
    assert aer.corpus_agreement(both, gold[:99]).precision >= one.precision
    # reversed pairs give reversed links: the reverse run is turned round once
    turned = [(target, source) for source, target in pairs]
    back = align(turned, turned[:99], symmetrize="intersection", **options)
    assert [reverse(links) for links in back] == both


def test_both_directions_are_those_of_two_models(corpus):
    pairs, _ = corpus
    both = align_both(pairs[:200], pairs[:50], model="ibm1")
    assert both.forward == align(pairs[:200], pairs[:50], model="ibm1")
    turned = [(target, source) for source, target in pairs]
    backward = align(turned[:200], turned[:50], model="ibm1")
    assert both.backward == [reverse(links) for links in backward]
    assert both.forward != both.backward
    assert 0 < both.seconds < 60


def test_eflomal_is_reproducible_and_pairs_without_words_have_no_links(corpus):
    pairs, _ = corpus
    odd = [([], ["t1"]), (["s1"], []), (["s1"] * 1100, ["t1"]), *pairs[:3]]
    links = align(pairs[:200], odd, seed=3)
    assert links[:3] == [set(), set(), set()]
    assert all(links[3:])
    assert align(pairs[:200], odd, seed=3) == links


def test_errors(corpus, monkeypatch):
    pairs, _ = corpus
    with pytest.raises(
        ValueError, match="unknown aligner 'giza'; choose eflomal, fast"
    ):
        align(pairs, [], model="giza")
    with pytest.raises(ValueError, match="unknown symmetrization 'gdfa'; choose inter"):
        align(pairs, [], symmetrize="gdfa")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        align(pairs, [], iterations=0)
    monkeypatch.setitem(sys.modules, "thot", None)
    with pytest.raises(ImportError, match="pip install sil-thot"):
        align(pairs, [])
