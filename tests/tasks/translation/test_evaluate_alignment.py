"""Scores of alignments whose weights are known, and the ways to combine them."""

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics.symmetrization import SYMMETRIZATIONS
from attnlab.tasks.translation.evaluate_alignment import (
    Direction,
    agreement,
    compare,
    judge,
    render,
)
from attnlab.tasks.translation.task import make_task
from attnlab.tasks.translation.translator import ForcedAlignment
from attnlab.text.pairs import GoldPair, Pair
from tests.tiny import tiny

# Two words each way, crossed; and one word that is 21 words on the other side.
CROSSED = GoldPair(("a", "b"), ("y", "x"), frozenset({(0, 1), (1, 0)}), frozenset())
LONG = GoldPair(("a",) * 21, ("x",), frozenset({(0, 20)}), frozenset({(0, 20)}))
GOLD = [CROSSED._replace(possible=CROSSED.sure), LONG]


class Fixed:
    """A translator whose alignments are given: {(source, target, kind): weights}."""

    null = False

    def __init__(self, prior, posterior):
        self.weights = {"prior": prior, "posterior": posterior}

    def forced_alignments(self, params, pairs):
        assert params == "parameters"
        return [
            ForcedAlignment(
                self.align_one(pair, "prior"),
                self.align_one(pair, "posterior"),
                np.arange(len(pair.target)),
                np.arange(len(pair.target)),
            )
            for pair in pairs
        ]

    def align_one(self, pair, kind):
        return np.array(self.weights[kind][len(pair.source)])

    def align(self, params, pairs, kind="prior"):
        assert params == "parameters"
        return [self.align_one(pair, kind) for pair in pairs]


LAST = np.eye(21)[-1:]
FORWARD = Fixed(
    {2: [[0.6, 0.4], [0.7, 0.3]], 21: LAST}, {2: [[0, 1], [1, 0]], 21: LAST[:, ::-1]}
)
BACKWARD = Fixed({2: [[0, 1], [1, 0]], 1: np.ones((21, 1))}, {2: np.eye(2), 1: LAST.T})


def test_judge_of_known_weights():
    aligned, numbers = judge(FORWARD, "parameters", GOLD)
    # prior links (0, 0), (1, 0), (0, 20): two of three right, three gold
    assert numbers["aer"] == pytest.approx(1 - 4 / 6)
    assert numbers["precision"] == pytest.approx(2 / 3)
    assert numbers["recall"] == pytest.approx(2 / 3)
    assert numbers["aer_short"] == pytest.approx(1 - 2 / 4)
    # posterior links (0, 1), (1, 0) and the wrong (0, 0)
    assert numbers["aer_posterior"] == pytest.approx(1 - 4 / 6)
    # row 0 read as word 1 links (1, 0), right, and row 1 as word 0 (0, 0), wrong; the
    # single row of the long pair is shifted away
    assert numbers["aer_shift_1"] == pytest.approx(1 - 2 / 4)
    assert numbers["aer_shift_-1"] == pytest.approx(1.0)
    assert numbers["mass_on_gold"] == pytest.approx((0.4 + 0.7 + 1.0) / 3)
    assert numbers["largest_weight"] == pytest.approx((0.6 + 0.7 + 1.0) / 3)
    assert aligned[0].source == ("a", "b") and aligned[0].sure == GOLD[0].sure
    np.testing.assert_allclose(aligned[1].weights, LAST)
    assert aligned[0].centres is None and aligned[0].samples is None


def test_words_likelier_of_nothing_have_no_link_and_no_weights():
    few = [[0.3, 0.1], [0.7, 0.3]]  # the first word is of nothing at 0.6
    chain = Fixed({2: few, 21: LAST}, {2: few, 21: LAST})
    plain = judge(chain, "parameters", GOLD)[1]
    chain.null = True
    aligned, numbers = judge(chain, "parameters", GOLD)
    assert plain["recall"] == numbers["recall"]  # its link (0, 0) was wrong
    assert plain["precision"] < numbers["precision"]
    np.testing.assert_allclose(aligned[0].weights, [[0, 0], [0.7, 0.3]])
    links = compare({"set": GOLD}, Direction(chain, "parameters"))["set"]
    assert links["forward, posterior"][0].precision == numbers["precision"]


def test_judge_keeps_the_centres_of_windows_and_the_draws_of_hard_reads():
    (pair, _), _ = judge(FORWARD, "parameters", GOLD, local=True)
    assert pair.centres is not None and pair.centres.tolist() == [0, 1]
    assert pair.samples is None
    (pair, _), _ = judge(FORWARD, "parameters", GOLD, hard=True)
    assert pair.centres is None
    assert pair.samples is not None and pair.samples.tolist() == [0, 1]


def test_agreement_of_short_pairs_alone():
    links = [set(GOLD[0].sure), set()]
    assert agreement(links, GOLD).recall == pytest.approx(2 / 3)
    assert agreement(links, GOLD, longest=20).aer == 0.0


def test_compare_puts_both_directions_together():
    backward = Direction(BACKWARD, "parameters")
    tables = compare({"set": GOLD}, Direction(FORWARD, "parameters"), backward)["set"]
    kinds = ("prior", "posterior")
    names = {f"{name}, {k}" for name in SYMMETRIZATIONS for k in kinds}
    names |= {f"{side}, {k}" for side in ("forward", "backward") for k in kinds}
    assert set(tables) == names
    everything, short = tables["backward, prior"]
    # turned round: (0, 1), (1, 0) and all 21 links of the long pair's one target word
    assert everything.links == 23 and everything.in_sure == 3
    assert short.aer == 0.0
    both = tables["intersection, prior"][0]
    assert (both.links, both.in_sure) == (2, 2)  # (1, 0) and (0, 20)


def test_several_gold_sets_are_kept_apart():
    tables = compare(
        {"one": GOLD[1:], "two": GOLD[:1]}, Direction(FORWARD, "parameters")
    )
    assert tables["one"]["forward, prior"][0].aer == 0.0
    assert tables["two"]["forward, prior"][0].aer == pytest.approx(0.5)
    with pytest.raises(ValueError, match="no gold links"):
        compare({}, Direction(FORWARD, "parameters"))


def test_an_aligner_is_judged_beside_them():
    pytest.importorskip("thot")
    text = [(f"a{n}", f"b{m}") for n in range(6) for m in range(6)]
    training = [Pair(words, tuple(reversed(words))) for words in text]
    sure = frozenset({(0, 1), (1, 0)})
    gold = {"set": [GoldPair(("a1", "b2"), ("b2", "a1"), sure, sure)]}
    diagonal = Fixed({2: np.eye(2)}, {2: np.eye(2)})
    tables = compare(gold, Direction(diagonal, "parameters"), None, training, ["ibm1"])[
        "set"
    ]
    assert tables["forward, ibm1"][0].aer == tables["grow-diag, ibm1"][0].aer == 0.0
    assert tables["forward, prior"][0].aer == 1.0


def test_one_direction_alone_and_its_table():
    tables = compare({"set": GOLD}, Direction(FORWARD, "parameters"))["set"]
    assert list(tables) == ["forward, prior", "forward, posterior"]
    lines = render("set", tables).splitlines()
    assert lines[0].split() == ["set", "AER", "prec", "recall", "AER", "<=20"]
    rates = ["0.333", "0.667", "0.667", "0.500"]
    assert lines[1].split() == ["forward,", "prior", *rates]


def test_a_translation_run_keeps_centres_and_draws(tmp_path):
    overrides = {"model.window": "local-m", "model.half_width": 2, "model.read": "hard"}
    settings = tiny(**overrides, **{"estimator.learning": "marginal"})
    task = make_task(settings, tmp_path)
    task.finish(task.init(jax.random.key(0)), tmp_path)
    sets = runs.read_alignments(tmp_path)
    assert sets
    for pair in (pair for pairs in sets.values() for pair in pairs):
        last = len(pair.source) - 1
        assert pair.centres.tolist() == [min(t, last) for t in range(len(pair.target))]
        for t, s in enumerate(pair.samples):
            assert abs(s - pair.centres[t]) <= 2 and pair.weights[t, s] > 0
