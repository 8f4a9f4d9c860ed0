"""Parallel text in numbers, against counts by hand."""

import pytest

from attnlab.corpora.loading import load_corpus
from attnlab.report.corpus_plots import corpus_panels
from attnlab.tasks.translation import describe as describing
from attnlab.tasks.translation.describe import describe
from attnlab.text.pairs import Corpus, GoldPair, Pair
from attnlab.text.parallel_corpora import CORPORA
from tests.corpora.tables import panel, rows


def pair(source, target):
    return Pair(tuple(source.split()), tuple(target.split()))


def test_parallel_text():
    train = [pair("a b", "x"), pair("a b", "x"), pair("a c d", "y x"), pair("a", "y")]
    gold = GoldPair(
        ("a", "b"), ("x", "y"), frozenset({(0, 1), (1, 0)}), frozenset({(0, 1), (1, 0)})
    )
    dev = [pair("a b", "z y"), pair("c q q q", "y")]
    named = {"gold": [gold], "none": [gold._replace(sure=frozenset())]}
    corpus = Corpus("c", train, dev, [pair("", "x")], named, "fr", "en", "About it.")
    description = describe(corpus)
    assert description.about == "About it."
    assert rows(description, "pairs") == {
        split: dict(zip(rows(description, "pairs")["dev"], numbers, strict=True))
        for split, numbers in {
            "train": ("4", "1", "", "0"),
            "dev": ("2", "0", "1", "0"),
            "test": ("1", "0", "0", "1"),
        }.items()
    }
    lengths = rows(description, "lengths")
    assert lengths["train fr"]["mean"] == "2.0" and lengths["train fr"]["most"] == "3"
    assert list(lengths)[:3] == ["train fr", "train en", "dev fr"]
    words = rows(description, "words")
    assert words["train fr"] == {
        "tokens": "8",
        "different ones": "4",
        "of them once": "50.0%",
    }
    known = rows(description, "share of words known")
    assert known["dev fr"]["all"] == "50.0%"  # a b c of six
    assert known["dev en"]["all"] == "66.7%"  # y y of z y y
    assert "test fr" not in known and known["test en"]["all"] == "100.0%"
    order = rows(description, "word order")
    assert order["gold"]["|t - s|"] == "1.00" and order["gold"]["tau"] == "-1.00"
    assert order["gold"]["crossing"] == "100.0%"
    assert order["none"]["crossing"] == ""
    assert rows(description, "links")["none"]["sure"] == "0"
    assert rows(description, "share of sure links")["gold"]["D = 0"] == "0.0%"
    assert rows(description, "share of sure links")["gold"]["D = 1"] == "100.0%"
    assert panel(description, "words of a training")["fr"] == {1: 0.25, 2: 0.5, 3: 0.25}
    assert panel(description, "distance") == {"gold": {0: 0.0, 1: 1.0}}
    assert panel(description, "jump") == {"gold": {-1: 1.0}}


def test_a_text_too_large_for_memory_is_described_by_a_sample(monkeypatch):
    class Streamed:
        """Pairs read from somewhere, 10 ** 9 of them, the shortest first."""

        def __len__(self):
            return 10**9

        def __getitem__(self, index):
            assert type(index) is int
            return pair("a" if index < 10**7 else "a b", "c")

    monkeypatch.setattr(describing, "MOST", 3)
    description = describe(Corpus("c", Streamed(), [], [], {}, "x", "y", ""))
    assert (
        description.tables[0].title
        == "pairs; of train, here and below, 3 drawn at random"
    )
    assert rows(description, "pairs")["train"]["pairs"] == "3"
    assert rows(description, "words")["train x"]["tokens"] == "6"


def test_a_gold_set_without_links_leaves_no_panel_of_word_order():
    gold = {"none": [GoldPair(("a",), ("b",), frozenset(), frozenset())]}
    description = describe(Corpus("c", [pair("a", "b")], [], [], gold, "x", "y", ""))
    assert [panel.x for panel in description.panels] == [
        "words of a training sentence",
        "most frequent words of training",  # how much of the set training knows
    ]
    known = "share of words known to a vocabulary of the so many most frequent"
    assert rows(description, known)["gold-none x"]["all"] == "100.0%"
    assert corpus_panels(description.panels).axes


def test_links_far_off_share_the_last_place_of_a_panel():
    words = tuple(str(n) for n in range(30))
    links = frozenset({(0, 29), (1, 0), (2, 15)})
    gold = {"far": [GoldPair(words, words, links, links)]}
    description = describe(Corpus("c", [], [], [], gold, "a", "b", ""))
    distances = panel(description, "distance")["far"]
    assert distances[12] == pytest.approx(2 / 3)
    assert distances[1] == pytest.approx(1 / 3)
    jumps = panel(description, "jump")["far"]
    assert (jumps[-12], jumps[12]) == (0.5, 0.5) and sum(jumps.values()) == 1


@pytest.mark.data
def test_real_links_as_others_count_them(data_folder, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(data_folder))
    description = describe(load_corpus(CORPORA, "hansards"))
    assert rows(description, "links")["odd224"]["sure"] == "1,963"
