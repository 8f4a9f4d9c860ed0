"""The test over seeds and sentences, against loops and by how often it rejects."""

import math

import numpy as np
import pytest
from scipy.stats import t as student

from attnlab.metrics import seed_significance as module
from attnlab.metrics.seed_significance import crossed_bootstrap, crossed_bootstraps
from attnlab.metrics.significance import paired_bootstrap

SAMPLES = 150


def mean(totals):
    return totals[..., 0] / totals[..., 1]


def perplexity(totals):
    return np.exp(mean(totals))


def system(rng, seeds, sentences=40, *, spread=0.05, noise=0.1, better=0.0, base=0.0):
    """Counts [seeds, N, 2] of a sum and how many it is of."""
    units = 3 + np.arange(sentences) % 4
    value = 1.0 + better + base + rng.normal(0, spread, (seeds, 1))
    value = value + rng.normal(0, noise, (seeds, sentences))
    return np.stack([value * units, np.broadcast_to(units, value.shape)], axis=2)


def by_loops(first, second, score):
    """(difference, error, degrees, p), a sample and a seed at a time."""
    k, n = [len(first), len(second)], first.shape[1]
    rng = np.random.default_rng(0)
    drawn = [np.zeros((SAMPLES, seeds)) for seeds in k]
    for sample in range(SAMPLES):
        places = rng.choice(n, size=n, replace=True)
        for scores, counts in zip(drawn, (first, second), strict=True):
            for seed, of_seed in enumerate(counts):
                scores[sample, seed] = score(sum(of_seed[place] for place in places))
    observed = [[score(c.sum(0)) for c in counts] for counts in (first, second)]
    apart = [b.mean() - a.mean() for a, b in zip(*drawn, strict=True)]
    variance = np.var(apart) * n / (n - 1)
    below = variance**2 / (n - 1)
    for scores, counts in zip(drawn, observed, strict=True):
        seeds = len(counts)
        between = sum((x - np.mean(counts)) ** 2 for x in counts) / (seeds - 1)
        shared = 0.0  # what seeds disagree on, sentence by sentence
        for seed in range(seeds):
            off = [row[seed] - row.mean() for row in scores]
            shared += np.var(off) * n / (n - 1) / (seeds - 1)
        variance += max(between - shared, 0.0) / seeds
        below += (between / seeds) ** 2 / (seeds - 1)
    difference = np.mean(observed[1]) - np.mean(observed[0])
    error, degrees = math.sqrt(variance), variance**2 / below
    p_value = 2 * student.sf(abs(difference) / error, degrees)
    return difference, error, degrees, max(p_value, 1 / (SAMPLES + 1))


@pytest.mark.parametrize("score", [mean, perplexity])
@pytest.mark.parametrize("seeds", [(2, 2), (3, 5)])
@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_a_plain_loop_with_the_same_draws_says_the_same(score, seeds, spread):
    rng = np.random.default_rng(4)
    first = system(rng, seeds[0], spread=spread)
    second = system(rng, seeds[1], spread=spread, better=0.05)
    result = crossed_bootstrap(first, second, score, samples=SAMPLES)
    got = (result.difference, result.error, result.degrees, result.p_value)
    np.testing.assert_allclose(got, by_loops(first, second, score), rtol=1e-9)
    alone = paired_bootstrap(first.sum(0), second.sum(0), score, samples=SAMPLES)
    assert result.sentences.p_value == alone.p_value
    np.testing.assert_allclose(result.sentences, alone, rtol=1e-12)


def test_drawing_seeds_and_sentences_varies_as_the_parts_say():
    """The variance of literal draws, which for few seeds is (k - 1) / k too small."""
    rng = np.random.default_rng(0)
    k, n, draws = 3, 40, 8_000
    first, second = (system(rng, k, noise=0.4) for _ in range(2))

    def scores(counts, places, seeds):
        return mean(counts[seeds][:, places].sum(1)).mean()

    differences = []
    for _ in range(draws):
        places = rng.integers(n, size=n)
        chosen = rng.integers(k, size=(2, k))
        differences.append(
            scores(second, places, chosen[1]) - scores(first, places, chosen[0])
        )
    result = crossed_bootstrap(first, second, mean, samples=5000)
    literal = np.var(differences)
    # What is known of the parts: undo the corrections one by one.
    expected = result.error**2 * (n - 1) / n
    for counts in (first, second):
        observed = mean(counts.sum(1))
        between = np.var(observed, ddof=1)
        places = rng.integers(n, size=(5000, n))
        drawn = mean(counts[:, places].sum(2)).T
        shared = np.var(drawn - drawn.mean(1, keepdims=True), axis=0).sum() / (k - 1)
        corrected = max(between - shared * n / (n - 1), 0.0) * (n - 1) / n
        plain = (k - 1) / k * (between + shared)  # of the seeds on other sentences
        expected += (plain - corrected) / k
    assert literal == pytest.approx(expected, rel=0.08)


def rates(seeds, *, spread, noise, trials=400, spreads=None):
    """How often nothing is called something: by both tests, over sentences alone."""
    rng = np.random.default_rng(1)
    both = alone = 0
    for _ in range(trials):
        base = rng.normal(0, 0.3, 60)
        pair = [
            system(rng, seeds, 60, spread=each, noise=noise, base=base)
            for each in spreads or (spread, spread)
        ]
        result = crossed_bootstrap(*pair, mean, samples=100)
        both += result.p_value < 0.05
        alone += result.sentences.p_value < 0.05
    return both / trials, alone / trials


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_that_differ_more_than_sentences_do_not_fool_it(seeds):
    both, alone = rates(seeds, spread=0.1, noise=0.05)
    assert both < 0.08  # 0.05 and three standard errors
    assert alone > 0.5


def test_without_a_spread_over_seeds_it_still_finds_no_more_than_its_level():
    both, alone = rates(3, spread=0.0, noise=0.2)
    assert both < 0.08 and alone < 0.09


def test_what_holds_over_both_is_seen():
    rng = np.random.default_rng(3)
    first, same = (system(rng, 3) for _ in range(2))
    better = system(rng, 3, better=-0.5)
    result, alike = crossed_bootstraps(first, [better, same], mean)
    assert result.difference == pytest.approx(-0.5, abs=0.1)
    assert result.p_value < 0.02 and 0.05 < alike.p_value <= 1.0


def test_many_systems_in_blocks_are_those_one_by_one(monkeypatch):
    rng = np.random.default_rng(5)
    first = system(rng, 3).round(2)
    others = [system(rng, seeds).round(2) for seeds in (2, 3, 1, 4)]
    alone = [crossed_bootstrap(first, other, mean, samples=80) for other in others]
    monkeypatch.setattr(module, "_CELLS", 3 * first[0].size)
    blocks = crossed_bootstraps(first, others, mean, samples=80)
    for one, other in zip(alone, blocks, strict=True):
        np.testing.assert_allclose(one[:6], other[:6], rtol=1e-9)
        assert one.sentences.p_value == other.sentences.p_value
    assert math.isnan(alone[2].p_value) and alone[2].sentences.p_value <= 1
    assert crossed_bootstraps(first, [], mean) == []


def test_equal_systems_and_those_without_any_noise():
    rng = np.random.default_rng(6)
    first = system(rng, 3)
    assert crossed_bootstrap(first, first.copy(), mean).p_value == 1.0
    flat = np.ones((2, 10, 2))
    further = flat * (2, 1)
    assert crossed_bootstrap(flat, flat, mean).p_value == 1.0
    assert crossed_bootstrap(flat, further, mean, samples=99).p_value == 0.01
    beyond = flat * (700, 1)  # the square of such a perplexity has no number
    assert crossed_bootstrap(beyond, flat * (650, 1), perplexity).p_value <= 1.0


def test_errors():
    counts = np.ones((2, 5, 2))
    with pytest.raises(ValueError, match=r"\(2, 5, 2\) and \(2, 4, 2\)"):
        crossed_bootstrap(counts, counts[:, :4], mean)
    with pytest.raises(ValueError, match=r"\(2, 5, 2\) and \(5, 2\)"):
        crossed_bootstrap(counts, counts[0], mean)
    with pytest.raises(ValueError, match="0 samples of 5 sentences"):
        crossed_bootstrap(counts, counts, mean, samples=0)
    with pytest.raises(ValueError, match="samples of 0 sentences"):
        crossed_bootstrap(counts[:, :0], counts[:, :0], mean)
