import math
from itertools import product

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score as bleu
from attnlab.metrics.significance import (
    approximate_randomization,
    paired_bootstrap,
    paired_bootstraps,
    resampled,
    spread,
)


@pytest.fixture(scope="module")
def texts():
    """References and two systems, the second a little better."""
    rng = np.random.default_rng(2)
    references = [
        [f"w{k}" for k in rng.integers(0, 40, size=rng.integers(5, 20))]
        for _ in range(150)
    ]

    def system(noise):
        return [
            " ".join(w if rng.random() > noise else "x" for w in words)
            for words in references
        ]

    return [" ".join(words) for words in references], system(0.24), system(0.2)


def counts_of(texts):
    references, one, two = texts
    return bleu.statistics(one, references), bleu.statistics(two, references)


@pytest.fixture
def seeded(monkeypatch):
    monkeypatch.setenv("SACREBLEU_SEED", "7")


def sacrebleu_test(texts, kind, samples):
    references, one, two = texts
    metric = BLEU(tokenize="none", references=[references], force=True)
    named = [("one", one), ("two", two)]
    _, scores = PairedTest(
        named, {"BLEU": metric}, None, test_type=kind, n_samples=samples
    )()
    return scores["BLEU"]


def test_bootstrap_draws_and_scores_as_sacrebleu_does(texts, seeded):
    first, second = sacrebleu_test(texts, "bs", 300)
    pairs = resampled(*counts_of(texts), bleu.score, samples=300, seed=7)
    assert pairs.shape == (300, 2)
    for column, theirs in enumerate((first, second)):
        assert pairs[:, column].mean() == pytest.approx(theirs.mean, rel=1e-5)
    ordered = np.sort(pairs[:, 1])
    half_width = (ordered[-8] - ordered[7]) / 2  # 300 // 40 = 7 from either end
    assert half_width == pytest.approx(second.ci, rel=1e-4)
    # and their one-sided p-value follows from the same samples
    differences = np.abs(pairs[:, 1] - pairs[:, 0])
    beyond = differences - differences.mean() > abs(second.score - first.score)
    assert (beyond.sum() + 1) / 301 == pytest.approx(second.p_value)


def test_bootstrap_result(texts):
    first, second = counts_of(texts)
    result = paired_bootstrap(first, second, bleu.score, samples=500, seed=1)
    assert result.first == pytest.approx(bleu.score(first.sum(axis=0)))
    assert result.second == pytest.approx(bleu.score(second.sum(axis=0)))
    assert result.difference == pytest.approx(result.second - result.first)
    assert result.low < result.difference < result.high
    assert result.p_value < 0.05 and result.low > 0.0 and result.wins > 0.97
    turned = paired_bootstrap(second, first, bleu.score, samples=500, seed=1)
    assert turned.p_value == result.p_value
    assert turned.difference == -result.difference
    assert turned.wins == pytest.approx(1.0 - result.wins)
    assert (turned.low, turned.high) == pytest.approx((-result.high, -result.low))


def test_randomization_is_sacrebleus(texts, seeded):
    first, second = sacrebleu_test(texts, "ar", 400)
    result = approximate_randomization(
        *counts_of(texts), bleu.score, samples=400, seed=7
    )
    assert result.p_value == pytest.approx(second.p_value)
    assert (result.first, result.second) == pytest.approx((first.score, second.score))
    assert math.isnan(result.low) and math.isnan(result.wins)


@pytest.mark.parametrize("test", [paired_bootstrap, approximate_randomization])
def test_equal_systems_are_not_different(texts, test):
    first, _ = counts_of(texts)
    result = test(first, first, bleu.score, samples=100)
    assert result.difference == 0.0 and result.p_value == 1.0


@pytest.mark.parametrize("test", [paired_bootstrap, approximate_randomization])
def test_seed_determines_the_result(texts, test):
    first, second = counts_of(texts)
    second[:100] = first[:100]  # few enough differences for a p-value well above zero
    a, b, c = (test(first, second, bleu.score, samples=500, seed=s) for s in (0, 0, 1))
    np.testing.assert_equal(a, b)
    assert a.p_value != c.p_value


def test_randomization_approaches_the_exact_permutation_test():
    """Ten sentences: all 2^10 ways of swapping can be counted."""
    rng = np.random.default_rng(4)
    sure = [{(t, t) for t in range(6)} for _ in range(10)]
    gold = [(s, set()) for s in sure]

    def system(wrong):
        return [{(t, t if rng.random() > wrong else 9) for t in range(6)} for _ in sure]

    first, second = aer.statistics(system(0.5), gold), aer.statistics(system(0.3), gold)
    observed = abs(aer.score(second.sum(0)) - aer.score(first.sum(0)))
    beyond = 0
    for swap in product([False, True], repeat=10):
        swapped = np.array(swap)[:, None]
        a = np.where(swapped, second, first).sum(axis=0)
        b = np.where(swapped, first, second).sum(axis=0)
        beyond += abs(aer.score(a) - aer.score(b)) >= observed - 1e-9
    result = approximate_randomization(first, second, aer.score, samples=20000)
    assert 0.01 < beyond / 1024 < 0.9
    assert result.p_value == pytest.approx(beyond / 1024, abs=0.012)


def test_aer_bootstrap_finds_the_better_aligner():
    gold = [({(t, t) for t in range(5)}, set()) for _ in range(60)]
    good = [{(t, t) for t in range(5)} for _ in range(60)]
    bad = [{(0, 0), (1, 2), (2, 2), (3, 3)} for _ in range(60)]
    result = paired_bootstrap(
        aer.statistics(bad, gold), aer.statistics(good, gold), aer.score, samples=200
    )
    assert result.difference == pytest.approx(-(1 - 6 / 9))
    assert result.wins == 0.0 and result.p_value == pytest.approx(1 / 201)


def test_samples_in_pieces_are_the_same_samples(texts, monkeypatch):
    first, second = counts_of(texts)
    whole = resampled(first, second, bleu.score, samples=40)
    monkeypatch.setattr("attnlab.metrics.significance._CELLS", 150 * 7)
    np.testing.assert_array_equal(
        resampled(first, second, bleu.score, samples=40), whole
    )
    assert (
        approximate_randomization(first, second, bleu.score, samples=40).samples == 40
    )


def one_by_one(first, second, score, samples, seed):
    """The p-value and interval of the paired bootstrap, sample by sample."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(first), size=(samples, len(first)))
    differences = np.array(
        [score(second[d].sum(axis=0)) - score(first[d].sum(axis=0)) for d in drawn]
    )
    observed = score(second.sum(axis=0)) - score(first.sum(axis=0))
    beyond = np.abs(differences - differences.mean()) >= abs(observed) - 1e-9
    interval = np.quantile(differences, (0.025, 0.975))
    return (beyond.sum() + 1) / (samples + 1), *interval


@pytest.mark.parametrize("cells", [4_000_000, 150 * 7, 1])
def test_many_systems_at_once_are_those_tested_one_by_one(texts, monkeypatch, cells):
    """Whole counts to the last bit, also in small pieces; ties among them too."""
    references, one, two = texts
    mixed = [*two[:20], *one[20:]]
    first, *others = (
        bleu.statistics(hypotheses, references)
        for hypotheses in (one, two, mixed, one, references)
    )
    slow = [one_by_one(first, other, bleu.score, 60, 3) for other in others]
    alone = [
        paired_bootstrap(first, other, bleu.score, samples=60, seed=3)
        for other in others
    ]
    monkeypatch.setattr("attnlab.metrics.significance._CELLS", cells)
    at_once = paired_bootstraps(first, others, bleu.score, samples=60, seed=3)
    assert at_once == alone
    assert [(c.p_value, c.low, c.high) for c in at_once] == slow
    assert at_once[2].p_value == 1.0 and at_once[2].wins == 0.5
    assert len({comparison.p_value for comparison in at_once}) > 2


def test_many_systems_at_once_of_real_numbers():
    """Losses: their sums round otherwise in one product than in several."""
    rng = np.random.default_rng(5)
    units = rng.integers(3, 20, 200)
    first, *others = (
        np.stack([units * rng.normal(2 + shift, 0.5, 200), units], axis=1)
        for shift in (0.0, 0.0, 0.03, 0.06, 0.2)
    )

    def perplexity(totals):
        return np.exp(totals[..., 0] / totals[..., 1])

    at_once = paired_bootstraps(first, others, perplexity, samples=400, seed=1)
    for comparison, other in zip(at_once, others, strict=True):
        p_value, low, high = one_by_one(first, other, perplexity, 400, 1)
        assert comparison.p_value == p_value
        np.testing.assert_allclose((comparison.low, comparison.high), (low, high))
    assert len({comparison.p_value for comparison in at_once}) == 4
    assert paired_bootstraps(first, [], perplexity) == []


def test_spread():
    assert spread([1.0, 3.0]) == pytest.approx((2.0, math.sqrt(2)))
    mean, deviation = spread([5.0])
    assert mean == 5.0 and math.isnan(deviation)
    assert all(math.isnan(x) for x in spread([]))


def test_errors(texts):
    first, second = counts_of(texts)
    with pytest.raises(ValueError, match=r"same sentences, got shapes \(150, 10\) and"):
        paired_bootstrap(first, second[:-1], bleu.score)
    with pytest.raises(ValueError, match=r"\(150, 10\) and \(149, 10\)"):
        paired_bootstraps(first, [second, second[:-1]], bleu.score)
    with pytest.raises(ValueError, match="0 samples of 150 sentences"):
        approximate_randomization(first, second, bleu.score, samples=0)
    with pytest.raises(ValueError, match="samples of 0 sentences"):
        paired_bootstrap(first[:0], second[:0], bleu.score)
