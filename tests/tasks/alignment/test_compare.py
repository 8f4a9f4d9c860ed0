"""The table of an aligner beside others, by hand-worked posteriors."""

import math

import numpy as np
import pytest

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics.significance import paired_bootstrap
from attnlab.metrics.symmetrization import SYMMETRIZATIONS
from attnlab.tasks.alignment.compare import (
    COLUMNS,
    REFERENCE,
    as_tsv,
    average,
    averaged_links,
    directed_links,
    make_table,
    own_links,
    render,
)
from attnlab.tasks.alignment.evaluate import Aligned, judge
from attnlab.text.pairs import GoldPair

# Target word 0 is source word 0, 1 is 1; forward lets word 1 be linked to nothing.
FORWARD = np.array([[0.9, 0.0], [0.3, 0.2]])
BACKWARD = np.array([[0.8, 0.4], [0.0, 0.6]])
ALIGNED = Aligned(FORWARD, BACKWARD, 0.0)
SURE = frozenset({(0, 0), (1, 1)})
PAIR = GoldPair(("a", "b"), ("x", "y"), SURE, SURE)
LONG = GoldPair(("a",) * 21, ("x",), frozenset({(0, 20)}), frozenset({(0, 20)}))
LAST = np.eye(21)[-1:]


def row(table, name):
    (chosen,) = [row for row in table if row.name == name]
    return chosen


def test_every_way_of_known_posteriors():
    ways = own_links([ALIGNED], 0.35)
    expected = {
        "forward": {(0, 0)},  # of word 1 nothing is likelier than 0.3
        "backward": {(0, 0), (1, 1)},
        REFERENCE: {(0, 0), (1, 1)},  # means 0.85 and 0.4
        "product from 0.1": {(0, 0), (1, 1)},  # 0.72 and 0.12
        "mean from 0.3": {(0, 0), (1, 1)},
        "mean from 0.5": {(0, 0)},
        "mean from 0.7": {(0, 0)},
        "intersection": {(0, 0)},
        "forward from 0.5": {(0, 0)},
        "backward from 0.5": {(0, 0), (1, 1)},
    }
    assert {name: ways[name][0] for name in expected} == expected
    assert set(ways) == {*expected, *SYMMETRIZATIONS}
    assert own_links([ALIGNED], 0.5)[REFERENCE] == [{(0, 0)}]


def test_the_rows_are_what_a_run_says_of_itself():
    aligned = [ALIGNED, Aligned(LAST, LAST, 0.0)]
    gold = [PAIR, LONG]
    _, numbers = judge(aligned, gold, 0.5)
    table = make_table([own_links(aligned, 0.5)], {}, gold)
    assert row(table, REFERENCE).every.aer == numbers["aer"]
    assert row(table, REFERENCE).every.recall == numbers["recall"]
    assert row(table, "mean from 0.5").every.aer == numbers["aer_threshold"]
    assert row(table, "product from 0.1").every.aer == numbers["aer_product"]
    for name in ("forward", "backward", *SYMMETRIZATIONS):
        key = "aer_" + name.replace("-", "_")
        assert row(table, name).every.aer == numbers[key]
    # the long pair is right: without it AER is higher
    assert row(table, "forward").every.aer == pytest.approx(1 - 4 / 5)
    assert row(table, "forward").short.aer == pytest.approx(1 - 2 / 3)


def test_several_runs_are_averaged_before_links_are_chosen():
    other = Aligned(np.array([[0.1, 0.8], [0.0, 0.9]]), np.zeros((2, 2)), 3.0)
    (mean,) = average([[ALIGNED], [other]])
    np.testing.assert_allclose(mean.forward, [[0.5, 0.4], [0.15, 0.55]])
    np.testing.assert_allclose(mean.backward, BACKWARD / 2)
    assert mean.nats == 1.5
    ways = averaged_links([[ALIGNED], [other]], 0.4)
    assert ways["forward from 0.5, 2 averaged"] == [{(0, 0), (1, 1)}]
    assert ways[f"{REFERENCE}, 2 averaged"] == [{(0, 0), (1, 1)}]  # 0.45, 0.425
    assert len(ways) == len(own_links([ALIGNED], 0.4))
    assert averaged_links([[ALIGNED]], 0.4) == {}


def test_seeds_are_pooled_and_tested_by_the_paired_bootstrap():
    gold = [PAIR] * 6
    good, poor = set(SURE), {(0, 1)}
    first = {REFERENCE: [good] * 5 + [poor], "forward": [poor] * 3 + [good] * 3}
    second = {REFERENCE: [good] * 6, "forward": [poor] * 4 + [good] * 2}
    others = {"other": [good] * 2 + [poor] * 4, "same": first[REFERENCE]}
    table = make_table([first, second], others, gold, samples=200)
    marks = [(pair.sure, pair.possible) for pair in gold]

    def counts(ways, name):
        return aer.statistics(ways[name], marks)

    pooled = counts(first, REFERENCE) + counts(second, REFERENCE)
    forward = counts(first, "forward") + counts(second, "forward")
    for name, system in (("forward", forward), ("other", counts(others, "other"))):
        test = paired_bootstrap(pooled, system, aer.score, samples=200)
        assert row(table, name).p_value == test.p_value
        assert row(table, name).every.aer == pytest.approx(test.second)
    assert row(table, "other").p_value < 0.05 < row(table, "same").p_value
    assert math.isnan(row(table, REFERENCE).p_value)
    assert [row.name for row in table] == [REFERENCE, "forward", "other", "same"]


def test_no_gold_and_no_links_have_no_p():
    ways = own_links([], 0.5)
    table = make_table([ways], {}, [])
    assert all(math.isnan(row.p_value) and row.every.links == 0 for row in table)
    nothing = GoldPair(("a",), ("x",), frozenset(), frozenset())
    blank = Aligned(np.zeros((1, 1)), np.zeros((1, 1)), 0.0)
    table = make_table([own_links([blank], 0.5)], {"o": [{(0, 0)}]}, [nothing])
    assert all(math.isnan(row.p_value) for row in table)
    assert "nan" in render("set", table) and " -" in render("set", table)
    assert "nan" not in as_tsv({"set": table}, {})


def test_a_row_has_one_name_and_links_of_every_pair():
    with pytest.raises(ValueError, match="called 'forward'"):
        make_table([own_links([ALIGNED], 0.5)], {"forward": [set()]}, [PAIR])
    with pytest.raises(ValueError, match="2 sentences, gold of 1"):
        make_table([own_links([ALIGNED], 0.5)], {"other": [set(), set()]}, [PAIR])


def test_what_is_printed_and_written():
    theirs = directed_links("eflomal", [set(SURE)], [{(1, 1)}])
    assert theirs["intersection, eflomal"] == [{(1, 1)}]
    assert theirs["union, eflomal"] == theirs["forward, eflomal"] == [SURE]
    table = make_table([own_links([ALIGNED], 0.5)], theirs, [PAIR])
    lines = render("set", table).splitlines()
    assert lines[0].split() == ["set", "AER", "prec", "recall", "AER", "<=20", "p"]
    assert len({len(line) for line in lines}) == 1
    reference = next(line for line in lines if line.startswith(REFERENCE))
    assert reference.split()[3:] == ["0.333", "1.000", "0.500", "0.333", "-"]
    written = as_tsv({"set": table}, {"forward, eflomal": 1.25}).splitlines()
    assert written[0].split("\t") == [*COLUMNS]
    assert len(written) == len(table) + 1
    cells = [line.split("\t") for line in written]
    (cells,) = [cells for cells in cells if cells[1] == "forward, eflomal"]
    assert cells[2:6] == ["0", "1", "1", "0"] and cells[7] == "1.25"
