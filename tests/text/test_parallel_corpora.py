"""The real corpora, as their descriptions count them."""

from functools import partial

import pytest

from attnlab.corpora.loading import load_corpus
from attnlab.text.links import read_wpt
from attnlab.text.parallel_corpora import CORPORA

load = partial(load_corpus, CORPORA)

pytestmark = pytest.mark.data


def counts(corpus):
    return len(corpus.train), len(corpus.dev), len(corpus.test)


def links(gold):
    return sum(len(pair.sure) for pair in gold), sum(len(p.possible) for p in gold)


def flipped(pair):
    return (
        pair.target,
        pair.source,
        frozenset((s, t) for t, s in pair.sure),
        frozenset((s, t) for t, s in pair.possible),
    )


@pytest.fixture(scope="module", autouse=True)
def _data(data_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTNLAB_DATA", str(data_folder))
        yield


@pytest.fixture(scope="module")
def hansards():
    return load("hansards")


def test_hansards(hansards):
    assert counts(hansards) == (227_395, 1000, 1000)
    assert {name: len(gold) for name, gold in hansards.gold.items()} == {
        "dev37": 37,
        "odd224": 224,
    }
    first = hansards.gold["odd224"][0]
    assert first.source == first.target == ("2", ".")
    assert first.sure == {(0, 0), (1, 1)}
    assert hansards.test[1].source[:3] == ("le", "depute", "ne")
    assert hansards.test[1].target[:3] == ("he", "never", "gave")


def test_hansards_gold_is_that_of_the_shared_task(hansards, data_folder):
    path = data_folder / "hansards_fr-en" / "gold_test_all.wa.nonullalign.gz"
    everything = read_wpt(path, target_first=True)  # English comes first there
    for number, pair in enumerate(hansards.gold["odd224"]):
        assert (pair.sure, pair.possible) == everything[2 * number + 1]


def test_hansards_the_other_way_round_and_cut(hansards):
    other = load("hansards", direction="en-fr", limit=500)
    same = load("hansards", limit=500)
    assert counts(other) == (500, 1000, 1000)
    assert [pair[::-1] for pair in other.train] == same.train
    assert same.train != hansards.train[:500]
    assert set(same.train) <= set(hansards.train)
    for name, gold in hansards.gold.items():
        assert [flipped(pair) for pair in other.gold[name]] == gold


def test_multi30k():
    corpus = load("multi30k", silver=True)
    assert counts(corpus) == (29_000, 1014, 1000)
    assert corpus.dev[0].target[:4] == ("a", "group", "of", "men")
    assert [pair.pair for pair in corpus.gold["silver_val"]] == corpus.dev
    assert [pair.pair for pair in corpus.gold["silver_test_2016"]] == corpus.test
    options = {"source": "en", "target": "de", "silver": True}
    reverse = load("multi30k", **options)
    for name, gold in corpus.gold.items():
        assert [flipped(pair) for pair in reverse.gold[name]] == gold
    for source, target in (("fr", "cs"), ("cs", "en")):
        options = {"source": source, "target": target}
        assert counts(load("multi30k", **options)) == (29_000, 1014, 1000)
        with pytest.raises(ValueError, match=f"no silver links for {source}-{target}"):
            load("multi30k", silver=True, **options)
    raw = load("multi30k", tokenized=False)
    assert raw.dev[0].source[0] == "Eine" and raw.gold == {}


def test_tatoeba():
    corpus = load("tatoeba", silver=True)
    assert counts(corpus) == (12_000, 433, 477)
    assert [pair.pair for pair in corpus.gold["silver_test"]] == corpus.test
    other = load("tatoeba", silver=True, direction="en-de")
    for name, gold in corpus.gold.items():
        assert [flipped(pair) for pair in other.gold[name]] == gold
    full = load("tatoeba", size="full")
    assert counts(full) == (164_659, 1500, 1500)
    assert full.dev[0].source == ("es", "ist", "halb", "vier", ".")


def test_europarl():
    corpus = load("europarl")
    assert counts(corpus) == (10_350, 3000, 2737)
    assert links(corpus.gold["dev150"]) == (2838, 2838 + 1058)
    assert corpus.gold["dev150"][0].target == ("resumption", "of", "the", "session")
    assert corpus.gold["dev150"][0].sure == {(0, 0), (1, 1), (2, 1), (3, 2)}
    other = load("europarl", direction="en-de", lowercase=False)
    assert other.gold["dev150"][0].source[0] == "Resumption"
    words = {word for pair in corpus.train for word in pair.target}
    assert "'s" in words and "&apos;s" not in words
    more = load("europarl", direction="en-de", more=True)
    assert len(more.train) == 10_350 + 29_000 + 164_659
    assert more.train[:10_350] == load("europarl", direction="en-de").train
    assert more.train[10_350].target[:2] == ("zwei", "junge")
