import re

import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics.seed_significance import crossed_bootstrap
from attnlab.report import example_stats, marks, pairwise, rows, table
from attnlab.report.marks import PValues
from attnlab.report.pairwise import Step
from tests.report.by_hand import forced, nothing, row_of

N = 40
EASY = np.linspace(1.0, 3.0, N)  # nats of a sentence
HARD = EASY + 0.3
# A little more in the mean, by half of the sentences and against the other half.
ALIKE = EASY + np.tile([0.31, -0.3], N // 2)


def sweep_of(**seeds):
    """Rows and evidence of {row: nats of its sentences, a list a seed}."""
    swept, stats = [], {}
    for place, (name, nats) in enumerate(seeds.items()):
        results, stats[name] = forced(*nats)
        swept.append(row_of(name, *results, order=place))
    return swept, stats


@pytest.fixture
def three():
    return sweep_of(easy=[EASY, EASY + 0.002], alike=[ALIKE, ALIKE], hard=[HARD, HARD])


def verdicts(swept, stats, chain, key="perplexity"):
    return [step.verdict for step in pairwise.check(swept, stats, chain, key)]


def test_an_order_that_held_and_its_opposite(three):
    p = "(p = 0.001 over seeds and sentences)"
    assert verdicts(*three, "easy <= hard") == [f"held {p}"]
    assert verdicts(*three, "hard <= easy") == [f"did not hold {p}"]


def test_an_order_of_sentences_alone_is_called_so():
    """Of seeds that differ more than the rows, and of single seeds."""
    swept, stats = sweep_of(
        a=[EASY, EASY + 0.6], b=[EASY + 0.3, EASY + 0.7], one=[HARD + 0.9]
    )
    low, high = verdicts(swept, stats, "a <= b <= one")
    alone = r"held over sentences alone \(p = 0.001; "
    assert re.fullmatch(alone + r"over seeds, too, p = 0\.[2-9]\d\d\)", low)
    assert re.fullmatch(alone + r"one seed\)", high)


def test_a_difference_within_the_noise_is_called_so(three):
    (up,), (down,) = (
        pairwise.check(*three, chain) for chain in ("easy <= alike", "alike <= easy")
    )
    assert up.means[0] < up.means[1] and up.p_values == down.p_values
    p = f"(p = {up.p_values[0]:.3f}; over seeds, too, p = {up.p_values[1]:.3f})"
    assert min(up.p_values) > 0.2
    assert up.verdict == f"held, not significantly {p}"
    assert down.verdict == f"did not hold, not significantly {p}"


def test_the_level_is_that_of_the_table():
    level, below = marks.LEVEL, marks.LEVEL - 1e-6
    for p_values, expected in (
        (PValues(level, level), "held, not significantly (p = "),
        (PValues(below, level), "held over sentences alone (p = "),
        (PValues(below, None), "held over sentences alone (p = "),
        (PValues(level, below), "held (p = "),
    ):
        assert Step("a", "b", (1.0, 2.0), p_values).verdict.startswith(expected)


def test_a_row_equals_itself(three):
    (step,) = pairwise.check(*three, "hard<=hard")
    assert (
        step.verdict
        == "held, not significantly (p = 1.000; over seeds, too, p = 1.000)"
    )


def test_every_neighbor_of_a_chain_is_a_step_with_its_means(three):
    steps = pairwise.check(*three, "easy <= alike <= hard")
    names = [(step.first, step.second) for step in steps]
    assert names == [("easy", "alike"), ("alike", "hard")]
    for step in steps:
        for name, mean in zip((step.first, step.second), step.means, strict=True):
            (row,) = (row for row in three[0] if row.name == name)
            values = [run.result["perplexity"] for run in row.runs]
            np.testing.assert_allclose(mean, np.mean(values), rtol=1e-12)
    assert steps[1].verdict.startswith("held (p = 0.001 over seeds")


def test_other_sentences_are_not_tested(three):
    swept, stats = three
    turned = stats["hard"].losses[0]
    turned = turned._replace(references=turned.references[::-1])
    absent = "not tested for want of the same test sentences"
    for losses in ([turned, turned], [stats["hard"].losses[0], None]):
        altered = stats | {"hard": stats["hard"]._replace(losses=losses)}
        assert verdicts(swept, altered, "easy <= hard") == [f"held, {absent}"]
        assert verdicts(swept, altered, "hard <= easy") == [f"did not hold, {absent}"]


def test_a_row_without_the_score_is_not_known(three):
    swept, stats = three
    late, lost = row_of("late", None), row_of("lost", {"perplexity": None})
    stats = stats | {row.name: nothing(row) for row in (late, lost)}
    unknown = "not known, for want of a finished run with that score"
    chain = "late <= easy <= hard <= lost"
    expected = [unknown, "held (p = 0.001 over seeds and sentences)", unknown]
    assert verdicts([*swept, late, lost], stats, chain) == expected


def test_means_over_seeds_and_pooled_sentences_may_disagree():
    """Perplexities 2 and 18 have mean 10, but 6 of their sentences together."""
    uneven = [2 * np.log(2.0) + 0.1 * (EASY - 2.0), 2 * np.log(18.0) + 0 * EASY]
    swept, stats = sweep_of(uneven=uneven, even=[2 * np.log(9.0) + 0 * EASY] * 2)
    (down,) = pairwise.check(swept, stats, "uneven <= even")
    assert not down.agrees
    np.testing.assert_allclose(down.means, (10.0, 9.0), rtol=1e-6)
    otherwise = "but the sentences pooled over seeds say otherwise (p = 0.001)"
    assert down.verdict == f"did not hold, {otherwise}"
    (up,) = pairwise.check(swept, stats, "even <= uneven")
    assert up.verdict == f"held, {otherwise}"


def test_bleu_and_aer_are_ordered_as_numbers_not_as_merits(sweep):
    """local-p has more BLEU and less AER; the p-values are those of the table."""
    swept = rows.group(runs.find(sweep))
    stats = {row.name: example_stats.read(row) for row in swept}
    printed = table.make_table(swept, stats, baseline="local-p-general")
    for key, low, high in (
        ("bleu", "global-dot", "local-p-general"),
        ("aer", "local-p-general", "global-dot"),
        ("perplexity", "local-p-general", "global-dot"),
    ):
        (step,) = pairwise.check(swept, stats, f"{low} <= {high}", key)
        cell = printed.lines[0].cells[key]
        assert step.p_values[0] == cell.p_value
        assert step.p_values[1] == pytest.approx(cell.p_both, rel=1e-9)
        assert step.agrees and step.verdict.startswith("held (p = ")
        (turned,) = pairwise.check(swept, stats, f"{high} <= {low}", key)
        assert turned.agrees and turned.verdict.startswith("did not hold (p = ")


def test_the_test_is_over_seeds_and_sentences(three):
    (step,) = pairwise.check(*three, "easy <= alike", samples=500)
    counts = [
        np.stack([np.stack([nats, np.full(N, 2.0)], 1) for nats in seeds])
        for seeds in ((EASY, EASY + 0.002), (ALIKE, ALIKE))
    ]
    expected = crossed_bootstrap(*counts, example_stats.perplexity, samples=500)
    assert step.p_values == (expected.sentences.p_value, expected.p_value)


def test_names_may_hold_commas_and_go_by_their_slugs():
    swept, stats = sweep_of(**{"hard, 1 sample": [EASY], "aer <= 20": [HARD]})
    (step,) = pairwise.check(swept, stats, " hard, 1 sample<=  aer-20 ")
    assert (step.first, step.second) == ("hard, 1 sample", "aer <= 20")
    with pytest.raises(ValueError, match="no row 'aer' to put in order"):
        pairwise.check(swept, stats, "hard, 1 sample <= aer <= 20")


@pytest.mark.parametrize(
    ("chain", "key", "expected"),
    [
        ("easy", "perplexity", "'easy' is no order; write 'ROW <= ROW <= ...'"),
        ("easy < hard", "perplexity", "'easy < hard' is no order"),
        ("", "perplexity", "'' is no order"),
        ("easy <= late", "perplexity", "no row 'late' to put in order; choose easy, "),
        ("easy <= ", "perplexity", "no row '' to put in order"),
        ("easy <= hard", "entropy", "no order by 'entropy'; choose perplexity"),
        ("easy <= hard", "parameters", "no order by 'parameters'"),
    ],
)
def test_a_wrong_chain_is_named(three, chain, key, expected):
    with pytest.raises(ValueError) as error:
        pairwise.check(*three, chain, key)
    assert expected in str(error.value)


def test_sentences_give_means_differences_and_verdicts():
    steps = [
        Step("a", "b, c", (2.0, 2.126), PValues(0.5, 0.0123)),
        Step("b, c", "d", (2.126, 1.5), PValues(0.2, None)),
        Step("d", "e", None),
    ]
    asked, *lines = pairwise.sentences(steps)
    assert asked.startswith("Order asked for in perplexity: a <= b, c <= d <= e. ")
    assert "two-sided p of the paired bootstrap" in asked
    assert asked.endswith(
        "over seeds and sentences together, not corrected for 2 pairs."
    )
    assert lines == [
        "a 2.00 <= b, c 2.13, difference +0.13: held (p = 0.012 over seeds and "
        "sentences).",
        "b, c 2.13 <= d 1.50, difference -0.63: did not hold, not significantly "
        "(p = 0.200; one seed).",
        "d <= e: not known, for want of a finished run with that score.",
    ]
    asked, line = pairwise.sentences(
        [Step("a", "b", (0.2514, 0.3), PValues(0.01, 0.2))], "aer"
    )
    assert asked.startswith("Order asked for in AER: a <= b. ")
    assert "corrected" not in asked
    assert line == (
        "a 0.251 <= b 0.300, difference +0.049: held over sentences alone (p = 0.010; "
        "over seeds, too, p = 0.200)."
    )
