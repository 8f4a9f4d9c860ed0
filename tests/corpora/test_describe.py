"""Descriptions of small corpora, against what counts by hand give."""

import numpy as np
import pytest

from attnlab.corpora import describe as describing
from attnlab.corpora import loading
from attnlab.corpora.describe import KINDS, describe
from attnlab.corpora.plots import portrait
from attnlab.tasks.captioning.batches import Captioned, GoldPlace, Pictures
from attnlab.tasks.classification.records import Labeled, LabeledSentence
from attnlab.tasks.cloze.corpora import Cloze, ClozeQuestion
from attnlab.tasks.memn2n.batches import Stories, StoryQuestion
from attnlab.tasks.ntm import data as algorithmic
from attnlab.text.pairs import Corpus, GoldPair, Pair


def rows(description, title):
    """{name of a row: {column: text}} of the table whose title begins so."""
    (table,) = [one for one in description.tables if one.title.startswith(title)]
    assert all(len(row) == len(table.columns) for row in table.rows)
    return {
        row[0]: dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows
    }


def panel(description, x):
    (found,) = [one for one in description.panels if one.x.startswith(x)]
    return {
        name: dict(zip(np.asarray(values).tolist(), shares.tolist(), strict=True))
        for name, (values, shares) in found.series.items()
    }


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
    found = describe(corpus, "mine")
    assert (found.name, found.about) == ("mine", "About it.")
    assert rows(found, "pairs") == {
        split: dict(zip(rows(found, "pairs")["dev"], numbers, strict=True))
        for split, numbers in {
            "train": ("4", "1", "", "0"),
            "dev": ("2", "0", "1", "0"),
            "test": ("1", "0", "0", "1"),
        }.items()
    }
    lengths = rows(found, "lengths")
    assert lengths["train fr"]["mean"] == "2.0" and lengths["train fr"]["most"] == "3"
    assert list(lengths)[:3] == ["train fr", "train en", "dev fr"]
    words = rows(found, "words")
    assert words["train fr"] == {
        "tokens": "8",
        "different ones": "4",
        "of them once": "50.0%",
    }
    known = rows(found, "share of words known")
    assert known["dev fr"]["all"] == "50.0%"  # a b c of six
    assert known["dev en"]["all"] == "66.7%"  # y y of z y y
    assert "test fr" not in known and known["test en"]["all"] == "100.0%"
    order = rows(found, "word order")
    assert order["gold"]["|t - s|"] == "1.00" and order["gold"]["tau"] == "-1.00"
    assert order["gold"]["crossing"] == "100.0%"
    assert order["none"]["crossing"] == ""
    assert rows(found, "links")["none"]["sure"] == "0"
    assert rows(found, "share of sure links")["gold"]["D = 0"] == "0.0%"
    assert rows(found, "share of sure links")["gold"]["D = 1"] == "100.0%"
    assert panel(found, "words of a training")["fr"] == {1: 0.25, 2: 0.5, 3: 0.25}
    assert panel(found, "distance") == {"gold": {0: 0.0, 1: 1.0}}
    assert panel(found, "jump") == {"gold": {-1: 1.0}}


def test_a_text_too_large_for_memory_is_described_by_a_sample(monkeypatch):
    class Streamed:
        """Pairs read from somewhere, 10 ** 9 of them, the shortest first."""

        def __len__(self):
            return 10**9

        def __getitem__(self, index):
            assert type(index) is int
            return pair("a" if index < 10**7 else "a b", "c")

    monkeypatch.setattr(describing, "MOST", 3)
    found = describe(Corpus("c", Streamed(), [], [], {}, "x", "y", ""), "c")
    assert found.tables[0].title == "pairs; of train, here and below, 3 drawn at random"
    assert rows(found, "pairs")["train"]["pairs"] == "3"
    assert rows(found, "words")["train x"]["tokens"] == "6"


def test_a_gold_set_without_links_leaves_no_panel():
    gold = {"none": [GoldPair(("a",), ("b",), frozenset(), frozenset())]}
    found = describe(Corpus("c", [pair("a", "b")], [], [], gold, "x", "y", ""), "c")
    assert [one.x for one in found.panels] == ["words of a training sentence"]
    assert portrait(found.panels).axes


def test_links_far_off_share_the_last_place_of_a_panel():
    words = tuple(str(n) for n in range(30))
    links = frozenset({(0, 29), (1, 0), (2, 15)})
    gold = {"far": [GoldPair(words, words, links, links)]}
    found = describe(Corpus("c", [], [], [], gold, "a", "b", ""), "c")
    distances = panel(found, "distance")["far"]
    assert distances[12] == pytest.approx(2 / 3)
    assert distances[1] == pytest.approx(1 / 3)
    jumps = panel(found, "jump")["far"]
    assert (jumps[-12], jumps[12]) == (0.5, 0.5) and sum(jumps.values()) == 1


def test_labeled_sentences():
    train = [
        LabeledSentence(("a", "b"), 0),
        LabeledSentence(("a",), 1),
        LabeledSentence(("c",) * 4, 1),
    ]
    tested = [LabeledSentence(("a", "q"), 1, frozenset({0, 1}))]
    corpus = Labeled("l", train, tested, tested, ("bad", "good"), "")
    found = describe(corpus, "l")
    assert rows(found, "examples")["train"] == {
        "number": "3",
        "bad": "33.3%",
        "good": "66.7%",
    }
    assert rows(found, "lengths")["evidence in test"]["mean"] == "2.0"
    assert rows(found, "share of words known")["test"]["all"] == "50.0%"
    assert panel(found, "words of a training") == {
        "bad": {2: 1.0},
        "good": {1: 0.5, 2: 0.0, 3: 0.0, 4: 0.5},
    }


def test_cloze_questions():
    def ask(passage, query, answer):
        return ClozeQuestion("q", tuple(passage.split()), tuple(query.split()), answer)

    train = [
        ask("@entity1 saw @entity2 . @entity1 left", "@placeholder left", "@entity1"),
        ask("@entity0 saw @entity2", "@entity0 saw @placeholder", "@entity2"),
    ]
    found = describe(Cloze("c", train, train[:1], train[1:], ""), "c")
    assert rows(found, "questions")["train"] == {
        "questions": "2",
        "passages": "2",
        "right: any entity": "50.0%",
        "most frequent": "50.0%",  # of two as frequent the first
        "... that the query lacks": "100.0%",
    }
    lengths = rows(found, "lengths")
    assert lengths["train: passage"]["mean"] == "4.5"
    assert lengths["train: answer in its passage"]["most"] == "2"
    assert rows(found, "words")["train"]["tokens"] == "6"  # no entities
    assert rows(found, "words")["test"]["tokens"] == "2"


def test_questions_over_stories():
    story = (("he", "went"), ("she", "went", "home"), ("it", "fell"))

    def ask(answer, facts, told, task="1"):
        return StoryQuestion(story[:told], ("where",), answer, frozenset(facts), task)

    train = [ask("home", {0}, 3), ask("home", {1}, 2), ask("there", {0}, 1)]
    test = [ask("home", {0, 2}, 3), ask("there", {1}, 3), ask("home", (), 2, "2")]
    found = describe(Stories("s", train, [], test, ""), "s")
    assert rows(found, "tasks")["1"] == {
        "train": "3",
        "test": "2",
        "sentences": "3.0",
        "facts": "1.5",
        "oldest fact, back": "2.5",
        "(most)": "3",
        "answers": "2",
        "usual one is right": "50.0%",
    }
    assert rows(found, "tasks")["2"]["answers"] == ""  # nothing to learn it from
    assert rows(found, "lengths")["train story"]["mean"] == "2.0"
    assert rows(found, "lengths")["different sentences of train"]["number"] == "3"
    back = panel(found, "sentences back")["train"]
    assert back == pytest.approx({1: 2 / 3, 2: 0, 3: 1 / 3})


def test_captioned_pictures():
    picture = np.zeros((4, 6, 3), np.uint8)
    place = GoldPlace(0, 0.0, 0.0, 1.0, 1.0)
    train = [
        Captioned("a", (("a", "dog"), ("dog",)), picture, places=(place,)),
        Captioned("b", (("dog",),), picture),
    ]
    dev = [Captioned("c", (("dog",), ("a", "cat", "ran")), picture)]
    found = describe(Pictures("p", train, dev, dev, ""), "p")
    assert rows(found, "pictures of 4 x 6 x 3")["dev"] == {
        "pictures": "1",
        "captions": "2",
        "different ones": "2",
        "also in train": "1",
    }
    assert rows(found, "pictures")["train"]["different ones"] == "2"
    lengths = rows(found, "lengths")
    assert lengths["captions of a picture"]["mean"] == "1.5"
    assert lengths["places of a picture"]["most"] == "1"
    assert rows(found, "share of words known")["dev"]["all"] == "50.0%"
    given = [one._replace(picture=None, features=np.zeros((2, 2, 5))) for one in train]
    found = describe(Pictures("p", given, given, given, ""), "p")
    assert rows(found, "features of 2 x 2 x 5")["train"]["pictures"] == "2"


def test_an_algorithmic_task():
    problem = algorithmic.copy(lengths=(2, 4), test=(3, 9))
    found = describe(problem, "copy")
    assert found.about.startswith("9 inputs and 8 outputs a step; trained on 3 sizes")
    table = rows(found, "sequences")
    assert list(table) == ["train 2", "train 4", "test 3", "test 9"]
    assert table["test 9"]["steps"] == "19"
    assert table["test 9"]["of them scored"] == f"{9 / 19:.1%}"
    assert rows(found, "steps")["train"]["most"] == "9"
    assert panel(found, "steps")["train"][5] == pytest.approx(1 / 3)


def test_each_kind_that_a_loader_gives_can_be_described():
    few = {"train": 3, "dev": 2, "test": 2}
    seen = set()
    for name in ("synthetic", "scenes", "cloze", "stories", "evidence"):
        corpus = loading.load(name, **few)
        assert describe(corpus, name).tables
        seen.add(type(corpus))
    for name in algorithmic.PROBLEMS:
        problem = loading.load(name)
        assert describe(problem, name).panels
        seen.add(type(problem))
    assert seen == set(KINDS)


@pytest.mark.data
def test_the_real_corpora_as_others_count_them(data_folder):
    found = describe(loading.load("hansards", folder=data_folder), "hansards")
    assert rows(found, "links")["odd224"]["sure"] == "1,963"
    found = describe(loading.load("ieer", folder=data_folder), "ieer")
    assert rows(found, "questions")["test"]["most frequent"] == "39.4%"
    found = describe(loading.load("sst", folder=data_folder), "sst")
    assert rows(found, "examples")["train"]["number"] == "8,544"
