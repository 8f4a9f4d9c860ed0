"""What `attnlab.metrics` offers by name: links are (source, target) there."""

import subprocess
import sys

import numpy as np
import pytest

from attnlab import metrics
from attnlab.metrics import bleu_score
from attnlab.metrics.links import reverse
from attnlab.metrics.symmetrization import SYMMETRIZATIONS

LINKS, SURE, POSSIBLE = {(0, 0), (1, 2)}, {(0, 0), (2, 1)}, {(0, 0), (1, 2)}


def test_aer_of_a_sentence():
    assert metrics.aer({(0, 0)}, {(0, 0)}) == 0.0
    assert metrics.aer({(0, 1)}, {(0, 0)}) == 1.0
    # 1 - (1 sure + 2 possible) / (2 links + 2 sure)
    assert metrics.aer(LINKS, SURE, POSSIBLE) == pytest.approx(0.25)
    turned = map(reverse, (LINKS, SURE, POSSIBLE))
    assert metrics.aer(*turned) == pytest.approx(0.25)
    assert np.isnan(metrics.aer(set(), set()))


def test_aer_of_a_corpus_pools_counts():
    links, sure = [LINKS, {(0, 0)}], [SURE, {(0, 0)}]
    pooled = metrics.aer(links, sure, [POSSIBLE, set()])
    assert pooled == pytest.approx(1 - (3 + 2) / (4 + 2))
    assert metrics.aer(links, sure) == pytest.approx(1 - (1 + 1 + 2) / (4 + 2))
    assert np.isnan(metrics.aer([], []))


@pytest.mark.parametrize(
    ("links", "sure", "possible", "message"),
    [
        ([LINKS], [SURE, SURE], [], "1 sentences.* 2"),
        ([LINKS], [SURE], [POSSIBLE, POSSIBLE], "1 sentences.* 2"),
        (LINKS, [SURE, SURE], [], "1 sentences.* 2"),
    ],
)
def test_aer_of_different_sentences_is_refused(links, sure, possible, message):
    with pytest.raises(ValueError, match=message):
        metrics.aer(links, sure, possible)


@pytest.mark.parametrize("method", SYMMETRIZATIONS)
def test_symmetrize_takes_source_first(method):
    """The order in which links join is the same as inside, so the result is, too."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        forward, backward = (
            {(int(t), int(s)) for t, s in rng.integers(6, size=(8, 2))}
            for _ in range(2)
        )
        inside = SYMMETRIZATIONS[method](forward, backward)
        turned = metrics.symmetrize(reverse(forward), reverse(backward), method)
        assert turned == reverse(inside)


def test_symmetrize_names_the_methods():
    with pytest.raises(ValueError, match="'gdfa'.*intersection, union, grow-diag"):
        metrics.symmetrize(set(), set(), "gdfa")
    links = {(0, 0), (2, 1)}
    assert metrics.symmetrize(links, links) == links  # grow-diag-final


def test_bleu_and_its_test():
    lines = [f"a b c d e {n}" for n in range(20)]
    assert metrics.bleu(lines, lines).score == pytest.approx(100)
    assert "tok:none" in metrics.bleu(lines, lines).signature
    worse = ["x" + line[1:] for line in lines]
    counts = [bleu_score.statistics(texts, lines) for texts in (worse, lines)]
    compared = metrics.paired_bootstrap(*counts, bleu_score.score, samples=100)
    assert compared.difference > 0 and compared.p_value < 0.05
    seeds = [np.stack([system, system]) for system in counts]
    crossed = metrics.crossed_bootstrap(*seeds, bleu_score.score, samples=100)
    assert crossed.sentences == compared and crossed.p_value < 0.05


def test_names_are_listed_and_imported_when_used():
    assert dir(metrics) == [
        *("aer", "bleu", "chrf", "crossed_bootstrap"),
        *("paired_bootstrap", "symmetrize", "ter"),
    ]
    with pytest.raises(AttributeError, match="rouge"):
        metrics.rouge  # noqa: B018
    code = (
        "import sys, attnlab.metrics as m; m.aer; assert 'sacrebleu' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
